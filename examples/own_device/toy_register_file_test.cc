// SPDX-License-Identifier: Apache-2.0

#include "examples/own_device/toy_register_file.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

using toy::Register;

class TestLine final : public InterruptLine {
 public:
  void Set(LineLevel level) override { high = level == LineLevel::kHigh; }
  bool high = false;
};

class ToyRegisterFileTest : public testing::Test {
 protected:
  uint64_t Get(Register at) { return registers_.ReadRegister(static_cast<uint64_t>(at), 4); }
  void Set(Register at, uint64_t value) {
    registers_.WriteRegister(static_cast<uint64_t>(at), 4, value);
  }

  TestLine line_;
  std::optional<uint64_t> blocks_ = 0x123456789a;
  int commands_ = 0;
  ToyRegisterFile registers_{line_, [this] { return blocks_; }, [this] { ++commands_; }};
};

TEST_F(ToyRegisterFileTest, HalvesMakeA64BitValue) {
  Set(Register::kLbaLow, 0x89abcdef);
  Set(Register::kLbaHigh, 0x01234567);
  Set(Register::kBufferHigh, 0xffffffff);
  EXPECT_EQ(registers_.Get().lba, 0x0123456789abcdefu);
  EXPECT_EQ(registers_.Get().buffer, 0xffffffff00000000u);
  EXPECT_EQ(Get(Register::kLbaHigh), 0x01234567u);
  EXPECT_EQ(Get(Register::kCapacityLow), 0x3456789au);
  EXPECT_EQ(Get(Register::kCapacityHigh), 0x12u);
}

TEST_F(ToyRegisterFileTest, ACommandSetsBusyAndLocksTheOperands) {
  Set(Register::kCount, 3);
  Set(Register::kCommand, static_cast<uint32_t>(toy::Command::kFlush));
  EXPECT_EQ(commands_, 1);
  EXPECT_EQ(Get(Register::kStatus) & toy::kBusy, toy::kBusy);
  Set(Register::kCount, 4);
  Set(Register::kCommand, static_cast<uint32_t>(toy::Command::kRead));
  EXPECT_EQ(commands_, 1);
  EXPECT_EQ(Get(Register::kCount), 3u);
}

TEST_F(ToyRegisterFileTest, EventsHoldTheLineUntilCleared) {
  registers_.Update([](auto& v) { v.events = toy::kDone | toy::kMediumChanged; });
  EXPECT_TRUE(line_.high);
  Set(Register::kEvents, toy::kDone);
  EXPECT_EQ(Get(Register::kEvents), toy::kMediumChanged);
  EXPECT_TRUE(line_.high);
  Set(Register::kEvents, UINT32_MAX);
  EXPECT_FALSE(line_.high);
}

TEST_F(ToyRegisterFileTest, MediumIsPresentWhenInsertedAndClosed) {
  EXPECT_EQ(Get(Register::kStatus), toy::kMediumPresent);
  registers_.Update([](auto& v) { v.tray_open = true; });
  EXPECT_EQ(Get(Register::kStatus), toy::kTrayOpen);
  registers_.Update([](auto& v) { v.tray_open = false; });
  blocks_.reset();
  EXPECT_EQ(Get(Register::kStatus), 0u);
  EXPECT_EQ(Get(Register::kCapacityLow), 0u);
}

TEST_F(ToyRegisterFileTest, OtherAccessesReadZeroAndDoNothing) {
  for (const unsigned width : {1u, 2u, 8u}) {
    EXPECT_EQ(registers_.ReadRegister(0, width), 0u);
    registers_.WriteRegister(static_cast<uint64_t>(Register::kCommand), width, 1);
  }
  EXPECT_EQ(registers_.ReadRegister(2, 4), 0u);
  EXPECT_EQ(registers_.ReadRegister(0x38, 4), 0u) << "no such register";
  EXPECT_EQ(commands_, 0);
  registers_.Update([](auto& v) { v.unplugged = true; });
  EXPECT_EQ(Get(Register::kId), UINT64_MAX);
  Set(Register::kCommand, 1);
  EXPECT_EQ(commands_, 0);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "examples/own_device/toy_register_file.h"

#include "gtest/gtest.h"

#include "aio/simulated/world.h"

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
  ~ToyRegisterFileTest() override { Commands(); }

  uint64_t Get(Register at) { return registers_.ReadRegister(static_cast<uint64_t>(at), 4); }
  void Set(Register at, uint64_t value) {
    registers_.WriteRegister(static_cast<uint64_t>(at), 4, value);
  }

  // How many times the drive was told of a command.
  int Commands() {
    while (control_.RunReady()) continue;
    return commands_;
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  int commands_ = 0;
  BottomHalf on_command_{control_, [this] { ++commands_; }};
  TestLine line_;
  uint64_t medium_bytes_ = 0x123456789a * toy::kBlockBytes;
  ToyRegisterFile registers_{line_, on_command_, [this] { return medium_bytes_; }};
};

TEST_F(ToyRegisterFileTest, HalvesMakeA64BitValue) {
  Set(Register::kLbaLow, 0x89abcdef);
  Set(Register::kLbaHigh, 0x01234567);
  Set(Register::kBufferHigh, 0xffffffff);
  EXPECT_EQ(registers_.command().lba, 0x0123456789abcdefu);
  EXPECT_EQ(registers_.command().buffer, 0xffffffff00000000u);
  EXPECT_EQ(Get(Register::kLbaHigh), 0x01234567u);
  EXPECT_EQ(Get(Register::kCapacityLow), 0x3456789au);
  EXPECT_EQ(Get(Register::kCapacityHigh), 0x12u);
}

TEST_F(ToyRegisterFileTest, ACommandSetsBusyAndLocksTheOperands) {
  Set(Register::kCount, 3);
  EXPECT_FALSE(registers_.Has(toy::kBusy));
  Set(Register::kCommand, static_cast<uint32_t>(toy::Command::kFlush));
  EXPECT_TRUE(registers_.Has(toy::kBusy)) << "before the drive is told";
  EXPECT_EQ(Commands(), 1);
  EXPECT_EQ(Get(Register::kStatus) & toy::kBusy, toy::kBusy);
  Set(Register::kCount, 4);
  Set(Register::kCommand, static_cast<uint32_t>(toy::Command::kRead));
  EXPECT_EQ(Commands(), 1);
  EXPECT_EQ(Get(Register::kCount), 3u);
  EXPECT_EQ(registers_.command().code, toy::Command::kFlush);
}

TEST_F(ToyRegisterFileTest, FinishTellsTheOutcomeAndTakesTheNextCommand) {
  Set(Register::kCommand, static_cast<uint32_t>(toy::Command::kFlush));
  registers_.Finish(toy::Error::kIo);
  EXPECT_FALSE(registers_.Has(toy::kBusy));
  EXPECT_EQ(Get(Register::kError), static_cast<uint32_t>(toy::Error::kIo));
  EXPECT_EQ(Get(Register::kEvents), uint32_t{toy::kDone});
  EXPECT_TRUE(line_.high);
  Set(Register::kCommand, static_cast<uint32_t>(toy::Command::kRead));
  EXPECT_EQ(registers_.command().code, toy::Command::kRead);
}

TEST_F(ToyRegisterFileTest, EventsHoldTheLineUntilCleared) {
  registers_.Raise(toy::kDone);
  registers_.Raise(toy::kMediumChanged);
  EXPECT_TRUE(line_.high);
  Set(Register::kEvents, toy::kDone);
  EXPECT_EQ(Get(Register::kEvents), uint32_t{toy::kMediumChanged});
  EXPECT_TRUE(line_.high);
  Set(Register::kEvents, UINT32_MAX);
  EXPECT_FALSE(line_.high);
}

TEST_F(ToyRegisterFileTest, SetSaysWhetherTheBitChanged) {
  EXPECT_FALSE(registers_.Set(toy::kLocked, false));
  EXPECT_TRUE(registers_.Set(toy::kLocked, true));
  EXPECT_FALSE(registers_.Set(toy::kLocked, true));
  EXPECT_TRUE(registers_.Has(toy::kLocked));
  EXPECT_FALSE(registers_.Has(toy::kTrayOpen));
  EXPECT_TRUE(registers_.Set(toy::kLocked, false));
  EXPECT_FALSE(registers_.Has(toy::kLocked));
  EXPECT_FALSE(line_.high);
}

TEST_F(ToyRegisterFileTest, MediumIsPresentWhenInsertedAndClosed) {
  EXPECT_EQ(Get(Register::kStatus), uint32_t{toy::kMediumPresent});
  registers_.Set(toy::kTrayOpen, true);
  EXPECT_EQ(Get(Register::kStatus), uint32_t{toy::kTrayOpen});
  registers_.Set(toy::kTrayOpen, false);
  medium_bytes_ = 0;
  EXPECT_EQ(Get(Register::kStatus), 0u);
  EXPECT_EQ(Get(Register::kCapacityLow), 0u);
}

TEST_F(ToyRegisterFileTest, ClearMakesThemThoseOfANewDrive) {
  Set(Register::kLbaLow, 1);
  Set(Register::kCount, 2);
  Set(Register::kBufferHigh, 3);
  Set(Register::kCommand, static_cast<uint32_t>(toy::Command::kRead));
  registers_.Finish(toy::Error::kIo);
  registers_.Set(toy::kLocked, true);
  registers_.Clear();
  EXPECT_FALSE(line_.high);
  for (const Register at : {Register::kError, Register::kLbaLow, Register::kCount,
                            Register::kBufferHigh, Register::kEvents}) {
    EXPECT_EQ(Get(at), 0u) << static_cast<int>(at);
  }
  EXPECT_EQ(Get(Register::kStatus), uint32_t{toy::kMediumPresent});
  EXPECT_EQ(registers_.command().code, toy::Command{});
}

TEST_F(ToyRegisterFileTest, OtherAccessesReadZeroAndDoNothing) {
  for (const unsigned width : {1u, 2u, 8u}) {
    EXPECT_EQ(registers_.ReadRegister(0, width), 0u);
    registers_.WriteRegister(static_cast<uint64_t>(Register::kCommand), width, 1);
  }
  EXPECT_EQ(registers_.ReadRegister(2, 4), 0u);
  EXPECT_EQ(registers_.ReadRegister(0x38, 4), 0u) << "no such register";
  EXPECT_EQ(Commands(), 0);
}

TEST_F(ToyRegisterFileTest, DisconnectedTheyReadAllOnesAndDoNothing) {
  Set(Register::kCommand, static_cast<uint32_t>(toy::Command::kRead));
  EXPECT_EQ(Commands(), 1);
  registers_.Raise(toy::kMediumChanged);
  registers_.Disconnect();
  EXPECT_FALSE(line_.high);
  EXPECT_FALSE(registers_.Has(toy::kBusy));
  EXPECT_EQ(Get(Register::kId), UINT64_MAX);
  Set(Register::kCommand, static_cast<uint32_t>(toy::Command::kRead));
  EXPECT_EQ(Commands(), 1);
  registers_.Raise(toy::kDone);
  EXPECT_FALSE(line_.high);
  registers_.Clear();
  EXPECT_EQ(Get(Register::kId), UINT64_MAX) << "for good";
}

}  // namespace
}  // namespace platter

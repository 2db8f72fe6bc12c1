// SPDX-License-Identifier: Apache-2.0
//
// The guest's driver of packet drives on Platter's own: each way to move data, memory above 4 GiB,
// typed commands, sense, and what it takes for a fault.

#include "testing/guest/atapi_driver.h"

#include <cerrno>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/ide_channel.h"
#include "devices/testing/fake_block_device.h"
#include "testing/guest/in_process_bus.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

class AtapiDriverTest : public testing::Test {
 protected:
  static constexpr uint64_t kBlocks = 512;
  static constexpr uint32_t kBlock = AtapiDriver::kBlock;
  static constexpr IdeDriver::Place kPlace = {.unit = 1};

  AtapiDriverTest() {
    FillPattern(1, 0, backend_.data);
    IoSpace& ports = bus_.ports();
    EXPECT_TRUE(ports.Map(kPlace.command, ata::kCommandBlockBytes, channel_.command_block()).ok());
    EXPECT_TRUE(ports.Map(kPlace.control, ata::kControlBlockBytes, channel_.control_block()).ok());
    EXPECT_TRUE(ports.Map(kPlace.bus_master, kBusMasterBytes, channel_.bus_master()).ok());
    auto drive = AtapiCd::Create({.id = "cd0"}, channel_.port(1), backend_, control_);
    EXPECT_TRUE(drive.ok()) << drive.status();
    drive_ = *std::move(drive);
    EXPECT_TRUE(driver_.ClearNews());
  }
  ~AtapiDriverTest() override {
    backend_.Release();
    bool done = false;
    drive_->Unplug([&] { done = true; });
    EXPECT_TRUE(bus_.WaitFor([&] { return done; }, IdeDriver::kTimeout));
  }
  std::vector<uint8_t> DataAt(uint64_t lba, uint64_t blocks) const {
    const auto from = backend_.data.begin() + static_cast<ptrdiff_t>(lba * kBlock);
    return {from, from + static_cast<ptrdiff_t>(blocks * kBlock)};
  }

  SimulatedWorld world_{3};
  AioContext& control_ = world_.NewContext("control");
  InProcessBus bus_{control_, {}};
  FakeBlockDevice backend_{kBlocks * kBlock};
  IdeChannel channel_{{.memory = bus_.memory(), .line = bus_.Line(kPlace.line)}};
  std::unique_ptr<AtapiCd> drive_;
  AtapiDriver driver_{bus_, kPlace};
};

TEST_F(AtapiDriverTest, ReadsEachWay) {
  std::vector<uint8_t> data(size_t{5} * kBlock);
  for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
    ASSERT_TRUE(driver_.Read10(way, 11, data).ok());
    EXPECT_EQ(data, DataAt(11, 5));
    ASSERT_TRUE(driver_.Read12(way, 500, data).ok());
    EXPECT_EQ(data, DataAt(500, 5));
  }
  EXPECT_EQ(driver_.faults(), 0u);
}

TEST_F(AtapiDriverTest, MemoryAbove4GiBGoesThroughItsOwnBuffer) {
  ASSERT_TRUE(bus_.Allocate(7 * 1024 * 1024, 4096).ok());  // More than the low region has left.
  const uint64_t high = *bus_.Allocate(2 * 1024 * 1024, 4096);
  ASSERT_GE(high, uint64_t{1} << 32);
  for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
    bus_.Write(high, std::vector<uint8_t>(size_t{2} * kBlock, 0));
    ASSERT_TRUE(driver_
                    .Run({.packet = AtapiDriver::MakeRead10(3, 2),
                          .way = way,
                          .buffer = high,
                          .bytes = 2 * kBlock})
                    ->ok());
    std::vector<uint8_t> data(size_t{2} * kBlock);
    bus_.Read(high, data);
    EXPECT_EQ(data, DataAt(3, 2));
  }
}

TEST_F(AtapiDriverTest, TheBlocksOfALimit) {
  const auto answer = driver_.Run({.packet = AtapiDriver::MakeRead10(0, 3),
                                   .buffer = driver_.ide().scratch(),
                                   .bytes = 3 * kBlock,
                                   .limit = 4096});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->blocks, (std::vector<uint32_t>{4096, 2048}));
  EXPECT_EQ(answer->moved, 3 * kBlock);
  EXPECT_EQ(answer->reason, guest::kPacketReasonStatus);
}

TEST_F(AtapiDriverTest, TypedCommands) {
  EXPECT_TRUE(driver_.TestUnitReady().ok());
  EXPECT_EQ(driver_.IdentifyPacket()->words[0] >> 14, 2);
  EXPECT_EQ(driver_.ReadCapacity(),
            (AtapiDriver::Capacity{.blocks = kBlocks, .block_bytes = kBlock}));
  const AtapiResult toc = driver_.Toc();
  ASSERT_TRUE(toc.ok());
  EXPECT_EQ(toc.data.size(), 20u);
  EXPECT_EQ(driver_.Toc(1).data.size(), 12u);
  EXPECT_EQ(driver_.Toc(0, 0xaa).data.size(), 12u);
  EXPECT_EQ(driver_.GetEventStatus(), (AtapiDriver::Event{.medium = true}));
  EXPECT_TRUE(driver_.PreventAllow(AtapiLock::kLocked).ok());
  EXPECT_EQ(driver_.StartStop(AtapiTray::kOpen).sense, (AtapiSense{.key = 5, .code = 0x5302}));
  EXPECT_TRUE(driver_.PreventAllow(AtapiLock::kUnlocked).ok());
  EXPECT_TRUE(driver_.StartStop(AtapiTray::kOpen).ok());
  EXPECT_EQ(driver_.GetEventStatus(),
            (AtapiDriver::Event{.code = 3, .tray_open = true, .medium = true}));
  EXPECT_EQ(driver_.ReadCapacity(), std::nullopt);
  EXPECT_TRUE(driver_.StartStop(AtapiTray::kClose).ok());
}

TEST_F(AtapiDriverTest, SendsEachWay) {
  for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
    EXPECT_TRUE(driver_.SetStreaming(way, 3, kBlocks - 1, 1385).ok());
    // It is the block that was sent that is refused.
    EXPECT_EQ(driver_.SetStreaming(way, 3, kBlocks, 1385).sense,
              (AtapiSense{.key = 5, .code = 0x2600}));
    EXPECT_EQ(driver_.SetStreaming(way, 3, 2, 1385).sense, (AtapiSense{.key = 5, .code = 0x2600}));
  }
  std::vector<uint8_t> list(28);
  list[0] = 4;
  const AtapiResult result = driver_.Send(AtapiDriver::MakeSetStreaming(), list, IdeWay::kPio, 12);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.answer->blocks, (std::vector<uint32_t>{12, 12, 4}));
  EXPECT_EQ(driver_.faults(), 0u);
  // Less than the drive takes: the rest is zeroes, and that is a fault of the driver's user.
  EXPECT_TRUE(driver_.Send(AtapiDriver::MakeSetStreaming(), std::vector<uint8_t>{4}).ok());
  EXPECT_EQ(driver_.faults(), 1u);
}

TEST_F(AtapiDriverTest, DataFromAbove4GiBGoThroughItsOwnBuffer) {
  ASSERT_TRUE(bus_.Allocate(7 * 1024 * 1024, 4096).ok());  // More than the low region has left.
  const uint64_t high = *bus_.Allocate(2 * 1024 * 1024, 4096);
  ASSERT_GE(high, uint64_t{1} << 32);
  for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
    for (const uint8_t flags : {4, 8}) {  // Taken; refused.
      std::vector<uint8_t> list(28);
      list[0] = flags;
      bus_.Write(high, list);
      const auto answer = driver_.Run({.packet = AtapiDriver::MakeSetStreaming(),
                                       .way = way,
                                       .buffer = high,
                                       .bytes = 28,
                                       .data = PacketData::kToDrive});
      ASSERT_TRUE(answer.has_value());
      EXPECT_EQ(answer->ok(), flags == 4);
    }
  }
}

TEST_F(AtapiDriverTest, NewsAreASequence) {
  backend_.ops.change_media(MediumMove::kEject);
  backend_.ops.change_media(MediumMove::kLoad);
  EXPECT_TRUE(AtapiDriver::IsNews(driver_.TestUnitReady().sense));
  EXPECT_TRUE(AtapiDriver::IsNews(driver_.TestUnitReady().sense));
  EXPECT_TRUE(driver_.TestUnitReady().ok());
  backend_.inserted = false;
  backend_.ops.change_media(MediumMove::kLoad);
  EXPECT_TRUE(driver_.ClearNews());
  EXPECT_FALSE(AtapiDriver::IsNews(driver_.TestUnitReady().sense)) << "empty is no news";
}

TEST_F(AtapiDriverTest, ErrorsHaveTheirSense) {
  std::vector<uint8_t> data(kBlock);
  backend_.next_error = -EIO;
  const AtapiResult result = driver_.Read10(IdeWay::kDma, 0, data);
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.answer->key(), 3);
  EXPECT_EQ(result.sense, (AtapiSense{.key = 3, .code = 0x1100}));
}

TEST_F(AtapiDriverTest, ATableThatIsTooShortIsAnAnswerToo) {
  const auto answer = driver_.Run({.packet = AtapiDriver::MakeRead10(0, 2),
                                   .way = IdeWay::kDma,
                                   .buffer = driver_.ide().scratch(),
                                   .bytes = kBlock});
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->ok());
  EXPECT_EQ(answer->bus_master, 0);
}

TEST_F(AtapiDriverTest, NoAnswerInTimeIsNone) {
  backend_.hold = true;
  EXPECT_FALSE(driver_
                   .Run({.packet = AtapiDriver::MakeRead10(0, 1),
                         .buffer = driver_.ide().scratch(),
                         .bytes = kBlock},
                        std::chrono::seconds(1))
                   .has_value());
  EXPECT_TRUE(driver_.busy());
  EXPECT_TRUE(driver_.DeviceReset());
  EXPECT_FALSE(driver_.busy());
  EXPECT_TRUE(driver_.ClearNews());
}

TEST_F(AtapiDriverTest, MoreThanThereIsRoomForIsAFault) {
  const auto answer = driver_.Run({.packet = AtapiDriver::MakeRead10(0, 2),
                                   .buffer = driver_.ide().scratch(),
                                   .bytes = kBlock,
                                   .limit = 4096});
  ASSERT_TRUE(answer.has_value()) << "it is taken all the same";
  EXPECT_EQ(driver_.faults(), 1u);
}

TEST_F(AtapiDriverTest, AnInterruptThatNothingExplainsIsAFault) {
  EXPECT_FALSE(driver_.Poll().has_value());
  EXPECT_EQ(driver_.faults(), 0u);
  driver_.ide().Set(guest::kIdeCommand, 0);  // Behind the driver's back.
  bus_.RunFor(std::chrono::seconds(1));
  EXPECT_FALSE(driver_.Poll().has_value());
  EXPECT_EQ(driver_.faults(), 1u);
}

}  // namespace
}  // namespace platter

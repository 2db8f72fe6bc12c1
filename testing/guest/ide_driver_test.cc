// SPDX-License-Identifier: Apache-2.0
//
// The guest's IDE driver on Platter's own disk: each way to move data, memory above 4 GiB,
// interrupts, errors, resets, and what it takes for a fault.

#include "testing/guest/ide_driver.h"

#include <cerrno>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/ide/ata_disk.h"
#include "devices/ide/ide_channel.h"
#include "devices/testing/fake_block_device.h"
#include "testing/guest/in_process_bus.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

class IdeDriverTest : public testing::Test {
 protected:
  static constexpr uint64_t kSectors = 2048;
  static constexpr IdeDriver::Place kPlace = {};

  IdeDriverTest() {
    IoSpace& ports = bus_.ports();
    EXPECT_TRUE(ports.Map(kPlace.command, ata::kCommandBlockBytes, channel_.command_block()).ok());
    EXPECT_TRUE(ports.Map(kPlace.control, ata::kControlBlockBytes, channel_.control_block()).ok());
    EXPECT_TRUE(ports.Map(kPlace.bus_master, kBusMasterBytes, channel_.bus_master()).ok());
    auto disk = AtaDisk::Create({.id = "hd0"}, channel_.port(0), backend_, control_, control_);
    EXPECT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
  }
  ~IdeDriverTest() override {
    backend_.Release();
    bool done = false;
    disk_->Unplug([&] { done = true; });
    EXPECT_TRUE(bus_.WaitFor([&] { return done; }, IdeDriver::kTimeout));
  }

  SimulatedWorld world_{3};
  AioContext& control_ = world_.NewContext("control");
  InProcessBus bus_{control_, {}};
  FakeBlockDevice backend_{kSectors * 512};
  IdeChannel channel_{{.memory = bus_.memory(), .line = bus_.Line(kPlace.line)}};
  std::unique_ptr<AtaDisk> disk_;
  IdeDriver driver_{bus_, kPlace};
};

TEST_F(IdeDriverTest, ReadsBackWhatItWroteEachWay) {
  ASSERT_TRUE(driver_.SetMultiple(16)->ok());
  std::vector<uint8_t> data(40 * 512);
  std::vector<uint8_t> back(data.size());
  uint64_t lba = 5;
  for (const IdeWay writes : {IdeWay::kPio, IdeWay::kMultiple, IdeWay::kDma}) {
    for (const IdeWay reads : {IdeWay::kPio, IdeWay::kMultiple, IdeWay::kDma}) {
      FillPattern(lba, lba * 512, data);
      ASSERT_TRUE(driver_.Write(writes, lba, data)->ok());
      ASSERT_TRUE(driver_.Read(reads, lba, back)->ok());
      EXPECT_EQ(back, data);
      lba += 41;
    }
  }
  EXPECT_TRUE(driver_.Flush()->ok());
  EXPECT_EQ(driver_.faults(), 0u);
}

TEST_F(IdeDriverTest, MemoryAbove4GiBGoesThroughItsOwnBuffer) {
  // More than the low region has left.
  ASSERT_TRUE(bus_.Allocate(7 * 1024 * 1024, 4096).ok());
  const uint64_t high = *bus_.Allocate(2 * 1024 * 1024, 4096);
  ASSERT_GE(high, uint64_t{1} << 32);
  std::vector<uint8_t> data(1024);
  FillPattern(9, 0, data);
  bus_.Write(high, data);
  IdeCommand command = driver_.Transfer(IdeWay::kDma, true, 7, 1024);
  command.buffer = high;
  ASSERT_TRUE(driver_.Run(command)->ok());
  command = driver_.Transfer(IdeWay::kDma, false, 7, 1024);
  command.buffer = high + 4096;
  ASSERT_TRUE(driver_.Run(command)->ok());
  std::vector<uint8_t> back(1024);
  bus_.Read(high + 4096, back);
  EXPECT_EQ(back, data);
}

TEST_F(IdeDriverTest, NoDescriptorCrosses64KiB) {
  const uint64_t buffer = *bus_.Allocate(4 * 65536, 65536);
  IdeCommand command = driver_.Transfer(IdeWay::kDma, false, 0, 2 * 65536);
  command.buffer = buffer + 512;
  const auto answer = driver_.Run(command);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok());
  EXPECT_EQ(answer->bus_master & (guest::kBmActive | guest::kBmInterrupt), guest::kBmInterrupt)
      << "the table fits exactly";
  std::vector<uint8_t> table(24);
  bus_.Read(driver_.prd_table(), table);
  EXPECT_EQ(table[4] | table[5] << 8, 65536 - 512);
  EXPECT_EQ(table[12] | table[13] << 8, 0) << "64 KiB";
  EXPECT_EQ(table[20] | table[21] << 8, 512);
}

TEST_F(IdeDriverTest, ErrorsAreAnswers) {
  std::vector<uint8_t> data(512);
  for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
    const auto beyond = driver_.Read(way, kSectors, data);
    ASSERT_TRUE(beyond.has_value());
    EXPECT_FALSE(beyond->ok());
    EXPECT_EQ(beyond->error, guest::kIdeErrorNotFound);
    backend_.next_error = -EIO;
    const auto bad = driver_.Read(way, 3, data);
    EXPECT_EQ(bad->error, guest::kIdeErrorUncorrectable);
    EXPECT_EQ(bad->lba, 3u);
    EXPECT_TRUE(driver_.Write(way, 3, data)->ok());
  }
  EXPECT_EQ(driver_.faults(), 0u);
}

TEST_F(IdeDriverTest, ATableThatIsTooShortIsAnAnswerToo) {
  IdeCommand command = driver_.Transfer(IdeWay::kDma, false, 0, 512);
  command.buffer = driver_.scratch();
  command.count = 2;
  const auto answer = driver_.Run(command);
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->ok());
  EXPECT_EQ(answer->bus_master, 0);
}

TEST_F(IdeDriverTest, NoAnswerInTimeIsNone) {
  backend_.hold = true;
  EXPECT_FALSE(driver_.Run({.code = guest::kIdeFlush}, std::chrono::seconds(1)).has_value());
  EXPECT_TRUE(driver_.busy());
  EXPECT_TRUE(driver_.SoftReset());
  EXPECT_FALSE(driver_.busy());
  EXPECT_TRUE(driver_.Identify().ok());
}

TEST_F(IdeDriverTest, AnInterruptThatNothingExplainsIsAFault) {
  EXPECT_FALSE(driver_.Poll().has_value());
  EXPECT_EQ(driver_.faults(), 0u);
  driver_.Set(guest::kIdeCommand, 0);  // Behind the driver's back.
  bus_.RunFor(std::chrono::seconds(1));
  EXPECT_FALSE(driver_.Poll().has_value());
  EXPECT_EQ(driver_.faults(), 1u);
}

TEST_F(IdeDriverTest, TrimTakesRanges) {
  const std::vector<IdeDriver::Range> ranges = {{.lba = 1, .sectors = 2}, {.lba = 9, .sectors = 1}};
  EXPECT_TRUE(driver_.Trim(ranges)->ok());
  EXPECT_EQ(backend_.asked.size(), 2u);
}

TEST(IdeDriverAloneTest, ABusWithoutADriveIsGone) {
  SimulatedWorld world(1);
  InProcessBus bus(world.NewContext("control"), {});
  IdeDriver driver(bus, {});
  EXPECT_TRUE(driver.Gone());
  EXPECT_FALSE(driver.SoftReset(std::chrono::seconds(1))) << "reads as busy for ever";
}

}  // namespace
}  // namespace platter

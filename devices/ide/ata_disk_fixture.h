// SPDX-License-Identifier: Apache-2.0
//
// Where the tests of ATA disks begin: a disk on a channel of a machine under virtual time, its
// guest's driver, and a backend that holds and fails requests.

#ifndef PLATTER_DEVICES_IDE_ATA_DISK_FIXTURE_H_
#define PLATTER_DEVICES_IDE_ATA_DISK_FIXTURE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/ide/ata_disk.h"
#include "devices/ide/ide_channel.h"
#include "devices/testing/fake_block_device.h"
#include "testing/guest/ide_driver.h"
#include "testing/guest/in_process_bus.h"

namespace platter {

class AtaDiskTest : public testing::Test {
 protected:
  static constexpr uint64_t kSectors = 4096;
  static constexpr uint32_t kLine = 14;
  static constexpr uint64_t kCommandBase = 0x1f0;
  static constexpr uint64_t kControlBase = 0x3f6;
  static constexpr uint64_t kBmBase = 0xc000;
  using Asked = FakeBlockDevice::Asked;

  AtaDiskTest() {
    for (uint64_t i = 0; i < backend_.data.size(); ++i) backend_.data[i] = ByteAt(i);
    EXPECT_TRUE(
        bus_.ports().Map(kCommandBase, ata::kCommandBlockBytes, channel_.command_block()).ok());
    EXPECT_TRUE(
        bus_.ports().Map(kControlBase, ata::kControlBlockBytes, channel_.control_block()).ok());
    EXPECT_TRUE(bus_.ports().Map(kBmBase, kBusMasterBytes, channel_.bus_master()).ok());
    driver_.emplace(bus_, IdeDriver::Place{});
    MakeDisk({.id = "hd0", .serial = "SERIAL-1"});
  }
  ~AtaDiskTest() override {
    backend_.Release();
    Unplug();
    driver_.reset();
    world_.RunUntilIdle();
  }

  static uint8_t ByteAt(uint64_t i) { return static_cast<uint8_t>(i / 512 * 7 + i); }
  // What `sectors` from `lba` on have at first.
  static std::vector<uint8_t> DataAt(uint64_t lba, uint64_t sectors) {
    std::vector<uint8_t> data(sectors * 512);
    for (uint64_t i = 0; i < data.size(); ++i) data[i] = ByteAt(lba * 512 + i);
    return data;
  }
  std::vector<uint8_t> OnDisk(uint64_t lba, uint64_t sectors) const {
    const auto from = backend_.data.begin() + static_cast<ptrdiff_t>(lba * 512);
    return {from, from + static_cast<ptrdiff_t>(sectors * 512)};
  }

  void MakeDisk(const AtaDiskOptions& options, unsigned unit = 0) {
    auto disk = AtaDisk::Create(options, channel_.port(unit), backend_, control_, io_);
    ASSERT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
    backend_.asked.clear();
  }
  void Unplug() {
    if (disk_ == nullptr) return;
    Await(&Device::Unplug);
    disk_.reset();
  }
  void Await(void (Device::*operation)(DeviceDone)) {
    bool done = false;
    (disk_.get()->*operation)([&] { done = true; });
    EXPECT_FALSE(done) << "never from inside the call";
    ASSERT_TRUE(bus_.WaitFor([&] { return done; }, IdeDriver::kTimeout));
  }
  void Settle() { bus_.RunFor(std::chrono::seconds(1)); }

  IdeDriver& driver() { return *driver_; }
  IdeAnswer Run(const IdeCommand& command) {
    const auto answer = driver().Run(command);
    EXPECT_TRUE(answer.has_value()) << "no answer to command " << int{command.code};
    return answer.value_or(IdeAnswer{});
  }
  void ExpectError(const IdeAnswer& answer, uint8_t error) {
    EXPECT_EQ(answer.status, ata::kStatusGood | ata::kStatusErr);
    EXPECT_EQ(answer.error, error);
  }
  void ExpectGood(const IdeAnswer& answer) {
    EXPECT_EQ(answer.status, ata::kStatusGood);
    EXPECT_EQ(answer.error, 0);
  }
  // The drive answers as always.
  void ExpectWorks() {
    const std::vector<uint8_t> data(1024, 0x3c);
    const auto wrote = driver().Write(IdeWay::kDma, kSectors - 2, data);
    ASSERT_TRUE(wrote.has_value());
    ExpectGood(*wrote);
    std::vector<uint8_t> back(1024);
    const auto read = driver().Read(IdeWay::kPio, kSectors - 2, back);
    ASSERT_TRUE(read.has_value());
    ExpectGood(*read);
    EXPECT_EQ(back, data);
  }

  SimulatedWorld world_{7};
  AioContext& control_ = world_.NewContext("control");
  AioContext& io_ = world_.NewContext("io");
  InProcessBus bus_{control_, {}};
  FakeBlockDevice backend_{kSectors * 512};
  IdeChannel channel_{{.memory = bus_.memory(), .line = bus_.Line(kLine)}};
  std::unique_ptr<AtaDisk> disk_;
  std::optional<IdeDriver> driver_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATA_DISK_FIXTURE_H_

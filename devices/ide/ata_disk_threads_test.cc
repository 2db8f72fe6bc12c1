// SPDX-License-Identifier: Apache-2.0
//
// An ATA disk among real threads: vCPUs at the registers, the drive in an event loop of its own,
// resets, pauses and unplug from the control context. For ThreadSanitizer.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "devices/ide/ata_disk.h"
#include "devices/ide/ide_channel.h"
#include "devices/testing/fake_block_device.h"
#include "devices/testing/loop_thread.h"
#include "testing/guest/ide_driver.h"
#include "testing/guest/in_process_bus.h"
#include "testing/model/pattern.h"
#include "testing/model/random.h"

namespace platter {
namespace {

class AtaDiskThreads : public testing::Test {
 protected:
  static constexpr uint64_t kSectors = 1024;
  static constexpr IdeDriver::Place kPlace = {};

  AtaDiskThreads() {
    backend_.record = false;
    IoSpace& ports = bus_.ports();
    EXPECT_TRUE(ports.Map(kPlace.command, ata::kCommandBlockBytes, channel_.command_block()).ok());
    EXPECT_TRUE(ports.Map(kPlace.control, ata::kControlBlockBytes, channel_.control_block()).ok());
    EXPECT_TRUE(ports.Map(kPlace.bus_master, kBusMasterBytes, channel_.bus_master()).ok());
    auto disk =
        AtaDisk::Create({.id = "hd0"}, channel_.port(0), backend_, *control_, io_.context());
    EXPECT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
  }
  ~AtaDiskThreads() override {
    Await(&Device::Unplug);
    disk_.reset();
  }

  void Await(void (Device::*operation)(DeviceDone)) {
    bool done = false;
    (disk_.get()->*operation)([&] { done = true; });
    control_->RunUntil([&] { return done; });
  }

  std::unique_ptr<AioContext> control_ = *CreateAioContext({.kind = AioKind::kThreads});
  LoopThread io_{"io"};  // Joined before the context that it posts to dies.
  InProcessBus bus_{*control_, {}};
  FakeBlockDevice backend_{kSectors * 512};
  IdeChannel channel_{{.memory = bus_.memory(), .line = bus_.Line(kPlace.line)}};
  std::unique_ptr<AtaDisk> disk_;
};

// One vCPU drives the disk, another looks at all registers that it may look at.
TEST_F(AtaDiskThreads, CommandsBesideAVcpuThatLooks) {
  IdeDriver driver(bus_, kPlace);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      for (unsigned offset = 1; offset < 7; ++offset) {
        channel_.command_block().ReadRegister(offset, 1);
      }
      channel_.control_block().ReadRegister(0, 1);
      channel_.bus_master().ReadRegister(0, 8);
    }
  });
  std::vector<uint8_t> data(8 * 512);
  std::vector<uint8_t> back(data.size());
  EXPECT_TRUE(driver.SetMultiple(16)->ok());
  for (uint64_t i = 0; i < 60; ++i) {
    const IdeWay way = i % 3 == 0 ? IdeWay::kDma : i % 3 == 1 ? IdeWay::kPio : IdeWay::kMultiple;
    FillPattern(i, 0, data);
    EXPECT_TRUE(driver.Write(way, i * 8, data)->ok());
    EXPECT_TRUE(driver.Read(way, i * 8, back)->ok());
    EXPECT_EQ(back, data);
    if (i % 10 == 0) {
      EXPECT_TRUE(driver.Flush()->ok());
      Await(&Device::Pause);
      disk_->Resume();
    }
  }
  stop = true;
  other.join();
  EXPECT_EQ(driver.faults(), 0u);
}

// Two vCPUs that keep to nothing, and a control context that resets beside them.
TEST_F(AtaDiskThreads, HostileVcpusBesideResets) {
  IdeDriver driver(bus_, kPlace);
  driver.WritePrd(0, driver.scratch(), 32768, 0);
  driver.WritePrd(1, driver.scratch(), 32768, 0x8000);
  std::atomic<int> running{2};
  const auto hammer = [&](uint64_t seed) {
    Random random(seed);
    constexpr uint8_t kCodes[] = {ata::kReadDma,   ata::kReadSectors,    ata::kWriteSectors,
                                  ata::kWriteDma,  ata::kIdentifyDevice, ata::kFlushCache,
                                  ata::kReadVerify};
    for (int i = 0; i < 4000; ++i) {
      const auto byte = static_cast<uint8_t>(random.Below(256));
      switch (random.Below(8)) {
        case 0:
        case 1:
          channel_.command_block().WriteRegister(ata::kRegCommand, 1,
                                                 kCodes[random.Below(std::size(kCodes))]);
          break;
        case 2:
          channel_.command_block().WriteRegister(random.Below(7), 1u << random.Below(4), byte);
          break;
        case 3:
          channel_.command_block().WriteRegister(ata::kRegLbaMid, 4,
                                                 uint64_t{ata::kDeviceLba} << 16);
          break;
        case 4:
          channel_.control_block().WriteRegister(0, 1, random.OneIn(8) ? ata::kControlSrst : 0);
          break;
        case 5:
          channel_.bus_master().WriteRegister(kBmRegTable, 4, driver.prd_table());
          channel_.bus_master().WriteRegister(kBmRegCommand, 1, random.Below(2));
          break;
        default: {
          std::vector<uint8_t> burst(1024);
          channel_.ReadData(burst);
          channel_.WriteData(burst);
          channel_.command_block().ReadRegister(0, 8);
        }
      }
    }
    running.fetch_sub(1);
  };
  std::thread first(hammer, 1);
  std::thread second(hammer, 2);
  while (running.load() != 0) {
    Await(&Device::Reset);
    Await(&Device::Pause);
    disk_->Resume();
  }
  first.join();
  second.join();
  EXPECT_TRUE(driver.SoftReset());
  EXPECT_EQ(driver.Identify()->sectors, kSectors);
}

TEST_F(AtaDiskThreads, UnplugBesideAVcpu) {
  std::atomic<bool> stop{false};
  std::atomic<bool> begun{false};
  std::thread vcpu([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      channel_.command_block().WriteRegister(ata::kRegCommand, 1, ata::kFlushCache);
      channel_.command_block().ReadRegister(ata::kRegStatus, 1);
      begun.store(true);
    }
  });
  while (!begun.load()) std::this_thread::yield();
  Await(&Device::Unplug);
  EXPECT_EQ(channel_.control_block().ReadRegister(0, 1), 0xffu);
  stop = true;
  vcpu.join();
}

}  // namespace
}  // namespace platter

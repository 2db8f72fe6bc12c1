// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes the registers of an IDE channel with an ATA disk behind it. The input is a program of two
// bytes a step: register writes that mostly make whole commands, PRD tables, the data port, held
// and failing requests, resets, turns of the event loop. What must hold: nothing aborts, the disk
// asks its backend for nothing outside of the medium (FakeBlockDevice checks), and after a reset it
// works.

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "aio/simulated/world.h"
#include "base/check.h"
#include "devices/ide/ata_disk.h"
#include "devices/ide/ide_channel.h"
#include "devices/testing/fake_block_device.h"

namespace platter {
namespace {

constexpr uint64_t kSectors = 64;
constexpr uint64_t kMemoryBytes = 8192;

class Line final : public InterruptLine {
 public:
  void Set(LineLevel) override {}
};

class Machine {
 public:
  Machine() {
    backend_.record = false;
    auto disk = AtaDisk::Create({.id = "hd0"}, channel_.port(0), backend_, control_, control_);
    PLATTER_CHECK(disk.ok());
    disk_ = *std::move(disk);
  }
  ~Machine() {
    backend_.Release();
    bool done = false;
    disk_->Unplug([&] { done = true; });
    world_.RunUntil([&] { return done; });
    disk_.reset();
    world_.RunUntilIdle();
  }

  void Step(uint8_t what, uint8_t value) {
    RegisterBlock& command = channel_.command_block();
    switch (what % 16) {
      case 0:
      case 1: {
        // A command that there is.
        const auto rows = AtaCommands();
        return command.WriteRegister(ata::kRegCommand, 1, rows[value % rows.size()].code);
      }
      case 2:
        return command.WriteRegister(ata::kRegCommand, 1, value);
      case 3:
        return command.WriteRegister(1 + value % 6, 1, what);
      case 4:  // Count, then LBA 0 and a bit.
        command.WriteRegister(ata::kRegDevice, 1, ata::kDeviceLba);
        command.WriteRegister(ata::kRegLbaHigh, 1, 0);
        command.WriteRegister(ata::kRegLbaMid, 1, 0);
        command.WriteRegister(ata::kRegLbaLow, 1, value % 70);
        return command.WriteRegister(ata::kRegCount, 1, what / 16);
      case 5:
        return command.WriteRegister(value % 8, 1u << (what / 16 % 4),
                                     uint64_t{value} * 0x0101010101010101);
      case 6:
        command.ReadRegister(value % 8, 1u << (what / 16 % 4));
        return;
      case 7:
        return channel_.ReadData(std::span(burst_).first(size_t{16} * value));
      case 8:
        return channel_.WriteData(std::span(burst_).first(size_t{16} * value));
      case 9:
        return channel_.control_block().WriteRegister(0, 1, what >= 128 ? value : 0);
      case 10:
        return channel_.bus_master().WriteRegister(kBmRegTable, 4, uint64_t{value} * 32);
      case 11:
        return channel_.bus_master().WriteRegister(value % 8, 1, what / 16);
      case 12:
        return channel_.bus_master().WriteRegister(kBmRegCommand, 1, value % 2);
      case 13:
        memory_bytes_[(value * 32u + what) % kMemoryBytes] = value;
        return;
      case 14:
        backend_.hold = value % 4 == 0;
        if (!backend_.hold) backend_.Release();
        backend_.next_error = value % 4 == 1 ? -EIO : 0;
        return;
      default:
        control_.RunReady();
    }
  }

  // Whatever came before, a software reset makes the disk work.
  void ExpectRecovers() {
    backend_.next_error = 0;
    backend_.Release();
    channel_.control_block().WriteRegister(0, 1, ata::kControlSrst);
    channel_.control_block().WriteRegister(0, 1, 0);
    world_.RunUntilIdle();
    PLATTER_CHECK(channel_.control_block().ReadRegister(0, 1) == ata::kStatusGood);
    channel_.command_block().WriteRegister(ata::kRegCommand, 1, ata::kIdentifyDevice);
    world_.RunUntilIdle();
    std::array<uint8_t, 512> sector;
    channel_.ReadData(sector);
    PLATTER_CHECK(sector[200] == kSectors);
    PLATTER_CHECK(channel_.command_block().ReadRegister(ata::kRegStatus, 1) == ata::kStatusGood);
  }

 private:
  std::shared_ptr<const GuestMemory> Memory() {
    return *GuestMemory::Create(
        {{.address = 0, .size = kMemoryBytes, .host = memory_bytes_.data()}}, nullptr);
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  std::array<uint8_t, kMemoryBytes> memory_bytes_{};
  std::array<uint8_t, 4096> burst_{};
  Line line_;
  FakeBlockDevice backend_{kSectors * 512};
  IdeChannel channel_{{.memory = Memory(), .line = line_}};
  std::unique_ptr<AtaDisk> disk_;
};

}  // namespace
}  // namespace platter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto machine = std::make_unique<platter::Machine>();
  for (size_t i = 0; i + 1 < size; i += 2) machine->Step(data[i], data[i + 1]);
  machine->ExpectRecovers();
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes the registers of an IDE channel with an ATAPI drive behind it. The input is a program of
// two bytes a step: PACKET commands, mostly with operation codes that there are and numbers of the
// input, other commands, PRD tables, the data port, held and failing requests, a host that moves
// the medium, resets, turns of the event loop. What must hold: nothing aborts, the drive asks its
// backend for nothing outside of the medium (FakeBlockDevice checks) and for nothing but reads, and
// after a reset it works.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "aio/simulated/world.h"
#include "base/check.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/atapi_commands.h"
#include "devices/ide/ide_channel.h"
#include "devices/scsi/scsi_cd_commands.h"
#include "devices/testing/fake_block_device.h"

namespace platter {
namespace {

constexpr uint64_t kBlocks = 40;  // More than the drive's buffer has.
constexpr uint64_t kMemoryBytes = 8192;
constexpr uint8_t kByte = 0x5a;  // All over the medium.

class Line final : public InterruptLine {
 public:
  void Set(LineLevel) override {}
};

class Machine {
 public:
  Machine() {
    std::fill(backend_.data.begin(), backend_.data.end(), kByte);
    auto drive = AtapiCd::Create({.id = "cd0"}, channel_.port(0), backend_, control_);
    PLATTER_CHECK(drive.ok());
    drive_ = *std::move(drive);
  }
  ~Machine() {
    backend_.Release();
    bool done = false;
    drive_->Unplug([&] { done = true; });
    world_.RunUntil([&] { return done; });
    drive_.reset();
    world_.RunUntilIdle();
  }

  void Step(uint8_t what, uint8_t value) {
    RegisterBlock& command = channel_.command_block();
    switch (what % 16) {
      case 0:
        return command.WriteRegister(ata::kRegCommand, 1, ata::kPacket);
      case 1: {
        // A packet whose operation code there is, with lengths of the input where they may be.
        const auto rows = ScsiCdCommands().rows();
        packet_[0] = static_cast<uint8_t>(rows[value % rows.size()].opcode);
        packet_[what / 16 % kAtapiPacketBytes] = value;
        return channel_.WriteData(packet_);
      }
      case 2:
        packet_.fill(0);
        packet_[1 + what / 16 % (kAtapiPacketBytes - 1)] = value;
        return channel_.WriteData(std::span(packet_).first(1 + value % kAtapiPacketBytes));
      case 3:
        return command.WriteRegister(ata::kRegCommand, 1, value);
      case 4:  // Way and byte count limit.
        command.WriteRegister(ata::kRegFeatures, 1, what / 16 % 2);
        command.WriteRegister(ata::kRegLbaHigh, 1, what / 32);
        return command.WriteRegister(ata::kRegLbaMid, 1, value);
      case 5:
        return command.WriteRegister(value % 8, 1u << (what / 16 % 4),
                                     uint64_t{value} * 0x0101010101010101);
      case 6:
        command.ReadRegister(value % 8, 1u << (what / 16 % 4));
        return;
      case 7:
        return channel_.ReadData(std::span(burst_).first(size_t{256} * value));
      case 8:
        return MoveMedium(value);
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
        Turn();
    }
  }

  // Whatever came before, a reset makes the drive work.
  void ExpectRecovers() {
    backend_.next_error = 0;
    backend_.inserted = true;
    backend_.Release();
    world_.RunUntilIdle();
    backend_.ops.change_media(MediumMove::kLoad);
    channel_.control_block().WriteRegister(0, 1, ata::kControlSrst);
    channel_.control_block().WriteRegister(0, 1, 0);
    world_.RunUntilIdle();
    PLATTER_CHECK(channel_.control_block().ReadRegister(0, 1) == kPacketSignature.status);
    // News first: the reset, the medium that went, the one that came.
    int tries = 0;
    while (!ReadsABlock()) PLATTER_CHECK(++tries < 8);
  }

 private:
  // While a request is on its way the host's change waits: the backend is drained for it.
  void MoveMedium(uint8_t value) {
    if (backend_.held() != 0) return;
    world_.RunUntilIdle();
    backend_.inserted = value % 4 != 0;
    if (value % 8 == 1)
      return backend_.ops.eject_request(value % 16 == 1 ? Force::kYes : Force::kNo);
    backend_.ops.change_media(value % 2 == 0 ? MediumMove::kEject : MediumMove::kLoad);
  }

  void Turn() {
    control_.RunReady();
    for (const FakeBlockDevice::Asked& asked : backend_.asked) {
      PLATTER_CHECK(asked.op == IoOp::kRead);
    }
    backend_.asked.clear();
  }

  bool ReadsABlock() {
    RegisterBlock& command = channel_.command_block();
    command.WriteRegister(ata::kRegDevice, 1, 0);
    command.WriteRegister(ata::kRegFeatures, 1, 0);
    command.WriteRegister(ata::kRegLbaMid, 1, 0);
    command.WriteRegister(ata::kRegLbaHigh, 1, 8);
    command.WriteRegister(ata::kRegCommand, 1, ata::kPacket);
    world_.RunUntilIdle();
    channel_.WriteData(std::array<uint8_t, kAtapiPacketBytes>{0x28, 0, 0, 0, 0, 1, 0, 0, 1});
    world_.RunUntilIdle();
    const uint64_t status = command.ReadRegister(ata::kRegStatus, 1);
    if ((status & ata::kStatusErr) != 0) return false;
    PLATTER_CHECK((status & ata::kStatusDrq) != 0);
    std::array<uint8_t, kCdBlockBytes> block;
    channel_.ReadData(block);
    PLATTER_CHECK(block[0] == kByte && block.back() == kByte);
    world_.RunUntilIdle();
    return command.ReadRegister(ata::kRegStatus, 1) == ata::kStatusGood;
  }

  std::shared_ptr<const GuestMemory> Memory() {
    return *GuestMemory::Create(
        {{.address = 0, .size = kMemoryBytes, .host = memory_bytes_.data()}}, nullptr);
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  std::array<uint8_t, kMemoryBytes> memory_bytes_{};
  std::array<uint8_t, 65536> burst_{};
  std::array<uint8_t, kAtapiPacketBytes> packet_{};
  Line line_;
  FakeBlockDevice backend_{kBlocks * kCdBlockBytes};
  IdeChannel channel_{{.memory = Memory(), .line = line_}};
  std::unique_ptr<AtapiCd> drive_;
};

}  // namespace
}  // namespace platter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto machine = std::make_unique<platter::Machine>();
  for (size_t i = 0; i + 1 < size; i += 2) machine->Step(data[i], data[i + 1]);
  machine->ExpectRecovers();
  return 0;
}

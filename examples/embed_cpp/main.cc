// SPDX-License-Identifier: Apache-2.0
//
// The C++ interface in one program outside of Bazel: a CD-ROM drive with the image that is given as
// its disc, a guest's driver that reads the first block by PACKET commands, and a host that takes
// the disc out while the guest still holds the tray's lock.
//
//   embed_cpp IMAGE

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "aio/create.h"
#include "aio/task.h"
#include "base/log.h"
#include "base/status.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"
#include "machine/machine.h"

namespace {

using platter::MessageOf;

constexpr int kBlock = 2048;
constexpr int kTries = 8;
constexpr uint64_t kMemory = 1 << 20;

// What the hypervisor is to Platter: interrupts, events.
class Hypervisor final : public platter::InterruptController,
                         public platter::InterruptLine,
                         public platter::MachineEventSink {
 public:
  platter::InterruptLine& Line(uint32_t) override { return *this; }
  void Set(platter::LineLevel) override {}  // The guest below looks at the status instead.
  void OnMachineEvent(const platter::MachineEvent& event) override {
    if (const auto* tray = std::get_if<platter::TrayMovedEvent>(&event)) {
      std::printf("host: the tray is %s\n", tray->tray_open ? "open" : "closed");
    }
  }
};

// A guest's driver of a packet drive, by programmed I/O.
class PacketDriver {
 public:
  using Packet = std::array<uint8_t, 12>;

  PacketDriver(platter::Machine& machine, const platter::IdeLocation& at)
      : machine_(machine), at_(at) {}

  // The bytes that came; nullopt where the drive refuses.
  std::optional<std::string> Execute(const Packet& packet) {
    Write(kDevice, static_cast<uint8_t>(at_.unit << 4));
    Write(kByteCountLow, kBlock & 0xff);
    Write(kByteCountHigh, kBlock >> 8);
    Write(kCommand, kPacketCommand);
    Await();
    for (size_t i = 0; i < packet.size(); i += 2) {
      machine_.ports().Write(at_.command, 2, packet[i] | packet[i + 1] << 8);
    }
    std::string data;
    uint8_t status = Await();
    for (; (status & kDataRequest) != 0; status = Await()) {
      const int bytes = Read(kByteCountLow) | Read(kByteCountHigh) << 8;
      for (int i = 0; i < bytes; i += 2) {
        const uint64_t word = machine_.ports().Read(at_.command, 2);
        data += {static_cast<char>(word), static_cast<char>(word >> 8)};
      }
    }
    if ((status & kError) != 0) return std::nullopt;
    return data;
  }
  // A drive with news says so instead of what it was asked for, once each.
  std::optional<std::string> Insist(const Packet& packet) {
    for (int tries = 0; tries < kTries; ++tries) {
      if (auto data = Execute(packet)) return data;
    }
    return std::nullopt;
  }

 private:
  static constexpr uint8_t kByteCountLow = 4, kByteCountHigh = 5, kDevice = 6, kCommand = 7;
  static constexpr uint8_t kPacketCommand = 0xa0;
  static constexpr uint8_t kBusy = 0x80, kDataRequest = 0x08, kError = 0x01;

  uint8_t Read(uint8_t offset) {
    return static_cast<uint8_t>(machine_.ports().Read(at_.command + offset, 1));
  }
  void Write(uint8_t offset, uint8_t value) {
    machine_.ports().Write(at_.command + offset, 1, value);
  }
  // A vCPU would go on meanwhile; this guest waits in the machine's own loop.
  uint8_t Await() {
    uint8_t status = 0;
    machine_.control().RunUntil([&] { return ((status = Read(kCommand)) & kBusy) == 0; });
    return status;
  }

  platter::Machine& machine_;
  const platter::IdeLocation at_;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "embed_cpp: %s\n", MessageOf(status).c_str());
  return 1;
}

absl::Status PlugDrive(platter::Machine& machine, const std::string& image) {
  // Options may be filled in as messages, too: no quoting.
  platter::config::MachineConfig config;
  config.set_memory(kMemory);
  platter::config::BlockdevOptions& disc = *config.add_blockdevs();
  disc.set_node_name("disc");
  disc.set_read_only(true);
  disc.mutable_file()->set_filename(image);
  platter::config::DeviceOptions& drive = *config.add_devices();
  drive.set_id("cd0");
  drive.mutable_ide_cd()->set_drive("disc");
  return platter::BlockOn(machine.control(), machine.Configure(config));
}

// The guest reads and locks; the host asks, and then takes.
int Use(platter::Machine& machine) {
  const auto at = machine.LocationOf<platter::IdeLocation>("cd0");
  if (!at.ok()) return Fail(at.status());
  PacketDriver guest(machine, *at);
  const auto block = guest.Insist({0x28, 0, 0, 0, 0, 0, 0, 0, 1});  // READ (10), block 0.
  if (!block.has_value() || block->size() != kBlock) {
    return Fail(absl::DataLossError("the guest could not read block 0"));
  }
  std::printf("guest: block 0 begins:");
  for (int i = 0; i < 16; ++i) std::printf(" %02x", static_cast<uint8_t>((*block)[i]));
  std::printf("\n");
  if (!guest.Insist({0x1e, 0, 0, 0, 1}).has_value()) {  // PREVENT MEDIUM REMOVAL.
    return Fail(absl::InternalError("the guest could not lock the tray"));
  }

  const platter::BlockBackendRef drive = machine.BackendOfDevice("cd0");
  const absl::Status asked = BlockOn(machine.control(), drive->Eject(platter::Force::kNo));
  std::printf("host: refused: %s\n", MessageOf(asked).c_str());
  const absl::Status taken = BlockOn(machine.control(), drive->Eject(platter::Force::kYes));
  if (!taken.ok()) return Fail(taken);
  std::printf("host: %s\n", drive->is_inserted() ? "the disc is still there" : "took the disc");
  return asked.ok() || drive->is_inserted() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: embed_cpp IMAGE\n");
    return 2;
  }
  platter::StderrLog log;
  Hypervisor hypervisor;
  auto loop = platter::CreateAioContext({.kind = platter::AioKind::kThreads});
  if (!loop.ok()) return Fail(loop.status());
  platter::Machine machine(
      {.control = loop->get(), .log = &log, .events = &hypervisor, .interrupts = &hypervisor});
  const absl::Status plugged = PlugDrive(machine, argv[1]);
  const int result = plugged.ok() ? Use(machine) : Fail(plugged);
  platter::BlockOn(**loop, machine.Shutdown());
  return result;
}

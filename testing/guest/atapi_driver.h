// SPDX-License-Identifier: Apache-2.0
//
// AtapiDriver: a guest's driver of a packet drive (CD or DVD-ROM) on an IDE channel: PACKET by PIO
// and by the bus master, step by step or waiting, and the commands that drivers of such drives
// send.
//
//   AtapiDriver driver(bus, {.unit = 1});
//   driver.ClearNews();
//   std::vector<uint8_t> data(4096);
//   driver.Read10(IdeWay::kDma, 16, data);
//
// Ownership: the bus outlives it. Threading: as the bus. Units: bytes; blocks of 2048 bytes.
// Errors: PacketAnswer is what the drive said; nullopt: no answer in time.

#ifndef PLATTER_TESTING_GUEST_ATAPI_DRIVER_H_
#define PLATTER_TESTING_GUEST_ATAPI_DRIVER_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "testing/guest/guest_bus.h"
#include "testing/guest/ide_driver.h"

namespace platter {

using AtapiPacket = std::array<uint8_t, 12>;

enum class PacketData : uint8_t { kFromDrive, kToDrive };

struct PacketCommand {
  AtapiPacket packet{};
  IdeWay way = IdeWay::kPio;  // Or kDma.
  uint64_t buffer = 0;        // Where data go or come from, and the room there.
  uint32_t bytes = 0;
  uint16_t limit = 0xfffe;  // Of a block by PIO.
  PacketData data = PacketData::kFromDrive;
};

struct PacketAnswer {
  uint8_t status = 0;
  uint8_t error = 0;
  uint8_t reason = 0;
  uint8_t bus_master = 0;             // Its status register, by DMA.
  std::vector<uint32_t> blocks = {};  // What came or went by PIO: each block's bytes.
  uint32_t moved = 0;                 // Their sum.

  bool ok() const { return (status & (guest::kIdeErr | guest::kIdeDeviceFault)) == 0; }
  uint8_t key() const { return error >> 4; }
};

struct AtapiSense {
  uint8_t key = 0;
  uint16_t code = 0;  // Additional sense code and qualifier.
  bool operator==(const AtapiSense&) const = default;
};

// A command with its data, or with the sense that the driver has asked for.
struct AtapiResult {
  std::optional<PacketAnswer> answer;
  std::vector<uint8_t> data;
  AtapiSense sense;

  bool ok() const { return answer.has_value() && answer->ok(); }
};

enum class AtapiTray : uint8_t { kOpen, kClose };
enum class AtapiLock : uint8_t { kUnlocked, kLocked };

class AtapiDriver {
 public:
  static constexpr uint32_t kBlock = 2048;

  AtapiDriver(GuestBus& bus, IdeDriver::Place place) : bus_(bus), place_(place), ide_(bus, place) {}

  // Registers, the bus master, software reset, scratch memory.
  IdeDriver& ide() { return ide_; }

  // --- One step at a time. ---

  // Starts a command; none is under way.
  void Start(const PacketCommand& command);
  // Looks at the drive and does what is due. The answer, once.
  std::optional<PacketAnswer> Poll();
  bool busy() const { return current_.has_value(); }
  // Gives the command up: a reset came.
  void Forget() { current_.reset(); }
  // Begins a DEVICE RESET, which ends what is under way.
  void StartReset();
  // Whether the drive is not busy, with a reset or a command that was given up.
  bool IsIdle();
  // Interrupts that no command explains, and breaches of the protocol.
  uint64_t faults() const { return faults_; }

  static AtapiPacket MakeRead10(uint64_t lba, uint32_t blocks);
  static AtapiPacket MakeRead12(uint64_t lba, uint32_t blocks);
  static AtapiPacket MakeReadCapacity();
  // Polled, of the media class.
  static AtapiPacket MakeGetEventStatus();
  static AtapiPacket MakeRequestSense();
  // With a performance descriptor.
  static AtapiPacket MakeSetStreaming();
  static AtapiPacket MakePreventAllow(AtapiLock lock);
  static AtapiPacket MakeStartStop(AtapiTray tray);
  static AtapiSense ParseSense(std::span<const uint8_t> data);

  // --- Waiting. ---

  std::optional<PacketAnswer> Run(const PacketCommand& command,
                                  Duration timeout = IdeDriver::kTimeout);
  absl::StatusOr<IdeIdentity> IdentifyPacket();
  // DEVICE RESET, and until BSY is gone; false when it stays.
  bool DeviceReset(Duration timeout = IdeDriver::kTimeout);
  // Through memory of the driver's own: `bytes` are at most IdeDriver::kBounceBytes. After an error
  // it asks for the sense.
  AtapiResult Execute(const AtapiPacket& packet, uint32_t bytes = 0, IdeWay way = IdeWay::kPio,
                      uint16_t limit = 0xfffe);

  // The same of a command that takes `data`.
  AtapiResult Send(const AtapiPacket& packet, std::span<const uint8_t> data,
                   IdeWay way = IdeWay::kPio, uint16_t limit = 0xfffe);

  AtapiResult TestUnitReady() { return Execute({}); }
  // nullopt when the drive refuses.
  std::optional<AtapiSense> RequestSense();
  struct Capacity {
    uint64_t blocks = 0;
    uint32_t block_bytes = 0;
    bool operator==(const Capacity&) const = default;
  };
  std::optional<Capacity> ReadCapacity();
  static Capacity ParseCapacity(std::span<const uint8_t> data);
  // `data` is a multiple of kBlock, at most IdeDriver::kBounceBytes.
  AtapiResult Read10(IdeWay way, uint64_t lba, std::span<uint8_t> data);
  AtapiResult Read12(IdeWay way, uint64_t lba, std::span<uint8_t> data);
  AtapiResult Toc(uint8_t format = 0, uint8_t track = 0);
  struct Event {
    uint8_t code = 0;
    bool tray_open = false;
    bool medium = false;
    bool operator==(const Event&) const = default;
  };
  std::optional<Event> GetEventStatus();
  static Event ParseEvent(std::span<const uint8_t> data);
  AtapiResult PreventAllow(AtapiLock lock);
  AtapiResult StartStop(AtapiTray tray);
  // So many 1000 bytes a second from block `first` to `last`, or what the drive has that is near
  // it.
  AtapiResult SetStreaming(IdeWay way, uint32_t first, uint32_t last, uint32_t rate);
  // TEST UNIT READY until the drive has no more news: false when it does not come to that.
  bool ClearNews();
  // Whether this sense is news, after which a driver tries again: a unit attention, or a medium
  // that has just gone.
  static bool IsNews(const AtapiSense& sense);

 private:
  void SendPacket();
  void ReadBlock();
  void WriteBlock();
  // Of the block that the drive has, or wants.
  uint32_t BlockBytes();
  uint32_t Room() const;
  PacketAnswer Finish();
  void ExpectReason(uint8_t reason);
  bool uses_high_memory() const;
  AtapiResult ReadBlocks(const AtapiPacket& packet, IdeWay way, std::span<uint8_t> data);

  GuestBus& bus_;
  const IdeDriver::Place place_;
  IdeDriver ide_;
  std::optional<PacketCommand> current_;
  PacketAnswer answer_;  // As far as it is known.
  bool sent_ = false;
  uint64_t faults_ = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_ATAPI_DRIVER_H_

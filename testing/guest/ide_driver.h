// SPDX-License-Identifier: Apache-2.0
//
// IdeDriver: a guest's driver of one drive on an IDE channel: PIO and bus-master DMA, commands that
// wait and commands that don't, interrupts, software reset. It does one command at a time.
//
//   IdeDriver driver(bus, {.line = 14});
//   auto identity = driver.Identify();
//   driver.Write(IdeWay::kDma, lba, data);
//
// Memory above 4 GiB, which PRDs can't name, goes through a buffer of its own.
//
// Ownership: the bus outlives it. Threading: as the bus. Units: bytes; LBAs and counts are sectors
// of 512 bytes. Errors: IdeAnswer is what the drive said; nullopt: no answer in time.

#ifndef PLATTER_TESTING_GUEST_IDE_DRIVER_H_
#define PLATTER_TESTING_GUEST_IDE_DRIVER_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include "testing/guest/guest_bus.h"
#include "testing/guest/ide_spec.h"

namespace platter {

enum class IdeProtocol : uint8_t { kNonData, kPioIn, kPioOut, kDmaIn, kDmaOut };
enum class IdeForm : uint8_t { k28, k48 };
enum class IdeWay : uint8_t { kPio, kMultiple, kDma };

// What goes into the registers, and the memory that belongs to it.
struct IdeCommand {
  uint8_t code = 0;
  IdeProtocol protocol = IdeProtocol::kNonData;
  IdeForm form = IdeForm::k28;
  uint16_t features = 0;
  uint16_t count = 0;
  uint64_t lba = 0;
  uint8_t device = guest::kIdeLbaBit;  // Besides unit and the LBA's bits 27:24.
  uint64_t buffer = 0;
  uint32_t bytes = 0;
  uint32_t block = 512;  // Bytes of a DRQ block.
};

struct IdeAnswer {
  uint8_t status = 0;
  uint8_t error = 0;
  uint8_t bus_master = 0;  // Its status register, of DMA commands.
  uint8_t count = 0;
  uint64_t lba = 0;  // By the command's form.

  bool ok() const { return (status & (guest::kIdeErr | guest::kIdeDeviceFault)) == 0; }
};

// What IDENTIFY DEVICE says, taken apart.
struct IdeIdentity {
  std::array<uint16_t, 256> words{};
  std::string serial;
  std::string firmware;
  std::string model;
  uint64_t sectors = 0;  // By 48 bits.
};

class IdeDriver {
 public:
  struct Place {
    uint64_t command = 0x1f0;
    uint64_t control = 0x3f6;
    uint64_t bus_master = 0xc000;
    uint32_t line = 14;
    uint8_t unit = 0;
  };
  // The most bytes of one command to or from memory above 4 GiB.
  static constexpr uint32_t kBounceBytes = 65536;
  static constexpr Duration kTimeout = std::chrono::seconds(60);
  static constexpr Duration kPollInterval = std::chrono::milliseconds(1);

  IdeDriver(GuestBus& bus, Place place);
  ~IdeDriver();
  IdeDriver(const IdeDriver&) = delete;
  IdeDriver& operator=(const IdeDriver&) = delete;

  // --- One step at a time. ---

  // Starts a command; none is under way.
  void Start(const IdeCommand& command);
  // Looks at the drive and moves data that is due. The answer, once.
  std::optional<IdeAnswer> Poll();
  bool busy() const { return current_.has_value(); }
  // Gives the command up: a reset came.
  void Forget() { current_.reset(); }
  // Interrupts that no command explains.
  uint64_t faults() const { return faults_; }

  // --- Waiting. ---

  std::optional<IdeAnswer> Run(const IdeCommand& command, Duration timeout = kTimeout);
  absl::StatusOr<IdeIdentity> Identify();
  // By 48-bit commands. kMultiple wants SetMultiple first.
  std::optional<IdeAnswer> Read(IdeWay way, uint64_t lba, std::span<uint8_t> data);
  std::optional<IdeAnswer> Write(IdeWay way, uint64_t lba, std::span<const uint8_t> data);
  std::optional<IdeAnswer> Flush();
  std::optional<IdeAnswer> SetMultiple(uint8_t sectors);
  struct Range {
    uint64_t lba;
    uint16_t sectors;
  };
  std::optional<IdeAnswer> Trim(std::span<const Range> ranges);
  // SRST on, off, and until BSY is gone; false when it stays.
  bool SoftReset(Duration timeout = kTimeout);
  // Lets the target run until `done`, looking now and then, interrupt or not.
  bool PollFor(absl::FunctionRef<bool()> done, Duration timeout);

  // A command of Read or Write with everything filled in but the buffer.
  IdeCommand Transfer(IdeWay way, bool write, uint64_t lba, uint32_t bytes) const;
  static IdeIdentity Parse(std::span<const uint8_t> sector);

  // --- Registers. ---

  uint8_t Get(unsigned offset);
  void Set(unsigned offset, uint8_t value);
  // Doesn't acknowledge the interrupt.
  uint8_t AlternateStatus();
  void SetControl(uint8_t value);
  uint8_t GetBm(unsigned offset);
  void SetBm(unsigned offset, uint8_t value);
  // Nobody drives the bus.
  bool Gone();
  // Memory of the guest's own for PRD tables and data, below 4 GiB; kBounceBytes.
  uint64_t scratch() const { return scratch_; }
  uint64_t prd_table() const { return table_; }
  // One descriptor of the table at prd_table().
  void WritePrd(uint32_t index, uint64_t address, uint32_t count, uint16_t flags);
  // A table of these bytes; they end below 4 GiB.
  void BuildTable(uint64_t address, uint32_t bytes);
  // Points the bus master at prd_table() and clears its status.
  void PrepareBm(IdeProtocol protocol);

 private:
  bool is_dma() const {
    return current_->protocol == IdeProtocol::kDmaIn || current_->protocol == IdeProtocol::kDmaOut;
  }
  void WriteRegisters(const IdeCommand& command);
  std::optional<IdeAnswer> PollData(uint8_t status);
  void ReadBlock();
  void WriteBlock();
  IdeAnswer Finish();

  GuestBus& bus_;
  const Place place_;
  uint64_t table_ = 0;
  uint64_t scratch_ = 0;
  std::optional<IdeCommand> current_;
  uint32_t moved_ = 0;
  uint64_t faults_ = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_IDE_DRIVER_H_

// SPDX-License-Identifier: Apache-2.0
//
// IdeChannel: an IDE (parallel ATA) channel with room for two drives: its registers, its interrupt
// line and its bus master. Drives attach to port(0) and port(1).
//
//   IdeChannel channel({.memory = memory, .line = line});
//   ports.Map(0x1f0, ata::kCommandBlockBytes, channel.command_block());
//   ports.Map(0x3f6, ata::kControlBlockBytes, channel.control_block());
//   ports.Map(bmide, kBusMasterBytes, channel.bus_master());
//
// Registers (ATA/ATAPI-6, 7 and 9.16):
//   - The data port moves what an access is wide (1, 2, 4 or 8 bytes). Any other access is the
//     accesses to single bytes that it is made of, lowest first.
//   - While the selected drive is busy or has DRQ set, writes to the command block are ignored but
//     for DEVICE RESET to a packet drive.
//   - Device 1 selected and not there: device 0 answers for it, with a status of 0; commands but
//     EXECUTE DEVICE DIAGNOSTIC do nothing. Nobody else there: all ones, as on a bus where nobody
//     drives the lines.
//
// Ownership: memory and line outlive the channel, the channel its drives' attachments. Destroy it
//   when no register access is running.
// Threading: registers, ReadData and WriteData from any thread.
// Units: bytes. Errors: every access has a defined result.

#ifndef PLATTER_DEVICES_IDE_IDE_CHANNEL_H_
#define PLATTER_DEVICES_IDE_IDE_CHANNEL_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "devices/bus/guest_memory.h"
#include "devices/bus/interrupt.h"
#include "devices/bus/io_space.h"
#include "devices/bus/serialiser.h"
#include "devices/ide/bus_master.h"
#include "devices/ide/ide_port.h"

namespace platter {

class IdeChannel {
 public:
  static constexpr unsigned kUnits = 2;

  struct Setup {
    std::shared_ptr<const GuestMemory> memory;  // Where the bus master finds tables and data.
    InterruptLine& line;
    Serialiser::Mode serialise = Serialiser::Mode::kOn;
  };
  explicit IdeChannel(Setup setup);
  IdeChannel(const IdeChannel&) = delete;
  IdeChannel& operator=(const IdeChannel&) = delete;
  // Both ports are empty.
  ~IdeChannel();

  IdePort& port(unsigned unit) { return *ports_[unit]; }

  RegisterBlock& command_block() { return command_block_; }
  RegisterBlock& control_block() { return control_block_; }
  RegisterBlock& bus_master() { return bus_master_block_; }

  // A string instruction on the data port at once (REP INSW, REP OUTSD): the same as that many
  // accesses.
  void ReadData(std::span<uint8_t> to);
  void WriteData(std::span<const uint8_t> from);

 private:
  friend class IdePort;

  // Makes a RegisterBlock of two functions for single bytes.
  class ByteBlock : public RegisterBlock {
   public:
    explicit ByteBlock(IdeChannel& channel) : channel_(channel) {}
    uint64_t ReadRegister(uint64_t offset, unsigned width) override;
    void WriteRegister(uint64_t offset, unsigned width, uint64_t value) override;

   protected:
    ~ByteBlock() = default;
    virtual uint8_t ReadByte(uint64_t offset) = 0;
    virtual void WriteByte(uint64_t offset, uint8_t value) = 0;
    IdeChannel& channel_;
  };
  class CommandBlock final : public ByteBlock {
   public:
    using ByteBlock::ByteBlock;
    uint64_t ReadRegister(uint64_t offset, unsigned width) override;
    void WriteRegister(uint64_t offset, unsigned width, uint64_t value) override;

   private:
    uint8_t ReadByte(uint64_t offset) override;
    void WriteByte(uint64_t offset, uint8_t value) override;
  };
  class ControlBlock final : public ByteBlock {
   public:
    using ByteBlock::ByteBlock;

   private:
    uint8_t ReadByte(uint64_t offset) override;
    void WriteByte(uint64_t offset, uint8_t value) override;
  };
  class BusMasterBlock final : public ByteBlock {
   public:
    using ByteBlock::ByteBlock;

   private:
    uint8_t ReadByte(uint64_t offset) override;
    void WriteByte(uint64_t offset, uint8_t value) override;
  };

  // --- Under the lock, all of them. ---

  IdePort& selected() { return *ports_[selected_]; }
  bool srst() const { return (control_ & ata::kControlSrst) != 0; }
  // What answers for the selected drive: that drive, or device 0 for a device 1 that isn't there;
  // nullptr when nobody does.
  IdePort* Responder();
  uint8_t ReadCommandBlock(unsigned offset);
  void WriteCommandBlock(unsigned offset, uint8_t value);
  void WriteCommand(uint8_t value);
  uint8_t ReadStatus();
  void WriteControl(uint8_t value);
  void MoveDataIn(std::span<uint8_t> to);
  void MoveDataOut(std::span<const uint8_t> from);
  // The line shows the selected drive's interrupt, unless nIEN; a rise is noted by the bus master.
  void UpdateLine();
  // A drive is quiet after a reset: what both share is reset too, unless the other one uses it.
  void OnDriveReset(IdeReset kind, const IdePort& other);
  void StopEngine() { engine_.OnDriveReset(); }
  void Save(state::IdeChannel& to) const;
  static bool CanRestore(const state::IdeChannel& from);
  void Restore(const state::IdeChannel& from);

  const std::shared_ptr<const GuestMemory> memory_;
  InterruptLine& line_;
  Serialiser serialiser_;
  // Under the lock: selection and control are written to both drives at once, so they have one.
  uint8_t selected_ = 0;
  uint8_t control_ = 0;
  LineLevel level_ = LineLevel::kLow;
  BusMaster engine_;
  std::array<std::unique_ptr<IdePort>, kUnits> ports_;

  CommandBlock command_block_{*this};
  ControlBlock control_block_{*this};
  BusMasterBlock bus_master_block_{*this};
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_IDE_CHANNEL_H_

// SPDX-License-Identifier: Apache-2.0
//
// IdePort: one of the two places of a channel, with the registers of the drive that is there. The
// channel's side is IdeChannel; what is public here is the drive's side.
//
//   IdePort& port = channel.port(0);
//   port.Attach(drive);                     // Registers say the drive's signature.
//   const IdeWork work = port.Take();       // In the drive's context, after IdeDevice::OnWork.
//   port.DataIn(block, ...), port.DataOut(block, ...), port.RequestDma(), port.Finish(...) ...
//
// BSY is set by the register write that makes work and cleared by what the drive says then. A drive
// may say it late: after a reset that the guest asked for meanwhile it is ignored, and Take gives
// kReset.
//
// Ownership: of the channel. Threading: Attach and Detach in the control context; the rest in the
// drive's context (each takes the channel's lock).
// Units: bytes. Errors: Attach.

#ifndef PLATTER_DEVICES_IDE_IDE_PORT_H_
#define PLATTER_DEVICES_IDE_IDE_PORT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"

#include "devices/bus/guest_memory.h"
#include "devices/ide/bus_master.h"
#include "devices/ide/ide_device.h"
#include "devices/ide/pio_window.h"
#include "devices/ide/task_file.h"

namespace platter {

namespace state {
class IdeChannel;
class IdePort;
}  // namespace state

class IdeChannel;

class IdePort {
 public:
  // Whether more of the command follows after a block of data.
  enum class Block : uint8_t { kMoreFollow, kLast };

  IdePort(IdeChannel& channel, unsigned unit) : channel_(channel), unit_(unit) {}
  IdePort(const IdePort&) = delete;
  IdePort& operator=(const IdePort&) = delete;

  // 0 or 1.
  unsigned unit() const { return unit_; }
  const GuestMemory& memory() const;

  // FAILED_PRECONDITION naming both when a drive is there.
  absl::Status Attach(IdeDevice& device);
  // The place is empty from now on; OnWork is not called any more.
  void Detach();

  // What is to be done next; once.
  IdeWork Take();

  // --- Answers to kCommand, kDataDone and kDmaReady. ---

  // What the guest reads from now on, before a block of a packet command: its length and the
  // interrupt reason are in registers (9.8).
  void ShowRegisters(const TaskFile& registers);
  // The guest may read `block`, which stays until kDataDone, a reset or, when it is the last, the
  // next command. After the last one the command is over.
  void DataIn(std::span<const uint8_t> block, Block which);
  // The guest may write `block`, then kDataDone comes. `interrupt`: not for a command's first.
  void DataOut(std::span<uint8_t> block, IdeInterrupt interrupt);
  // kDmaReady comes when the guest has armed the bus master. From then on the engine is at work.
  void RequestDma();
  // The data has moved, long before the answer.
  void EndDma(DmaEnd end);
  // The command is over. `registers` are what the guest reads from now on.
  void Finish(const TaskFile& registers, const IdeOutcome& outcome);

  // --- Resets. ---

  // The machine resets the drive: BSY until ResetDone.
  void BeginPowerReset();
  // The drive is quiet and as its signature says. While the guest holds SRST, BSY stays; that of
  // device 0 also until device 1 is quiet after a reset of both (PDIAG-; 9.2 and 9.11). One that
  // leaves the channel leaves what they share to the other drive as it is.
  enum class Leaving : uint8_t { kNo, kYes };
  void ResetDone(IdeReset kind, Leaving leaving = Leaving::kNo);

  // --- Saved state. No reset is under way. ---

  // Registers and phase, and what the port's channel is at. `buffer` is what DataIn and DataOut
  // offer parts of.
  void Save(std::span<const uint8_t> buffer, state::IdeChannel& channel, state::IdePort& to) const;
  // Whether Restore would take both, with a buffer of this length. `moves_dma`: the drive is at a
  // transfer that it has begun.
  bool CanRestore(const state::IdeChannel& channel, const state::IdePort& from, size_t buffer_bytes,
                  bool moves_dma) const;
  // `block`: of the data under way. The work that a drive has not taken yet is there for Take.
  void Restore(const state::IdePort& from, std::span<uint8_t> buffer, Block block,
               const state::IdeChannel& channel);

 private:
  friend class IdeChannel;
  friend struct IdePortPhases;

  // What goes on, seen from the registers. In all but kIdle and kData the drive is busy.
  enum class Phase : uint8_t {
    kIdle,
    kCommand,   // Written, not taken.
    kWorking,   // The drive is at it.
    kData,      // DRQ: the guest moves a block.
    kDataDone,  // It has, and the drive was not told yet.
    kDmaWait,   // The drive waits for the bus master.
    kDmaReady,  // It is armed, and the drive was not told yet.
    kReset,     // Asked for, not taken.
    kResetting,
    kResetHeld,  // The drive is done; SRST is still set, or device 1 is not done.
  };

  // --- For the channel, under its lock. ---

  bool present() const { return device_ != nullptr; }
  bool busy() const { return (status_ & (ata::kStatusBsy | ata::kStatusDrq)) != 0; }
  // 0 without a drive.
  uint8_t status() const { return status_; }
  void StartCommand(uint8_t command);
  void StartReset(IdeReset kind);
  // What may have held it in reset is over: SRST is 0, device 1 is done or gone.
  void ReleaseReset();
  bool HeldInReset() const;
  // A reset of both drives at once that this one has not finished.
  bool InSharedReset() const;
  // The bus master is at this drive's transfer, or armed for it.
  bool HoldsEngine() const { return moving_ || phase_ == Phase::kDmaReady; }
  void OnArmed();
  void OnDisarmed();
  void ReadData(std::span<uint8_t> to);
  void WriteData(std::span<const uint8_t> from);
  // The registers as after a reset.
  void ShowSignature();
  void CompleteReset();
  void OnBlockMoved();
  void GoBusy(Phase phase);

  IdeChannel& channel_;
  const unsigned unit_;

  // All of it under the channel's lock.
  IdeDevice* device_ = nullptr;
  Phase phase_ = Phase::kIdle;
  IdeReset reset_ = IdeReset::kSoftware;
  TaskFile file_;
  uint8_t status_ = 0;
  uint8_t error_ = 0;
  bool interrupt_ = false;  // Pending; the channel decides whether the line shows it.
  bool uses_dma_ = false;   // From RequestDma to the end of the command.
  bool moving_ = false;     // From the begin of the bus master's transfer to its end.
  Block block_ = Block::kLast;
  PioWindow window_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_IDE_PORT_H_

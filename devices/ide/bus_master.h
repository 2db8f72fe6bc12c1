// SPDX-License-Identifier: Apache-2.0
//
// BusMaster: the registers of a channel's DMA engine ("Programming Interface for Bus Master IDE
// Controller", rev 1.0) and the state that they show. It moves no bytes: a drive asks for a
// transfer, moves the data of the whole command (DmaTransfer) and says how it ended.
//
// The guest arms the engine by Start. One start serves one transfer: after its end, and after a
// reset of the drive, Start must go 0 and 1 again, so that no old table is used for a new command.
// Stopping it while data moves doesn't interrupt the transfer: Active stays until that is through,
// and its outcome is the drive's true one.
//
// How a transfer ends, in the bits of the status register (rev 1.0, 3.1; Interrupt follows the
// drive's interrupt line):
//
//   table as long as the transfer    Active 0  Interrupt 1  Error 0
//   table longer                     Active 1  Interrupt 1  Error 0   until Start is cleared
//   table shorter                    Active 0  Interrupt 0  Error 0
//   table or buffer no memory        Active 0  Interrupt 0  Error 1
//
// Ownership: of the channel. Threading: under the channel's lock. Units: bytes. Errors: none.

#ifndef PLATTER_DEVICES_IDE_BUS_MASTER_H_
#define PLATTER_DEVICES_IDE_BUS_MASTER_H_

#include <cstdint>

namespace platter {

namespace state {
class IdeBusMaster;
}

// 3.1: registers of one channel: command, status, table address.
inline constexpr unsigned kBmRegCommand = 0;
inline constexpr unsigned kBmRegStatus = 2;
inline constexpr unsigned kBmRegTable = 4;  // 4 bytes.
inline constexpr unsigned kBusMasterBytes = 8;

inline constexpr uint8_t kBmCommandStart = 0x01;
inline constexpr uint8_t kBmCommandToMemory = 0x08;

inline constexpr uint8_t kBmStatusActive = 0x01;
inline constexpr uint8_t kBmStatusError = 0x02;
inline constexpr uint8_t kBmStatusInterrupt = 0x04;
inline constexpr uint8_t kBmStatusDrivesCapable = 0x60;  // The guest's own notes.

// How a transfer ended for the engine.
enum class DmaEnd : uint8_t { kExact, kTableLonger, kTableShort, kNoMemory };

class BusMaster {
 public:
  // What a register write asks of the channel.
  enum class Effect : uint8_t { kNone, kArmed, kDisarmed };

  // Offsets from 0; from kBusMasterBytes on reads are 0.
  uint8_t Read(unsigned offset) const;
  Effect Write(unsigned offset, uint8_t value);

  // Whether a transfer may begin.
  bool armed() const { return state_ == State::kArmed; }
  // A transfer begins; armed(). Returns the address of the table, which later writes to the
  // register don't change.
  uint32_t Begin();
  // It has ended. Does nothing when a reset came first.
  void End(DmaEnd end);

  // The drive's interrupt line rose.
  void OnInterrupt() { status_ |= kBmStatusInterrupt; }
  // The drive was reset: what it asked for is off.
  void OnDriveReset();
  // Every register as new.
  void Reset() { *this = BusMaster(); }

  // All of it, for a saved state, and back; false: it is none, and nothing has changed.
  void Save(state::IdeBusMaster& to) const;
  bool Restore(const state::IdeBusMaster& from);

 private:
  enum class State : uint8_t {
    kStopped,   // Start is 0.
    kArmed,     // Start is 1, and the drive has not asked yet.
    kMoving,    // The drive moves data.
    kStopping,  // It still does, and Start is 0 again.
    kLeftOver,  // All is moved, and the table had more.
    kEnded,     // All is moved, or an error: Start is 1 and nothing happens.
  };
  bool active() const;
  Effect WriteCommand(uint8_t value);

  State state_ = State::kStopped;
  uint8_t to_memory_ = 0;  // kBmCommandToMemory or 0. Kept for the guest: drives know their way.
  uint8_t status_ = 0;     // Without Active.
  uint32_t table_ = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_BUS_MASTER_H_

// SPDX-License-Identifier: Apache-2.0
//
// The toy drive's data sheet: a window of 32-bit registers and one interrupt line.
//
// The driver writes the operands, then a command. BUSY is set until the command is done; then ERROR
// has its outcome and the DONE event is set. Register writes other than to EVENTS are ignored while
// BUSY. The line is high while an event is set; writing ones to EVENTS clears those.

#ifndef PLATTER_EXAMPLES_OWN_DEVICE_TOY_REGISTERS_H_
#define PLATTER_EXAMPLES_OWN_DEVICE_TOY_REGISTERS_H_

#include <cstdint>

namespace platter::toy {

inline constexpr uint64_t kWindowBytes = 0x40;
inline constexpr uint32_t kBlockBytes = 512;
inline constexpr uint32_t kMaxBlocks = 2048;  // Of one command.
inline constexpr int kMaxPieces = 16;         // Regions of memory that its buffer may touch.

enum class Register : uint8_t {
  kId = 0x00,            // R: kIdValue.
  kStatus = 0x04,        // R: StatusBit.
  kCommand = 0x08,       // W: Command.
  kError = 0x0c,         // R: Error of the last command.
  kLbaLow = 0x10,        // RW: first block.
  kLbaHigh = 0x14,       // RW.
  kCount = 0x18,         // RW: blocks, 1 ... kMaxBlocks.
  kBufferLow = 0x20,     // RW: guest physical address of the data.
  kBufferHigh = 0x24,    // RW.
  kCapacityLow = 0x28,   // R: blocks of the medium; 0 without one.
  kCapacityHigh = 0x2c,  // R.
  kEvents = 0x30,        // RW1C: Event.
};

inline constexpr uint32_t kIdValue = 0x594f5431;  // "1TOY" in memory.

enum StatusBit : uint32_t {
  kBusy = 1 << 0,
  kMediumPresent = 1 << 1,  // A medium of some length, and the tray closed.
  kTrayOpen = 1 << 2,
  kLocked = 1 << 3,
};

enum class Command : uint32_t {
  kRead = 1,
  kWrite = 2,
  kFlush = 3,
  kLock = 4,
  kUnlock = 5,
  kOpenTray = 6,  // Error kLocked while the lock is set.
  kCloseTray = 7,
};

enum class Error : uint32_t {
  kNone = 0,
  kIo = 1,
  kNoMedium = 2,
  kOutOfRange = 3,
  kBadBuffer = 4,
  kReadOnly = 5,
  kIsLocked = 6,
  kBadCommand = 7,
};

enum Event : uint32_t {
  kDone = 1 << 0,
  kMediumChanged = 1 << 1,
  kEjectRequested = 1 << 2,  // The host asks the guest to unlock and open.
  kCapacityChanged = 1 << 3,
};

}  // namespace platter::toy

#endif  // PLATTER_EXAMPLES_OWN_DEVICE_TOY_REGISTERS_H_

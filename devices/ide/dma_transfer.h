// SPDX-License-Identifier: Apache-2.0
//
// DmaTransfer: the guest memory of one DMA command, as its table of physical region descriptors
// (PRDs) says. The table is read once, entry by entry, only as far as the command needs, and all of
// it is checked before any byte moves: a table that is too short moves nothing.
//
// A drive moves data without a copy where the memory is mapped: pieces() are the guest's own bytes.
// Regions that can't be mapped are reached through a buffer: Prepare fills it for writes to the
// disk, Finish empties it after reads.
//
//   const DmaEnd end = dma.Prepare(memory, table, bytes, DmaAccess::kDeviceWrites);
//   if (end is kExact or kTableLonger) ... read into dma.pieces() ...; dma.Finish(...)
//
// Ownership: of a drive, which has one command at a time. `memory` outlives Prepare ... Finish.
// Threading: the drive's context. Units: bytes; sums in 64 bits. A table has at most 8192 entries.
// Errors: DmaEnd; memory for the buffer that isn't there, or a buffer above kMaxBufferBytes, is
//   kNoMemory too.

#ifndef PLATTER_DEVICES_IDE_DMA_TRANSFER_H_
#define PLATTER_DEVICES_IDE_DMA_TRANSFER_H_

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "devices/bus/guest_memory.h"
#include "devices/ide/bus_master.h"

namespace platter {

class DmaTransfer {
 public:
  // Bus Master IDE rev 1.0, 1.2: the table doesn't cross a boundary of 64 KiB.
  static constexpr uint32_t kTableBoundary = 65536;
  static constexpr uint32_t kEntryBytes = 8;
  // Of one command to or from memory that can't be mapped: what a driver's largest table of a few
  // hundred entries asks for, and not what 8192 entries for the same 64 KiB would.
  static constexpr uint64_t kMaxBufferBytes = uint64_t{8} << 20;

  enum class Outcome : uint8_t { kDone, kFailed };

  // `bytes` is not 0. After kTableShort and kNoMemory there is nothing to finish.
  DmaEnd Prepare(const GuestMemory& memory, uint32_t table, uint64_t bytes, DmaAccess access);

  // The memory, in order; their lengths add up to what Prepare was given.
  std::span<iovec> pieces() { return pieces_; }

  // The data moved, or failed on the way: a read that went into the guest's memory, even a part of
  // it, is logged as dirty.
  void Finish(const GuestMemory& memory, Outcome outcome);

  // Copies out of the pieces, for commands whose data the drive itself reads, or into them, for
  // what it says of itself. The span is as long as the transfer.
  void CopyTo(std::span<uint8_t> to) const;
  void CopyFrom(std::span<const uint8_t> from);

 private:
  struct Range {
    uint64_t address;
    uint64_t bytes;
  };

  DmaEnd ReadTable(const GuestMemory& memory, uint32_t table, uint64_t bytes);
  bool Map(const GuestMemory& memory, DmaAccess access);
  bool Bounce(const GuestMemory& memory, uint64_t bytes, DmaAccess access);

  std::vector<Range> ranges_;  // Both keep their memory from command to command.
  std::vector<iovec> pieces_;
  std::unique_ptr<uint8_t[]> buffer_;
  DmaAccess access_ = DmaAccess::kDeviceReads;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_DMA_TRANSFER_H_

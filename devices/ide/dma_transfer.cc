// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/dma_transfer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "base/arith.h"
#include "base/bytes.h"

namespace platter {
namespace {

// Bus Master IDE rev 1.0, 1.2: a physical region descriptor.
struct Prd {
  Le32 address;  // Even.
  Le16 count;    // Even; 0 is 64 KiB.
  Le16 flags;
};
static_assert(sizeof(Prd) == DmaTransfer::kEntryBytes);
constexpr uint16_t kEndOfTable = 0x8000;
constexpr uint32_t kWholeRegion = 65536;

}  // namespace

DmaEnd DmaTransfer::Prepare(const GuestMemory& memory, uint32_t table, uint64_t bytes,
                            DmaAccess access) {
  ranges_.clear();
  pieces_.clear();
  buffer_.reset();
  access_ = access;
  const DmaEnd end = ReadTable(memory, table, bytes);
  if (end == DmaEnd::kTableShort || end == DmaEnd::kNoMemory) return end;
  if (!Map(memory, access) && !Bounce(memory, bytes, access)) return DmaEnd::kNoMemory;
  return end;
}

// Collects ranges until they have `bytes`. The 64 KiB boundary bounds the loop.
DmaEnd DmaTransfer::ReadTable(const GuestMemory& memory, uint32_t table, uint64_t bytes) {
  uint64_t at = table;
  const uint64_t boundary = AlignDown(at, kTableBoundary) + kTableBoundary;
  uint64_t left = bytes;
  for (; at + kEntryBytes <= boundary; at += kEntryBytes) {
    std::array<uint8_t, kEntryBytes> raw;
    if (!memory.Read(at, raw)) return DmaEnd::kNoMemory;
    Prd prd;
    std::memcpy(&prd, raw.data(), sizeof(prd));
    // The lowest bits are wired to 0.
    const uint64_t address = AlignDown(prd.address.get(), 2);
    const uint64_t count = AlignDown(prd.count.get(), 2);
    const uint64_t region = count == 0 ? kWholeRegion : count;
    const bool last = (prd.flags.get() & kEndOfTable) != 0;
    const uint64_t used = std::min(region, left);
    ranges_.push_back({.address = address, .bytes = used});
    left -= used;
    if (left == 0) return used == region && last ? DmaEnd::kExact : DmaEnd::kTableLonger;
    if (last) break;
  }
  return DmaEnd::kTableShort;
}

bool DmaTransfer::Map(const GuestMemory& memory, DmaAccess access) {
  const size_t most = memory.regions().size();  // Pieces that one range can have.
  for (const Range& range : ranges_) {
    const size_t first = pieces_.size();
    pieces_.resize(first + most);
    const int count = memory.MapPieces(range.address, range.bytes, access, &pieces_[first],
                                       static_cast<int>(most));
    if (count < 0) return false;
    pieces_.resize(first + static_cast<size_t>(count));
    if (first == 0 || count == 0) continue;
    // Regions of the table that touch are one piece: drivers below like them long.
    iovec& before = pieces_[first - 1];
    if (static_cast<uint8_t*>(before.iov_base) + before.iov_len == pieces_[first].iov_base) {
      before.iov_len += pieces_[first].iov_len;
      pieces_.erase(pieces_.begin() + static_cast<ptrdiff_t>(first));
    }
  }
  return true;
}

bool DmaTransfer::Bounce(const GuestMemory& memory, uint64_t bytes, DmaAccess access) {
  pieces_.clear();
  if (bytes > kMaxBufferBytes) return false;
  for (const Range& range : ranges_) {
    if (!memory.Contains(range.address, range.bytes, access)) return false;
  }
  buffer_.reset(new (std::nothrow) uint8_t[bytes]());  // Nobody else's old bytes.
  if (buffer_ == nullptr) return false;
  pieces_.push_back({.iov_base = buffer_.get(), .iov_len = bytes});
  if (access == DmaAccess::kDeviceWrites) return true;
  uint64_t done = 0;
  for (const Range& range : ranges_) {
    if (!memory.Read(range.address, {buffer_.get() + done, range.bytes})) return false;
    done += range.bytes;
  }
  return true;
}

void DmaTransfer::Finish(const GuestMemory& memory, Outcome outcome) {
  if (access_ == DmaAccess::kDeviceWrites) {
    uint64_t done = 0;
    for (const Range& range : ranges_) {
      if (buffer_ == nullptr) {
        memory.MarkDirty(range.address, range.bytes);
      } else if (outcome == Outcome::kDone) {
        memory.Write(range.address, {buffer_.get() + done, range.bytes});
      }
      done += range.bytes;
    }
  }
  ranges_.clear();
  pieces_.clear();
  buffer_.reset();
}

void DmaTransfer::CopyTo(std::span<uint8_t> to) const {
  size_t done = 0;
  for (const iovec& piece : pieces_) {
    const size_t count = std::min(piece.iov_len, to.size() - done);
    std::memcpy(to.data() + done, piece.iov_base, count);
    done += count;
  }
}

void DmaTransfer::CopyFrom(std::span<const uint8_t> from) {
  size_t done = 0;
  for (const iovec& piece : pieces_) {
    const size_t count = std::min(piece.iov_len, from.size() - done);
    std::memcpy(piece.iov_base, from.data() + done, count);
    done += count;
  }
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// GuestMemory: the guest's physical address space as device models reach it: an immutable map of
// regions, held by reference and replaced as a whole while devices are quiet; only its dirty log
// comes and goes while they run. The guest may change the memory at any time, so a device copies
// what it decides on once, then uses the copy.
//
// Regions do not overlap. A region without a host address (device memory, a test's shim) is reached
// by its accessor, byte copies only, and never handed out as a pointer.
//
// Ownership: shared. The regions' memory and accessors outlive the map.
// Threading: const and safe from any thread; data races with the guest are the guest's.
// Units: guest physical addresses and lengths in bytes, 64-bit; sums that overflow are out of
// range. Errors: false or nullptr or a negative count when a range touches no region, a hole, or a
//   read-only region for writing. Nothing is transferred then.

#ifndef PLATTER_DEVICES_BUS_GUEST_MEMORY_H_
#define PLATTER_DEVICES_BUS_GUEST_MEMORY_H_

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace platter {

// Byte access to a region that has no host address. Any thread.
class GuestMemoryAccessor {
 public:
  // `offset` is from the start of the region; the range is inside it.
  virtual void Read(uint64_t offset, std::span<uint8_t> out) = 0;
  virtual void Write(uint64_t offset, std::span<const uint8_t> data) = 0;

 protected:
  ~GuestMemoryAccessor() = default;
};

// Told of each range that a device wrote (live migration's dirty log). Any thread.
class DirtyLog {
 public:
  virtual void MarkDirty(uint64_t address, uint64_t bytes) = 0;

 protected:
  ~DirtyLog() = default;
};

enum class DmaAccess : uint8_t {
  kDeviceReads,   // Memory to device (a disk write).
  kDeviceWrites,  // Device to memory (a disk read): the range is logged dirty by MarkDirty.
};

class GuestMemory {
 public:
  struct Region {
    uint64_t address = 0;
    uint64_t size = 0;
    uint8_t* host = nullptr;  // nullptr: `accessor` instead.
    GuestMemoryAccessor* accessor = nullptr;
    bool read_only = false;
  };

  // INVALID_ARGUMENT for empty, overlapping or wrapping regions, or one with neither host address
  // nor accessor. `dirty_log` may be nullptr.
  static absl::StatusOr<std::shared_ptr<const GuestMemory>> Create(std::vector<Region> regions,
                                                                   DirtyLog* dirty_log);

  // Whether all of [address, address + bytes) is memory, reached by pointer or accessor, and may be
  // written for kDeviceWrites. True for bytes == 0.
  bool Contains(uint64_t address, uint64_t bytes, DmaAccess access) const;

  // A host pointer to all of [address, address + bytes), or nullptr when the range is not within
  // one mapped region. bytes == 0 gives nullptr.
  uint8_t* TryMap(uint64_t address, uint64_t bytes, DmaAccess access) const;

  // Appends the host pieces of the range to out[0 .. capacity); pieces that touch are merged by
  // region only. Returns how many; -EFAULT for a range that is not all mapped memory, -E2BIG when
  // `capacity` is too small.
  int MapPieces(uint64_t address, uint64_t bytes, DmaAccess access, iovec* out, int capacity) const;

  // Copies; works for accessor regions too.
  bool Read(uint64_t address, std::span<uint8_t> out) const;
  bool Write(uint64_t address, std::span<const uint8_t> data) const;

  // To be called after a device wrote through a pointer; Write calls it itself.
  void MarkDirty(uint64_t address, uint64_t bytes) const {
    DirtyLog* const log = dirty_log_.load(std::memory_order_acquire);
    if (log != nullptr) [[unlikely]]
      log->MarkDirty(address, bytes);
  }

  bool logs_dirty() const { return dirty_log_.load(std::memory_order_acquire) != nullptr; }
  // From now on it is this one, or none. What others are marking meanwhile goes to either, so the
  // one before lives until they are done with that.
  void SetDirtyLog(DirtyLog* log) const { dirty_log_.store(log, std::memory_order_release); }
  // As MarkDirty, for a piece that TryMap or MapPieces gave. Only while logs_dirty() (it searches).
  void MarkPieceDirty(const void* host, uint64_t bytes) const;

  const std::vector<Region>& regions() const { return regions_; }

 private:
  friend class MemoryCursor;

  GuestMemory(std::vector<Region> regions, DirtyLog* dirty_log);
  // The region that `address` is in; nullptr in a hole.
  const Region* Find(uint64_t address) const;

  const std::vector<Region> regions_;  // By address.
  mutable std::atomic<DirtyLog*> dirty_log_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_BUS_GUEST_MEMORY_H_

// SPDX-License-Identifier: Apache-2.0
//
// MemoryTable: the memory that a front-end shares, region by region: checked, mapped, and given to
// devices as a GuestMemory by guest physical address. Rings are named by addresses of the
// front-end's own ("user addresses"), which it translates.
//
// A change makes a new GuestMemory. Who still holds the old one keeps its mappings: they go with
// its last reference, so drain first and let go, and nothing is unmapped under a request.
//
// The descriptors come from a peer that is not trusted: shared_mapping.h.
//
// Ownership: of the mappings, together with the GuestMemories. Threading: one thread; what
//   memory() gives is for any. Units: bytes.
// Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED, NOT_FOUND or what the kernel said, naming the
//   region by its guest address; then nothing has changed.

#ifndef PLATTER_EXPORTS_VHOST_USER_MEMORY_TABLE_H_
#define PLATTER_EXPORTS_VHOST_USER_MEMORY_TABLE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/owned_descriptor.h"
#include "devices/bus/guest_memory.h"
#include "exports/vhost_user/shared_mapping.h"
#include "exports/vhost_user/vhost_user_spec.h"

namespace platter {

class MemoryTable {
 public:
  // Regions at most, counting those of SET_MEM_TABLE (GET_MAX_MEM_SLOTS).
  static constexpr uint32_t kMaxRegions = 64;

  explicit MemoryTable(SealedMemory sealed = SealedMemory::kAsGiven) : sealed_(sealed) {}

  // SET_MEM_TABLE: these in place of all there were; region i is of files[i]. Both of one length.
  absl::Status Replace(std::span<const VhostUserMemoryRegion> regions,
                       std::span<const OwnedDescriptor> files);
  // ADD_MEM_REG.
  absl::Status Add(const VhostUserMemoryRegion& region, const OwnedDescriptor& file);
  // REM_MEM_REG: the region with these addresses and this size; the offset is not looked at.
  absl::Status Remove(const VhostUserMemoryRegion& region);
  void Clear();

  // nullptr when there is no region.
  const std::shared_ptr<const GuestMemory>& memory() const { return memory_; }
  // The last one that is memory.
  std::optional<uint64_t> last_address() const;

  // Where devices log what they write, now and after changes of memory; GuestMemory says how long
  // the one before is needed.
  void SetDirtyLog(DirtyLog* log);
  DirtyLog* dirty_log() const { return dirty_log_; }
  size_t size() const { return mapped_.size(); }

  // The guest address of [user_address, user_address + bytes), when all of it is in one region.
  std::optional<uint64_t> ToGuest(uint64_t user_address, uint64_t bytes) const;

 private:
  struct Mapped {
    VhostUserMemoryRegion region;
    std::shared_ptr<const SharedMapping> mapping;
  };
  struct Held;

  absl::StatusOr<Mapped> Map(const VhostUserMemoryRegion& region,
                             const OwnedDescriptor& file) const;
  // Takes `next` into use.
  absl::Status Install(std::vector<Mapped> next);

  const SealedMemory sealed_;
  DirtyLog* dirty_log_ = nullptr;
  std::vector<Mapped> mapped_;
  std::shared_ptr<const GuestMemory> memory_;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_MEMORY_TABLE_H_

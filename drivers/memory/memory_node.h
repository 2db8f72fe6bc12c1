// SPDX-License-Identifier: Apache-2.0
//
// MemoryNode: the driver `memory`: a RAM disk that takes room only where it was written. Every
// request completes at once, without a lock and without an allocation.
//
// With the volatile cache, writes are volatile until a flush (or FUA), and SimulateCrash forgets
// those that are: what a power failure does to a disk with a write cache. That mode locks and
// allocates.
//
// Ownership: see BlockNode. Threading: any-context, or home-context when given one.
//   SetAllocationLimit, allocated_bytes and SimulateCrash: any thread. Requests from two contexts
//   for the same bytes at the same time are not put in an order: the bytes are copied at once, and
//   what is left or read may be some of each (a race of whoever sends them, which ThreadSanitizer
//   reports).
// Units: bytes; room is taken in pages of 4096. Errors: -ENOSPC when a write would pass the
//   allocation limit: nothing of it is written then.

#ifndef PLATTER_DRIVERS_MEMORY_MEMORY_NODE_H_
#define PLATTER_DRIVERS_MEMORY_MEMORY_NODE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "base/mutex.h"
#include "drivers/memory/sparse_memory.h"
#include "drivers/memory/undo_journal.h"
#include "drivers/node.h"

namespace platter {

struct MemoryOptions {
  enum class Cache : uint8_t { kDurable, kVolatile };

  uint64_t size = 0;
  uint64_t allocation_limit = SparseMemory::kNoLimit;
  Cache cache = Cache::kDurable;
  AioContext* home_context = nullptr;  // nullptr: any-context.
  bool read_only = false;
};

class MemoryNode final : public BlockNode {
 public:
  static absl::StatusOr<std::shared_ptr<MemoryNode>> Create(std::string node_name,
                                                            const MemoryOptions& options);

  const char* driver_name() const override { return "memory"; }
  IoResult Start(IoRequest& request) override {
    return journal_ == nullptr ? Do(request) : DoVolatile(request);
  }
  Task<absl::Status> Truncate(uint64_t new_length) override;
  Task<absl::StatusOr<BlockStatus>> GetBlockStatus(uint64_t offset, uint64_t bytes) override;

  // Raising it lets writes that failed succeed; lowering it frees nothing.
  void SetAllocationLimit(uint64_t bytes) { memory_.set_limit(bytes); }
  uint64_t allocated_bytes() const { return memory_.taken_bytes(); }

  // Forgets writes since the last flush; with a seed only some sectors of them (a torn write). Does
  // nothing without the volatile cache.
  void SimulateCrash(std::optional<uint64_t> torn_seed = std::nullopt);

 private:
  MemoryNode(std::string node_name, const MemoryOptions& options);

  IoResult Do(const IoRequest& request);
  IoResult DoVolatile(const IoRequest& request);
  void Read(const IoRequest& request);
  IoResult Write(const IoRequest& request);

  SparseMemory memory_;
  Mutex mutex_;                           // Of the volatile cache only.
  std::unique_ptr<UndoJournal> journal_;  // nullptr without it; its content is under mutex_.
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_MEMORY_MEMORY_NODE_H_

// SPDX-License-Identifier: Apache-2.0
//
// UndoJournal: what a piece of memory held when it was last flushed, and which of its pages were
// taken, so that a simulated crash can take back what was written since, and the room for it.
//
// Ownership: keeps copies of the pages that were about to change. Threading: one at a time (the
//   caller locks). Units: bytes. Errors: none; it allocates.

#ifndef PLATTER_DRIVERS_MEMORY_UNDO_JOURNAL_H_
#define PLATTER_DRIVERS_MEMORY_UNDO_JOURNAL_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "drivers/memory/sparse_memory.h"

namespace platter {

class UndoJournal {
 public:
  // What a crash may leave of a sector that was written and not flushed.
  static constexpr uint64_t kSectorBytes = 512;

  explicit UndoJournal(SparseMemory& memory) : memory_(memory) {}

  // Before [offset, offset + bytes) changes.
  void BeforeChange(uint64_t offset, uint64_t bytes);
  // What the range holds now is durable.
  void Commit(uint64_t offset, uint64_t bytes);
  // All that is there now is durable.
  void CommitAll() { pages_.clear(); }
  // Takes every change back; with `torn_seed`, only some sectors of them, as it decides.
  void Undo(std::optional<uint64_t> torn_seed);

  bool empty() const { return pages_.empty(); }

 private:
  struct Page {
    bool taken = false;  // When not, the bytes are zero.
    std::array<uint8_t, SparseMemory::kPageBytes> bytes = {};
  };

  void UndoPage(uint64_t number, const Page& page, std::optional<uint64_t> torn_seed);

  SparseMemory& memory_;
  std::map<uint64_t, Page> pages_;  // By page number.
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_MEMORY_UNDO_JOURNAL_H_

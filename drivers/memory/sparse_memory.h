// SPDX-License-Identifier: Apache-2.0
//
// SparseMemory: a long piece of zeroed memory that takes room only where it was written, with an
// account of the pages that are taken and a limit for them. Writing, zeroing and freeing need no
// lock and no allocation: the account is one bit a page and one counter.
//
// Ownership: owns the mapping. Threading: any, at the same time, but for Create, Resize and
//   destruction. Concurrent writes to the same bytes give either's bytes, as on any disk; the
//   account never drops below zero, but a page freed while it is written may go uncounted until it
//   is written again.
// Units: bytes; pages are of kPageBytes. Errors: Create and Resize: INVALID_ARGUMENT or
//   RESOURCE_EXHAUSTED (what mmap says).

#ifndef PLATTER_DRIVERS_MEMORY_SPARSE_MEMORY_H_
#define PLATTER_DRIVERS_MEMORY_SPARSE_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace platter {

class SparseMemory {
 public:
  static constexpr uint64_t kPageBytes = 4096;
  static constexpr uint64_t kNoLimit = UINT64_MAX;

  SparseMemory() = default;
  SparseMemory(const SparseMemory&) = delete;
  SparseMemory& operator=(const SparseMemory&) = delete;
  ~SparseMemory();

  // From nothing, or keeping what is below the smaller length; what is new is zero.
  absl::Status Resize(uint64_t length);
  uint64_t length() const { return length_; }

  uint8_t* data() { return data_; }

  enum class Limit : uint8_t { kObey, kIgnore };
  // Takes the pages of the range, which is in bounds. False, with nothing taken, when that would
  // pass the limit.
  bool Take(uint64_t offset, uint64_t bytes, Limit limit = Limit::kObey);
  // Zeroes the range without taking pages.
  void Zero(uint64_t offset, uint64_t bytes);
  // Zeroes the range and gives the pages that it covers whole back.
  void Free(uint64_t offset, uint64_t bytes);

  // Whether the page that holds `offset` is taken.
  bool IsTaken(uint64_t offset) const;
  // How far the pages from the one of `offset` are all taken, or all not, up to `end`.
  uint64_t RunEnd(uint64_t offset, uint64_t end) const;

  uint64_t taken_bytes() const { return taken_pages_.load(std::memory_order_relaxed) * kPageBytes; }
  // From now on; what is taken already stays.
  void set_limit(uint64_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }

 private:
  using Word = std::atomic<uint64_t>;
  static constexpr uint64_t kWordBits = 64;

  Word& WordOf(uint64_t page) const { return words_[page / kWordBits]; }
  static uint64_t BitOf(uint64_t page) { return uint64_t{1} << (page % kWordBits); }
  bool Reserve(uint64_t pages, Limit limit);
  void Release(uint64_t pages) { taken_pages_.fetch_sub(pages, std::memory_order_relaxed); }

  uint8_t* data_ = nullptr;
  uint64_t length_ = 0;
  size_t mapped_bytes_ = 0;
  Word* words_ = nullptr;  // A mapping of zeroes as well, as sparse as the data.
  size_t words_bytes_ = 0;
  std::atomic<uint64_t> taken_pages_{0};
  std::atomic<uint64_t> limit_{kNoLimit};
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_MEMORY_SPARSE_MEMORY_H_

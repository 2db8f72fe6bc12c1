// SPDX-License-Identifier: Apache-2.0
#include "drivers/memory/sparse_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/check.h"
#include "base/status.h"

namespace platter {
namespace {

// Makes `mapping` `bytes` long (0: none); nullptr and errno when the host refuses.
void* Remap(void* mapping, size_t old_bytes, size_t bytes) {
  if (bytes == old_bytes) return mapping;
  if (bytes == 0) {
    munmap(mapping, old_bytes);
    return nullptr;
  }
  void* const moved = old_bytes == 0 ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                                     : mremap(mapping, old_bytes, bytes, MREMAP_MAYMOVE);
  return moved == MAP_FAILED ? nullptr : moved;
}

}  // namespace

SparseMemory::~SparseMemory() {
  Remap(data_, mapped_bytes_, 0);
  Remap(words_, words_bytes_, 0);
}

absl::Status SparseMemory::Resize(uint64_t length) {
  // What a process can map is less by far; this keeps the roundings below in range.
  constexpr uint64_t kMaxLength = uint64_t{1} << 47;
  if (length > kMaxLength) {
    return ErrorWithErrno(EFBIG, absl::StrCat(length, " bytes are more than memory can have"));
  }
  if (length < length_) Free(length, AlignUp(length_, kPageBytes) - length);
  const size_t bytes = AlignUp(length, kPageBytes);
  const size_t words_bytes =
      AlignUp((bytes / kPageBytes + kWordBits - 1) / kWordBits * sizeof(Word), kPageBytes);
  // The words grow first and never shrink, so that a failure leaves both usable.
  if (words_bytes > words_bytes_) {
    void* const words = Remap(words_, words_bytes_, words_bytes);
    if (words == nullptr) return ErrnoError(errno, absl::StrCat("mapping ", length, " bytes"));
    words_ = static_cast<Word*>(words);
    words_bytes_ = words_bytes;
  }
  if (bytes != mapped_bytes_) {
    void* const data = Remap(data_, mapped_bytes_, bytes);
    if (data == nullptr && bytes > 0) {
      return ErrnoError(errno, absl::StrCat("mapping ", length, " bytes"));
    }
    data_ = static_cast<uint8_t*>(data);
    mapped_bytes_ = bytes;
  }
  length_ = length;
  return absl::OkStatus();
}

bool SparseMemory::Reserve(uint64_t pages, Limit limit) {
  uint64_t taken = taken_pages_.load(std::memory_order_relaxed);
  do {
    const uint64_t most =
        limit == Limit::kIgnore ? UINT64_MAX : limit_.load(std::memory_order_relaxed) / kPageBytes;
    if (taken > most || pages > most - taken) return false;
  } while (!taken_pages_.compare_exchange_weak(taken, taken + pages, std::memory_order_relaxed));
  return true;
}

bool SparseMemory::Take(uint64_t offset, uint64_t bytes, Limit limit) {
  if (bytes == 0) return true;
  const uint64_t first = offset / kPageBytes;
  const uint64_t end = (offset + bytes - 1) / kPageBytes + 1;
  uint64_t missing = 0;
  for (uint64_t page = first; page < end; ++page) {
    missing += (WordOf(page).load(std::memory_order_relaxed) & BitOf(page)) == 0 ? 1 : 0;
  }
  if (missing == 0) return true;
  if (!Reserve(missing, limit)) return false;
  uint64_t taken = 0;
  for (uint64_t page = first; page < end; ++page) {
    const uint64_t before = WordOf(page).fetch_or(BitOf(page), std::memory_order_relaxed);
    taken += (before & BitOf(page)) == 0 ? 1 : 0;
  }
  // Another thread took or freed some of them meanwhile.
  if (taken < missing) Release(missing - taken);
  if (taken > missing) taken_pages_.fetch_add(taken - missing, std::memory_order_relaxed);
  return true;
}

void SparseMemory::Zero(uint64_t offset, uint64_t bytes) {
  const uint64_t end = offset + bytes;
  while (offset < end) {
    const uint64_t run_end = RunEnd(offset, end);
    if (IsTaken(offset)) std::memset(data_ + offset, 0, run_end - offset);
    offset = run_end;
  }
}

void SparseMemory::Free(uint64_t offset, uint64_t bytes) {
  const uint64_t end = offset + bytes;
  const uint64_t whole_begin = std::min(end, AlignUp(offset, kPageBytes));
  const uint64_t whole_end = std::max(whole_begin, AlignDown(end, kPageBytes));
  Zero(offset, whole_begin - offset);
  Zero(whole_end, end - whole_end);
  uint64_t freed = 0;
  uint64_t at = whole_begin;
  while (at < whole_end) {
    const uint64_t run_end = RunEnd(at, whole_end);
    if (IsTaken(at)) {
      // Reads as zeroes from now on. It can fail only for a range that is not mapped.
      PLATTER_CHECK(madvise(data_ + at, run_end - at, MADV_DONTNEED) == 0);
      for (uint64_t page = at / kPageBytes; page < run_end / kPageBytes; ++page) {
        const uint64_t before = WordOf(page).fetch_and(~BitOf(page), std::memory_order_relaxed);
        freed += (before & BitOf(page)) != 0 ? 1 : 0;
      }
    }
    at = run_end;
  }
  if (freed > 0) Release(freed);
}

bool SparseMemory::IsTaken(uint64_t offset) const {
  const uint64_t page = offset / kPageBytes;
  return (WordOf(page).load(std::memory_order_relaxed) & BitOf(page)) != 0;
}

uint64_t SparseMemory::RunEnd(uint64_t offset, uint64_t end) const {
  const bool taken = IsTaken(offset);
  uint64_t page = offset / kPageBytes + 1;
  const uint64_t end_page = (end + kPageBytes - 1) / kPageBytes;
  while (page < end_page) {
    const uint64_t word = WordOf(page).load(std::memory_order_relaxed);
    if (page % kWordBits == 0 && word == (taken ? UINT64_MAX : 0)) {
      page += kWordBits;
      continue;
    }
    if (((word & BitOf(page)) != 0) != taken) break;
    ++page;
  }
  return std::min(end, page * kPageBytes);
}

}  // namespace platter

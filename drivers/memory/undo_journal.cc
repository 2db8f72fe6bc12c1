// SPDX-License-Identifier: Apache-2.0
#include "drivers/memory/undo_journal.h"

#include <algorithm>
#include <cstring>

namespace platter {
namespace {

constexpr uint64_t kPageBytes = SparseMemory::kPageBytes;

// One step of SplitMix64: spreads the seed and a sector number over 64 bits.
uint64_t Mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

void UndoJournal::BeforeChange(uint64_t offset, uint64_t bytes) {
  if (bytes == 0) return;
  const uint64_t last = (offset + bytes - 1) / kPageBytes;
  for (uint64_t number = offset / kPageBytes; number <= last; ++number) {
    const auto [at, is_new] = pages_.try_emplace(number);
    if (!is_new || !memory_.IsTaken(number * kPageBytes)) continue;
    at->second.taken = true;
    std::memcpy(at->second.bytes.data(), memory_.data() + number * kPageBytes, kPageBytes);
  }
}

void UndoJournal::Commit(uint64_t offset, uint64_t bytes) {
  const uint64_t end = offset + bytes;
  for (auto at = pages_.lower_bound(offset / kPageBytes);
       at != pages_.end() && at->first * kPageBytes < end; ++at) {
    const uint64_t begin = std::max(offset, at->first * kPageBytes);
    const uint64_t stop = std::min(end, (at->first + 1) * kPageBytes);
    Page& page = at->second;
    std::memcpy(page.bytes.data() + begin % kPageBytes, memory_.data() + begin, stop - begin);
    // What is durable of a page keeps it; one that is durable as a whole is as it is now.
    const bool taken = memory_.IsTaken(begin);
    page.taken = stop - begin == kPageBytes ? taken : page.taken || taken;
  }
}

void UndoJournal::Undo(std::optional<uint64_t> torn_seed) {
  for (const auto& [number, page] : pages_) {
    // A page that lies behind a new, shorter end is gone.
    if (number * kPageBytes < memory_.length()) UndoPage(number, page, torn_seed);
  }
  pages_.clear();
}

void UndoJournal::UndoPage(uint64_t number, const Page& page, std::optional<uint64_t> torn_seed) {
  const uint64_t page_offset = number * kPageBytes;
  // It may have been freed since.
  if (page.taken) memory_.Take(page_offset, kPageBytes, SparseMemory::Limit::kIgnore);
  // As when it was never written, or the write found no room.
  if (!memory_.IsTaken(page_offset)) return;
  bool all = true;
  for (uint64_t within = 0; within < kPageBytes; within += kSectorBytes) {
    const uint64_t offset = page_offset + within;
    if (torn_seed.has_value() && (Mix(*torn_seed ^ Mix(offset)) & 1) != 0) {
      all = false;
      continue;
    }
    std::memcpy(memory_.data() + offset, page.bytes.data() + within, kSectorBytes);
  }
  if (all && !page.taken) memory_.Free(page_offset, kPageBytes);
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/guest_allocator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/check.h"

namespace platter {

void GuestAllocator::AddRegion(uint64_t address, uint64_t bytes) {
  free_[address] = {address + bytes, address};
}

absl::StatusOr<uint64_t> GuestAllocator::Allocate(uint64_t bytes, uint64_t alignment) {
  PLATTER_CHECK(IsPowerOfTwo(alignment));
  bytes = std::max<uint64_t>(bytes, 1);
  for (auto it = free_.begin(); it != free_.end(); ++it) {
    const uint64_t begin = it->first;
    const Range range = it->second;
    const uint64_t start = AlignUp(begin, alignment);
    if (start < begin || start > range.end || range.end - start < bytes) continue;
    free_.erase(it);
    if (start > begin) free_[begin] = {start, range.region};
    if (start + bytes < range.end) free_[start + bytes] = range;
    used_[start] = {start + bytes, range.region};
    return start;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("the guest has no ", bytes, " bytes of free memory in one piece"));
}

uint64_t GuestAllocator::Free(uint64_t address) {
  const auto used = used_.find(address);
  PLATTER_CHECK(used != used_.end());
  const uint64_t bytes = used->second.end - address;
  auto at = free_.emplace(address, used->second).first;
  used_.erase(used);
  if (const auto after = std::next(at); after != free_.end() && after->first == at->second.end &&
                                        after->second.region == at->second.region) {
    at->second.end = after->second.end;
    free_.erase(after);
  }
  if (at != free_.begin()) {
    const auto before = std::prev(at);
    if (before->second.end == address && before->second.region == at->second.region) {
      before->second.end = at->second.end;
      free_.erase(at);
    }
  }
  return bytes;
}

uint64_t GuestAllocator::free_bytes() const {
  uint64_t sum = 0;
  for (const auto& [begin, range] : free_) sum += range.end - begin;
  return sum;
}

}  // namespace platter

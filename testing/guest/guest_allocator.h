// SPDX-License-Identifier: Apache-2.0
//
// GuestAllocator: the page allocator of a simulated guest: which addresses of its memory are free.
// Every bus has one, wherever the memory itself lives.
//
// Ownership: a value; owns no memory. Threading: one thread. Units: bytes.
// Errors: RESOURCE_EXHAUSTED; freeing what is not allocated fails a check.

#ifndef PLATTER_TESTING_GUEST_GUEST_ALLOCATOR_H_
#define PLATTER_TESTING_GUEST_GUEST_ALLOCATOR_H_

#include <cstdint>
#include <map>

#include "absl/status/statusor.h"

namespace platter {

class GuestAllocator {
 public:
  // Memory to allocate from; regions that touch are not joined: an allocation lies in one.
  void AddRegion(uint64_t address, uint64_t bytes);

  // First fit. `bytes` 0 counts as 1; `alignment` is a power of two.
  absl::StatusOr<uint64_t> Allocate(uint64_t bytes, uint64_t alignment);
  // Returns the length that was allocated at `address`.
  uint64_t Free(uint64_t address);

  uint64_t free_bytes() const;

 private:
  struct Range {
    uint64_t end;
    uint64_t region;  // Start of the region: ranges of two regions never join.
  };

  std::map<uint64_t, Range> free_;
  std::map<uint64_t, Range> used_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_GUEST_ALLOCATOR_H_

// SPDX-License-Identifier: Apache-2.0
//
// MemoryCursor: a user's own view of a GuestMemory that remembers the region it used last. The map
// itself is shared and const; nearly all accesses of one queue fall into one region.
//
// Ownership: the memory outlives its use. Threading: one thread at a time. Units: bytes.
// Errors: as GuestMemory.

#ifndef PLATTER_DEVICES_BUS_MEMORY_CURSOR_H_
#define PLATTER_DEVICES_BUS_MEMORY_CURSOR_H_

#include <cstdint>

#include "devices/bus/guest_memory.h"

namespace platter {

class MemoryCursor {
 public:
  MemoryCursor() = default;
  explicit MemoryCursor(const GuestMemory& memory) : memory_(&memory) {}

  const GuestMemory& memory() const { return *memory_; }

  // As GuestMemory::TryMap. bytes is not 0.
  uint8_t* TryMap(uint64_t address, uint64_t bytes, DmaAccess access) {
    const uint64_t offset = address - base_;
    // Only plain memory is remembered, so one check of the range is enough.
    if (offset < size_ && bytes <= size_ - offset) [[likely]] {
      return host_ + offset;
    }
    return MapAndRemember(address, bytes, access);
  }

 private:
  uint8_t* MapAndRemember(uint64_t address, uint64_t bytes, DmaAccess access);

  const GuestMemory* memory_ = nullptr;
  uint64_t base_ = 0;
  uint64_t size_ = 0;
  uint8_t* host_ = nullptr;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_BUS_MEMORY_CURSOR_H_

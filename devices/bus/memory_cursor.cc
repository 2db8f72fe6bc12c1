// SPDX-License-Identifier: Apache-2.0
#include "devices/bus/memory_cursor.h"

namespace platter {

uint8_t* MemoryCursor::MapAndRemember(uint64_t address, uint64_t bytes, DmaAccess access) {
  uint8_t* const mapped = memory_->TryMap(address, bytes, access);
  if (mapped == nullptr) return nullptr;
  const GuestMemory::Region& region = *memory_->Find(address);
  if (!region.read_only) {
    base_ = region.address;
    size_ = region.size;
    host_ = region.host;
  }
  return mapped;
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// RingArea: one part of a virtqueue in guest memory. When it lies in one mapped region it is
// reached by pointer, with atomic accesses of the width that the driver uses, so that neither side
// sees half an index; otherwise byte by byte through GuestMemory.
//
// Ownership: the memory outlives it. Threading: one thread on this side; the guest on the other.
// Units: offsets in bytes, inside the area. Errors: an access that the memory refuses reads zero
// and is dropped when written.

#ifndef PLATTER_DEVICES_VIRTIO_RING_RING_AREA_H_
#define PLATTER_DEVICES_VIRTIO_RING_RING_AREA_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/bytes.h"
#include "devices/bus/guest_memory.h"

namespace platter {

class RingArea {
 public:
  // False when [address, address + bytes) is not all memory (or not writable, for device writes).
  bool Attach(const GuestMemory& memory, uint64_t address, uint64_t bytes, DmaAccess access);
  void Detach() { *this = RingArea(); }
  // What is written is logged dirty as if the area lay there.
  void LogAs(uint64_t address) { log_address_ = address; }

  // A 16-bit index or flag word; `offset` is even. Acquire and release order what surrounds it.
  uint16_t LoadAcquire16(uint64_t offset) const {
    if (host_ == nullptr) return SlowLoad16(offset);
    return FromLittle(
        __atomic_load_n(reinterpret_cast<const uint16_t*>(host_ + offset), __ATOMIC_ACQUIRE));
  }
  uint16_t Load16(uint64_t offset) const {
    if (host_ == nullptr) return SlowLoad16(offset);
    return FromLittle(
        __atomic_load_n(reinterpret_cast<const uint16_t*>(host_ + offset), __ATOMIC_RELAXED));
  }
  void StoreRelease16(uint64_t offset, uint16_t value) {
    if (host_ == nullptr) return SlowStore16(offset, value);
    __atomic_store_n(reinterpret_cast<uint16_t*>(host_ + offset), FromLittle(value),
                     __ATOMIC_RELEASE);
    memory_->MarkDirty(log_address_ + offset, sizeof(value));
  }

  // 16 bytes copied once, as two 64-bit words in memory order; `offset` is a multiple of 16.
  struct Words {
    uint64_t low = 0;
    uint64_t high = 0;
  };
  Words Load128(uint64_t offset) const {
    if (host_ == nullptr) return SlowLoad128(offset);
    const auto* at = reinterpret_cast<const uint64_t*>(host_ + offset);
    return {__atomic_load_n(at, __ATOMIC_RELAXED), __atomic_load_n(at + 1, __ATOMIC_RELAXED)};
  }

  // The same with the second word first: what the other side wrote before it is seen.
  Words LoadAcquire128(uint64_t offset) const {
    if (host_ == nullptr) return SlowLoad128(offset);
    const auto* at = reinterpret_cast<const uint64_t*>(host_ + offset);
    const uint64_t high = __atomic_load_n(at + 1, __ATOMIC_ACQUIRE);
    return {__atomic_load_n(at, __ATOMIC_RELAXED), high};
  }
  // One word in memory order; `offset` is a multiple of 8.
  uint64_t LoadAcquire64(uint64_t offset) const {
    if (host_ == nullptr) return SlowLoad64(offset);
    return __atomic_load_n(reinterpret_cast<const uint64_t*>(host_ + offset), __ATOMIC_ACQUIRE);
  }
  void StoreRelease64(uint64_t offset, uint64_t word) {
    if (host_ == nullptr) return SlowStoreWord(offset, word);
    __atomic_store_n(reinterpret_cast<uint64_t*>(host_ + offset), word, __ATOMIC_RELEASE);
    memory_->MarkDirty(log_address_ + offset, sizeof(word));
  }

  // A 32-bit value; `offset` is a multiple of 4.
  uint32_t Load32(uint64_t offset) const {
    if (host_ == nullptr) return SlowLoad32(offset);
    return FromLittle(
        __atomic_load_n(reinterpret_cast<const uint32_t*>(host_ + offset), __ATOMIC_RELAXED));
  }
  void StoreRelease32(uint64_t offset, uint32_t value) {
    if (host_ == nullptr) return SlowStore32(offset, value);
    __atomic_store_n(reinterpret_cast<uint32_t*>(host_ + offset), FromLittle(value),
                     __ATOMIC_RELEASE);
    memory_->MarkDirty(log_address_ + offset, sizeof(value));
  }

  // 8 bytes in memory order; `offset` is a multiple of 4. Published by a later StoreRelease16.
  void Store64(uint64_t offset, uint32_t first, uint32_t second) {
    if (host_ == nullptr) return SlowStore64(offset, first, second);
    auto* at = reinterpret_cast<uint32_t*>(host_ + offset);
    __atomic_store_n(at, FromLittle(first), __ATOMIC_RELAXED);
    __atomic_store_n(at + 1, FromLittle(second), __ATOMIC_RELAXED);
    memory_->MarkDirty(log_address_ + offset, 2 * sizeof(uint32_t));
  }

 private:
  template <typename T>
  static T FromLittle(T value) {
    return std::endian::native == std::endian::little ? value : ByteSwap(value);
  }
  uint16_t SlowLoad16(uint64_t offset) const;
  uint32_t SlowLoad32(uint64_t offset) const;
  uint64_t SlowLoad64(uint64_t offset) const;
  Words SlowLoad128(uint64_t offset) const;
  void SlowStore16(uint64_t offset, uint16_t value);
  void SlowStore32(uint64_t offset, uint32_t value);
  void SlowStore64(uint64_t offset, uint32_t first, uint32_t second);
  void SlowStoreWord(uint64_t offset, uint64_t word);
  void SlowWrite(uint64_t offset, std::span<const uint8_t> data);

  const GuestMemory* memory_ = nullptr;
  uint8_t* host_ = nullptr;
  uint64_t address_ = 0;
  uint64_t log_address_ = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_RING_AREA_H_

// SPDX-License-Identifier: Apache-2.0
//
// Packed virtqueues in memory (virtio 1.3, 2.8), and places in them: an index and a wrap counter.
//
// Threading: constants and values. Units: bytes; indices count descriptors.

#ifndef PLATTER_DEVICES_VIRTIO_RING_PACKED_SPEC_H_
#define PLATTER_DEVICES_VIRTIO_RING_PACKED_SPEC_H_

#include <cstdint>

#include "base/bytes.h"

namespace platter {

// 2.8.13 The Virtqueue Descriptor Format. Next, write and indirect are flagged as in a split ring.
struct PackedDesc {
  Le64 address;
  Le32 length;
  Le16 id;
  Le16 flags;
};
static_assert(sizeof(PackedDesc) == 16);
// 2.8.1 Driver and Device Ring Wrap Counters.
inline constexpr uint16_t kPackedDescAvail = 1 << 7;
inline constexpr uint16_t kPackedDescUsed = 1 << 15;

// 2.8.14 Event Suppression Structure Format: a place, then what is wanted, in its low two bits.
inline constexpr uint64_t kPackedEventBytes = 4;
inline constexpr uint16_t kPackedEventEnable = 0;
inline constexpr uint16_t kPackedEventDisable = 1;
inline constexpr uint16_t kPackedEventDesc = 2;
inline constexpr uint16_t kPackedEventMask = 3;

// 2.8.10.1 Structure Size and Alignment.
inline constexpr uint64_t kPackedDescAlign = 16;
inline constexpr uint64_t kPackedEventAlign = 4;

// A place in a packed ring: the index of a descriptor, below the ring's size, and the wrap counter
// with which it is looked at. As 16 bits it has the form of 2.8.14, which notifications (2.9) and
// vhost-user have too: the wrap counter is the highest bit.
class PackedPlace {
 public:
  static constexpr uint16_t kWrapBit = 1 << 15;
  // 2.8.1: the first descriptor of a new ring, with a wrap counter of 1.
  static constexpr uint16_t kFirst = kWrapBit;

  constexpr PackedPlace() = default;
  constexpr explicit PackedPlace(uint16_t bits)
      : index_(bits & (kWrapBit - 1u)), wrap_(bits & kWrapBit) {}

  constexpr uint16_t bits() const { return static_cast<uint16_t>(index_ | wrap_); }
  constexpr uint32_t index() const { return index_; }
  constexpr bool wrap() const { return wrap_ != 0; }

  // By at most `size`, which is the ring's.
  constexpr void Advance(uint32_t by, uint32_t size) {
    index_ += by;
    if (index_ >= size) {
      index_ -= size;
      wrap_ ^= kWrapBit;
    }
  }
  constexpr void Retreat(uint32_t by, uint32_t size) {
    if (by > index_) {
      index_ += size;
      wrap_ ^= kWrapBit;
    }
    index_ -= by;
  }
  // Descriptors from here to `to`: 0 ... 2 * size - 1.
  constexpr uint32_t DistanceTo(PackedPlace to, uint32_t size) const {
    const uint32_t from = index_ + (wrap_ != 0 ? 0 : size);
    const uint32_t end = to.index_ + (to.wrap_ != 0 ? 0 : size);
    return end >= from ? end - from : end + 2 * size - from;
  }

  constexpr bool operator==(const PackedPlace&) const = default;

 private:
  uint32_t index_ = 0;
  uint32_t wrap_ = kWrapBit;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_PACKED_SPEC_H_

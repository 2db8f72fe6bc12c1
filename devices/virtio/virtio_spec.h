// SPDX-License-Identifier: Apache-2.0
//
// Numbers of "Virtual I/O Device (VIRTIO) Version 1.3" that every device and transport shares. What
// belongs to one register layout or one device type stands in that one's folder files.
//
// Threading: constants. Units: bytes unless said.

#ifndef PLATTER_DEVICES_VIRTIO_VIRTIO_SPEC_H_
#define PLATTER_DEVICES_VIRTIO_VIRTIO_SPEC_H_

#include <cstdint>

#include "base/bytes.h"

namespace platter {

// 2.1 Device Status Field.
inline constexpr uint8_t kVirtioStatusAcknowledge = 1;
inline constexpr uint8_t kVirtioStatusDriver = 2;
inline constexpr uint8_t kVirtioStatusDriverOk = 4;
inline constexpr uint8_t kVirtioStatusFeaturesOk = 8;
inline constexpr uint8_t kVirtioStatusNeedsReset = 64;
inline constexpr uint8_t kVirtioStatusFailed = 128;

// 6 Reserved Feature Bits: those that Platter knows.
inline constexpr uint64_t kVirtioFIndirectDesc = uint64_t{1} << 28;
inline constexpr uint64_t kVirtioFEventIdx = uint64_t{1} << 29;
inline constexpr uint64_t kVirtioFVersion1 = uint64_t{1} << 32;
inline constexpr uint64_t kVirtioFRingPacked = uint64_t{1} << 34;
inline constexpr uint64_t kVirtioFInOrder = uint64_t{1} << 35;
inline constexpr uint64_t kVirtioFNotificationData = uint64_t{1} << 38;
inline constexpr uint64_t kVirtioFRingReset = uint64_t{1} << 40;

// 5 Device Types.
inline constexpr uint32_t kVirtioIdBlock = 2;
inline constexpr uint32_t kVirtioIdScsi = 8;

// 2.7 Split Virtqueues: a power of two, at most 32768.
inline constexpr uint32_t kVirtqMaxSize = 32768;

// 2.7.5 The Virtqueue Descriptor Table.
struct VirtqDesc {
  Le64 address;
  Le32 length;
  Le16 flags;
  Le16 next;
};
static_assert(sizeof(VirtqDesc) == 16);
inline constexpr uint16_t kVirtqDescNext = 1;
inline constexpr uint16_t kVirtqDescWrite = 2;
inline constexpr uint16_t kVirtqDescIndirect = 4;

// 2.7.6 The Virtqueue Available Ring: le16 flags, le16 idx, le16 ring[size], le16 used_event.
inline constexpr uint64_t kVirtqAvailIdx = 2;
inline constexpr uint64_t kVirtqAvailRing = 4;
inline constexpr uint16_t kVirtqAvailNoInterrupt = 1;
constexpr uint64_t VirtqUsedEvent(uint32_t size) { return kVirtqAvailRing + 2 * uint64_t{size}; }
constexpr uint64_t VirtqAvailBytes(uint32_t size) { return VirtqUsedEvent(size) + 2; }

// 2.7.8 The Virtqueue Used Ring: le16 flags, le16 idx, {le32 id, le32 len}[size], le16 avail_event.
inline constexpr uint64_t kVirtqUsedIdx = 2;
inline constexpr uint64_t kVirtqUsedRing = 4;
inline constexpr uint64_t kVirtqUsedElement = 8;
inline constexpr uint16_t kVirtqUsedNoNotify = 1;
constexpr uint64_t VirtqAvailEvent(uint32_t size) {
  return kVirtqUsedRing + kVirtqUsedElement * uint64_t{size};
}
constexpr uint64_t VirtqUsedBytes(uint32_t size) { return VirtqAvailEvent(size) + 2; }

// 2.7 Split Virtqueues: alignments of the three parts.
inline constexpr uint64_t kVirtqDescAlign = 16;
inline constexpr uint64_t kVirtqAvailAlign = 2;
inline constexpr uint64_t kVirtqUsedAlign = 4;

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_VIRTIO_SPEC_H_

// SPDX-License-Identifier: Apache-2.0
//
// RingFixture: a split ring in plain memory that a test writes as it likes, and the device's side
// of it.
//
// Ownership: owns the memory. Threading: one thread. Units: bytes; indices count entries.

#ifndef PLATTER_DEVICES_VIRTIO_RING_RING_FIXTURE_H_
#define PLATTER_DEVICES_VIRTIO_RING_RING_FIXTURE_H_

#include <cstdint>

#include "base/bytes.h"
#include "devices/virtio/ring/queue_layout.h"
#include "devices/virtio/ring/ring_memory_fixture.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

class RingFixture final : public RingMemoryFixture {
 public:
  // Guest addresses; data follows the tables.
  static constexpr uint64_t kBytes = 0x80000;
  static constexpr uint64_t kDescriptors = kBase;
  static constexpr uint64_t kAvail = kBase + 0x10000;
  static constexpr uint64_t kUsed = kBase + 0x20000;
  static constexpr uint64_t kTable = kBase + 0x40000;
  static constexpr uint64_t kData = kBase + 0x60000;

  struct Descriptor {
    uint64_t address = kData;
    uint32_t length = 16;
    uint16_t flags = 0;
    uint16_t next = 0;
  };

  explicit RingFixture(uint32_t size, Access access = Access::kMapped)
      : RingMemoryFixture(kBytes, access), ring_size(size) {}

  QueueLayout layout() const {
    return {.size = ring_size, .descriptors = kDescriptors, .driver = kAvail, .device = kUsed};
  }

  void SetDescriptorAt(uint64_t table, uint32_t index, const Descriptor& d) {
    Put(table + index * sizeof(VirtqDesc), VirtqDesc{d.address, d.length, d.flags, d.next});
  }
  void SetDescriptor(uint32_t index, const Descriptor& d) {
    SetDescriptorAt(kDescriptors, index, d);
  }
  void SetAvailFlags(uint16_t flags) { Put(kAvail, Le16(flags)); }
  void SetAvailIndex(uint16_t index) { Put(kAvail + kVirtqAvailIdx, Le16(index)); }
  void SetUsedEvent(uint16_t index) { Put(kAvail + VirtqUsedEvent(ring_size), Le16(index)); }
  void MakeAvailable(uint16_t head) {
    const uint16_t index = Get<Le16>(kAvail + kVirtqAvailIdx).get();
    Put(kAvail + kVirtqAvailRing + uint64_t{2} * (index % ring_size), Le16(head));
    SetAvailIndex(static_cast<uint16_t>(index + 1));
  }
  uint16_t UsedFlags() const { return Get<Le16>(kUsed).get(); }
  uint16_t UsedIndex() const { return Get<Le16>(kUsed + kVirtqUsedIdx).get(); }
  uint16_t AvailEvent() const { return Get<Le16>(kUsed + VirtqAvailEvent(ring_size)).get(); }
  struct Used {
    uint32_t id;
    uint32_t bytes;
    bool operator==(const Used&) const = default;
  };
  Used UsedEntry(uint16_t index) const {
    const uint64_t at = kUsed + kVirtqUsedRing + kVirtqUsedElement * (index % ring_size);
    return {Get<Le32>(at).get(), Get<Le32>(at + 4).get()};
  }

  const uint32_t ring_size;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_RING_FIXTURE_H_

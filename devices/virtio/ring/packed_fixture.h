// SPDX-License-Identifier: Apache-2.0
//
// PackedFixture: a packed ring in plain memory that a test writes as it likes, and a driver's
// bookkeeping that is as simple as it can be.
//
// Ownership: owns the memory. Threading: one thread. Units: bytes; places count descriptors.

#ifndef PLATTER_DEVICES_VIRTIO_RING_PACKED_FIXTURE_H_
#define PLATTER_DEVICES_VIRTIO_RING_PACKED_FIXTURE_H_

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "devices/virtio/ring/packed_spec.h"
#include "devices/virtio/ring/queue_layout.h"
#include "devices/virtio/ring/ring_memory_fixture.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

class PackedFixture final : public RingMemoryFixture {
 public:
  // Guest addresses; data follows the tables.
  static constexpr uint64_t kBytes = 0xc0000;
  static constexpr uint64_t kRing = kBase;
  static constexpr uint64_t kDriver = kBase + 0x80000;
  static constexpr uint64_t kDevice = kBase + 0x80100;
  static constexpr uint64_t kTable = kBase + 0x90000;
  static constexpr uint64_t kData = kBase + 0xa0000;

  struct Descriptor {
    uint64_t address = kData;
    uint32_t length = 16;
    uint16_t flags = 0;
    bool operator==(const Descriptor&) const = default;
  };

  explicit PackedFixture(uint32_t size, Access access = Access::kMapped)
      : RingMemoryFixture(kBytes, access), ring_size(size) {}

  QueueLayout layout() const {
    return {.size = ring_size,
            .descriptors = kRing,
            .driver = kDriver,
            .device = kDevice,
            .next_avail = PackedPlace::kFirst,
            .next_used = PackedPlace::kFirst};
  }

  PackedDesc At(uint32_t index) const {
    return Get<PackedDesc>(kRing + index * sizeof(PackedDesc));
  }
  void SetAt(uint32_t index, const PackedDesc& desc) {
    Put(kRing + index * sizeof(PackedDesc), desc);
  }
  void SetTableEntry(uint64_t table, uint32_t index, const Descriptor& d) {
    Put(table + index * sizeof(PackedDesc), PackedDesc{d.address, d.length, uint16_t{0}, d.flags});
  }

  // One descriptor at `next`, which moves on; available when the caller's flags do not say
  // otherwise.
  void PutNext(const Descriptor& d, uint16_t id) {
    const uint16_t mark = next.wrap() ? kPackedDescAvail : kPackedDescUsed;
    SetAt(next.index(), {d.address, d.length, id, static_cast<uint16_t>(d.flags | mark)});
    next.Advance(1, ring_size);
  }
  // A chain; the ids of all but the last descriptor are wrong (2.8.6: they mean nothing).
  void Offer(uint16_t id, std::vector<Descriptor> chain) {
    for (size_t i = 0; i < chain.size(); ++i) {
      const bool last = i + 1 == chain.size();
      if (!last) chain[i].flags |= kVirtqDescNext;
      PutNext(chain[i], last ? id : static_cast<uint16_t>(~id));
    }
  }
  void Offer(uint16_t id) { Offer(id, {Descriptor{}}); }

  // Whether the descriptor at `place` says that it is used.
  bool IsUsed(PackedPlace place) const {
    constexpr uint16_t kBoth = kPackedDescAvail | kPackedDescUsed;
    return (At(place.index()).flags.get() & kBoth) == (place.wrap() ? kBoth : 0);
  }

  void SetDriverEvent(uint16_t place, uint16_t flags) {
    Put(kDriver, Le16(place));
    Put(kDriver + 2, Le16(flags));
  }
  uint16_t DeviceEventPlace() const { return Get<Le16>(kDevice).get(); }
  uint16_t DeviceEventFlags() const { return Get<Le16>(kDevice + 2).get(); }

  const uint32_t ring_size;
  PackedPlace next;  // The driver's: to make available.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_PACKED_FIXTURE_H_

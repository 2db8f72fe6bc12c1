// SPDX-License-Identifier: Apache-2.0
//
// PackedRing: the driver's side of a packed virtqueue (virtio 1.3, 2.8) on a GuestBus. Use it by
// way of virtio_ring.h, which says what its functions do and has split rings too.
//
// What was added becomes available with one store of the flags of its first descriptor. Ids are
// taken from a stack, so that they say nothing about places.
//
// Ownership: holds guest memory of the bus from Create to destruction; the device has let go of the
//   ring by then. Threading: one thread, as the bus. Units: lengths in bytes.
// Errors: Create: RESOURCE_EXHAUSTED. What a device does wrong is counted in faults().

#ifndef PLATTER_TESTING_GUEST_RING_PACKED_RING_H_
#define PLATTER_TESTING_GUEST_RING_PACKED_RING_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "testing/guest/guest_bus.h"
#include "testing/guest/ring/ring_types.h"

namespace platter {

class PackedRing {
 public:
  static absl::StatusOr<std::unique_ptr<PackedRing>> Create(GuestBus& bus,
                                                            const RingOptions& options);
  ~PackedRing();
  PackedRing(const PackedRing&) = delete;
  PackedRing& operator=(const PackedRing&) = delete;

  const RingLayout& layout() const { return layout_; }
  bool mapped() const { return mirror_.empty(); }

  bool Add(std::span<const GuestSegment> readable, std::span<const GuestSegment> writable,
           uint64_t token);
  bool Publish();
  bool Reap(RingCompletion& done);

  // `completions` counts descriptors here: the interrupt may come before as many chains are done.
  bool EnableInterruptsAfter(uint16_t completions);
  void DisableInterrupts();

  uint16_t free_descriptors() const { return free_count_; }
  uint32_t in_flight() const { return in_flight_; }
  const RingFaults& faults() const { return faults_; }
  // The next descriptor to fill, as notifications tell it (2.9): its index, and its wrap counter in
  // the highest bit.
  uint16_t next_place() const { return next_.bits(); }

 private:
  // 2.8.1: an index and a wrap counter that is 1 at first.
  struct Place {
    uint16_t index = 0;
    bool wrap = true;
    void Advance(uint16_t by, uint16_t size) {
      const uint32_t to = uint32_t{index} + by;
      wrap ^= to >= size;
      index = static_cast<uint16_t>(to >= size ? to - size : to);
    }
    uint16_t bits() const { return static_cast<uint16_t>(index | (wrap ? 0x8000 : 0)); }
  };
  struct Slot {
    uint64_t token = 0;
    uint64_t writable_bytes = 0;
    uint16_t count = 0;  // Descriptors of the ring; 0 when not outstanding.
    uint16_t next = 0;   // Of free ids.
  };

  PackedRing(GuestBus& bus, const RingOptions& options) : bus_(bus), options_(options) {}
  absl::Status Allocate();
  // Writes one at next_, which moves on.
  void PutNext(const GuestSegment& segment, uint16_t id, uint16_t flags);
  GuestSegment WriteIndirect(std::span<const GuestSegment> readable,
                             std::span<const GuestSegment> writable, uint16_t id);
  uint32_t Distance(Place from, Place to) const;
  bool IsUsed(Place place);
  void SetEvents(uint32_t value);
  void Push(const uint8_t* at, uint64_t bytes);
  void Pull(uint8_t* at, uint64_t bytes);

  GuestBus& bus_;
  const RingOptions options_;
  RingLayout layout_;
  uint64_t base_ = 0;         // Of the allocation.
  uint64_t indirect_at_ = 0;  // Of the indirect tables, by id.

  // Host views: guest memory, or the mirror of it.
  uint8_t* memory_ = nullptr;
  uint8_t* descriptors_ = nullptr;
  uint8_t* driver_events_ = nullptr;
  uint8_t* device_events_ = nullptr;
  uint8_t* indirect_ = nullptr;
  std::vector<uint8_t> mirror_;

  std::vector<Slot> slots_;  // By id.
  uint16_t free_id_ = 0;
  uint16_t free_count_ = 0;
  Place next_;                // To fill.
  Place published_;           // The first that the device does not see yet ...
  uint16_t first_flags_ = 0;  // ... and the flags that will make it available.
  uint32_t unpublished_ = 0;  // Descriptors from there on.
  Place used_;                // To reap.
  uint32_t in_flight_ = 0;
  RingFaults faults_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_RING_PACKED_RING_H_

// SPDX-License-Identifier: Apache-2.0
//
// RawRing: a split ring without rules: every field may be set to anything. For hostile tests and
// fuzzers; a driver that keeps the rules is virtio_ring.h.
//
// Ownership: the bus outlives it; the memory is whoever's allocated it.
// Threading: as the bus. Units: indices and slots count entries. Errors: writes outside memory do
// nothing, reads give 0.

#ifndef PLATTER_TESTING_GUEST_RAW_RING_H_
#define PLATTER_TESTING_GUEST_RAW_RING_H_

#include <cstdint>

#include "absl/status/statusor.h"

#include "testing/guest/guest_bus.h"
#include "testing/guest/virtio_ring.h"

namespace platter {

struct RawDescriptor {
  uint64_t address = 0;
  uint32_t length = 0;
  uint16_t flags = 0;
  uint16_t next = 0;
};

class RawRing {
 public:
  RawRing(GuestBus& bus, const RingLayout& layout) : bus_(bus), layout_(layout) {}
  // Allocates a zeroed ring of `size` entries; it stays allocated.
  static absl::StatusOr<RawRing> Create(GuestBus& bus, uint16_t size);

  const RingLayout& layout() const { return layout_; }

  // Into the ring's table; any index, also beyond its end (that is memory as any other).
  void SetDescriptor(uint32_t index, const RawDescriptor& descriptor);
  // Into an indirect table at `table`.
  void SetDescriptorAt(uint64_t table, uint32_t index, const RawDescriptor& descriptor);

  void SetAvailFlags(uint16_t flags);
  void SetAvailEntry(uint16_t slot, uint16_t head);  // Slot modulo the size.
  void SetAvailIndex(uint16_t index);
  void SetUsedEvent(uint16_t index);
  uint16_t AvailIndex();
  // Puts `head` at the available index and moves that on.
  void MakeAvailable(uint16_t head);

  uint16_t UsedFlags();
  uint16_t UsedIndex();
  uint16_t AvailEvent();
  struct Used {
    uint32_t id = 0;
    uint32_t bytes = 0;
  };
  Used UsedEntry(uint16_t slot);  // Slot modulo the size.

 private:
  uint16_t Get16(uint64_t address);
  void Put16(uint64_t address, uint16_t value);

  GuestBus& bus_;
  RingLayout layout_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_RAW_RING_H_

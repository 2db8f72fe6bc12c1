// SPDX-License-Identifier: Apache-2.0
//
// NaiveDevice: the device's side of a split ring, written as simply as the standard reads (virtio
// 1.3, 2.7), byte copies only. Drivers are tested against it; it is no model of a real device.
//
// Ownership: the bus outlives it. Threading: as the bus. Errors: a chain that breaks a rule makes
//   Pop return false and broken() true.

#ifndef PLATTER_TESTING_GUEST_NAIVE_DEVICE_H_
#define PLATTER_TESTING_GUEST_NAIVE_DEVICE_H_

#include <cstdint>
#include <vector>

#include "testing/guest/raw_ring.h"
#include "testing/guest/virtio_spec.h"

namespace platter {

class NaiveDevice {
 public:
  struct Chain {
    uint16_t head = 0;
    std::vector<GuestSegment> readable;
    std::vector<GuestSegment> writable;
  };

  NaiveDevice(GuestBus& bus, const RingLayout& layout) : bus_(bus), layout_(layout) {}

  // Takes the next available chain. False when there is none.
  bool Pop(Chain& chain);
  // Completes `head`; returns whether the driver wants an interrupt for it.
  bool Push(uint16_t head, uint32_t bytes);
  // Any used element, also a wrong one.
  void PushRaw(uint32_t id, uint32_t bytes);

  void SetAvailEvent(uint16_t index) { Put16(AvailEventAt(), index); }
  void SetUsedFlags(uint16_t flags) { Put16(layout_.device, flags); }
  uint16_t next_avail() const { return next_avail_; }
  uint16_t next_used() const { return next_used_; }
  bool broken() const { return broken_; }

 private:
  uint64_t AvailEventAt() const { return layout_.device + guest::AvailEventOffset(layout_.size); }
  uint16_t Get16(uint64_t address);
  void Put16(uint64_t address, uint16_t value);
  bool Walk(uint64_t table, uint32_t entries, uint16_t index, Chain& chain, bool nested);

  GuestBus& bus_;
  const RingLayout layout_;
  uint16_t next_avail_ = 0;
  uint16_t next_used_ = 0;
  bool broken_ = false;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_NAIVE_DEVICE_H_

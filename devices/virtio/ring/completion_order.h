// SPDX-License-Identifier: Apache-2.0
//
// CompletionOrder: chains of a queue in the order in which they were taken, for a driver that was
// promised that they are used in that order (VIRTIO_F_IN_ORDER; virtio 1.3, 2.7.9 and 2.8.8). What
// is done too early is held until everything before it is done too.
//
//   order.Take(head);  ...  order.Done(head, written);
//   while (order.NextDone(&used)) ...  // It may be used now.
//
// Ownership: memory for as many chains as the queue has entries, from Reset on. Threading: one
// thread. Units: bytes written. Errors: none; heads are the caller's, checked, and below the size.

#ifndef PLATTER_DEVICES_VIRTIO_RING_COMPLETION_ORDER_H_
#define PLATTER_DEVICES_VIRTIO_RING_COMPLETION_ORDER_H_

#include <cstdint>
#include <vector>

#include "devices/virtio/ring/queue_state.h"

namespace platter {

class CompletionOrder {
 public:
  struct Used {
    uint16_t head = 0;
    uint32_t written = 0;
  };

  // Nothing is taken; for a queue of `size` entries.
  void Reset(uint32_t size);
  // As after `total` chains were taken, of which those in `held` are done; the others' heads are
  // told by Take, oldest first. `held` is in ascending order of places, which are below `total`.
  void Restore(uint32_t total, const std::vector<HeldChain>& held);

  void Take(uint16_t head);
  // The one taken last was not.
  void UndoTake() { unknown_ = --end_; }
  void Done(uint16_t head, uint32_t written);
  // It will never be done (a reset drops it), so that nothing behind it is used any more.
  void Drop(uint16_t head) { entries_[slot_of_[head]].state = State::kDropped; }
  // The oldest chain, when it is done: it is forgotten.
  bool NextDone(Used* used);

  // Done, and not given out.
  uint32_t held() const { return held_; }
  std::vector<HeldChain> Held() const;

 private:
  enum class State : uint8_t { kUnknown, kTaken, kDone, kDropped };
  struct Entry {
    uint16_t head = 0;
    State state = State::kUnknown;
    uint32_t written = 0;
  };

  Entry& At(uint32_t place) { return entries_[place & mask_]; }

  // Places count on and on; entry i & mask_ is that of place i.
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
  uint32_t unknown_ = 0;  // From here on there may be some whose head Take tells.
  uint32_t held_ = 0;
  uint32_t mask_ = 0;
  std::vector<Entry> entries_;
  std::vector<uint16_t> slot_of_;  // By head.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_COMPLETION_ORDER_H_

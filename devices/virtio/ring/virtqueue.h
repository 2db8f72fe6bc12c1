// SPDX-License-Identifier: Apache-2.0
//
// Virtqueue: the device's side of one virtqueue, split or packed as was negotiated
// (VIRTIO_F_RING_PACKED), used in order when that was (VIRTIO_F_IN_ORDER). What its functions do is
// said in split_queue.h; which layout it is costs one branch.
//
// In order, a chain that is pushed before one that was taken earlier is held until that one is
// pushed: it is not in use any more, but not used yet either.
//
// Ownership: holds a reference to the guest memory from Start to Stop. Memory for a layout is
//   allocated when a queue first has it; nothing after Start.
// Threading: one thread at a time; who that is changes only while the queue is stopped.
// Units: bytes, guest physical addresses. Errors: broken() and error().

#ifndef PLATTER_DEVICES_VIRTIO_RING_VIRTQUEUE_H_
#define PLATTER_DEVICES_VIRTIO_RING_VIRTQUEUE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"

#include "devices/bus/guest_memory.h"
#include "devices/bus/memory_cursor.h"
#include "devices/virtio/ring/chain.h"
#include "devices/virtio/ring/completion_order.h"
#include "devices/virtio/ring/packed_queue.h"
#include "devices/virtio/ring/queue_layout.h"
#include "devices/virtio/ring/queue_state.h"
#include "devices/virtio/ring/split_queue.h"

namespace platter {

class Virtqueue {
 public:
  // `max_size`: a power of two, 1 ... kVirtqMaxSize.
  explicit Virtqueue(uint32_t max_size) : split_(max_size), packed_(max_size) {}

  uint32_t max_size() const { return split_.max_size(); }

  // With the chains of `state` that are in use still to be looked up, in its order, before anything
  // else is done. INVALID_ARGUMENT also for a state that does not fit together.
  absl::Status Start(std::shared_ptr<const GuestMemory> memory, const QueueState& state,
                     uint64_t features);
  void Stop() { is_packed_ ? packed_.Stop() : split_.Stop(); }

  bool started() const { return is_packed_ ? packed_.started() : split_.started(); }
  bool broken() const { return is_packed_ ? packed_.broken() : split_.broken(); }
  const char* error() const { return is_packed_ ? packed_.error() : split_.error(); }
  void Break(const char* why) { is_packed_ ? packed_.Break(why) : split_.Break(why); }

  PopResult Pop(Chain* chain) {
    const PopResult result = is_packed_ ? packed_.Pop(chain) : split_.Pop(chain);
    if (in_order_ && result == PopResult::kChain) order_.Take(chain->head);
    return result;
  }
  void UndoPop(uint16_t head) {
    if (in_order_) order_.UndoTake();
    is_packed_ ? packed_.UndoPop(head) : split_.UndoPop(head);
  }
  bool Lookup(uint16_t head, Chain* chain) {
    const bool found = is_packed_ ? packed_.Lookup(head, chain) : split_.Lookup(head, chain);
    if (in_order_ && found) order_.Take(head);
    return found;
  }
  bool HasWork() { return is_packed_ ? packed_.HasWork() : split_.HasWork(); }

  void PushUsed(uint16_t head, uint32_t written) {
    if (in_order_) return PushInOrder(head, written);
    Put(head, written);
  }
  void Drop(uint16_t head) {
    if (in_order_) order_.Drop(head);
    is_packed_ ? packed_.Drop(head) : split_.Drop(head);
  }
  bool Publish() { return is_packed_ ? packed_.Publish() : split_.Publish(); }
  bool unpublished() const { return is_packed_ ? packed_.unpublished() : split_.unpublished(); }

  void SuppressKicks() { is_packed_ ? packed_.SuppressKicks() : split_.SuppressKicks(); }
  bool ArmKicks() { return is_packed_ ? packed_.ArmKicks() : split_.ArmKicks(); }

  uint32_t in_use() const {
    const uint32_t in_use = is_packed_ ? packed_.in_use() : split_.in_use();
    return in_order_ ? in_use - order_.held() : in_use;
  }
  uint32_t size() const { return is_packed_ ? packed_.size() : split_.size(); }
  // Of a split ring, indices; of a packed one, PackedPlace's bits.
  uint16_t next_avail() const { return is_packed_ ? packed_.next_avail() : split_.next_avail(); }
  uint16_t next_used() const { return is_packed_ ? packed_.next_used() : split_.next_used(); }
  MemoryCursor& memory() { return is_packed_ ? packed_.memory() : split_.memory(); }

  // Where it stands and what is in use or held: all of a state but what its user has to say.
  // `heads` are those in use, oldest first.
  void Save(std::vector<uint16_t> heads, QueueState* state) const;

 private:
  void Put(uint16_t head, uint32_t written) {
    is_packed_ ? packed_.PushUsed(head, written) : split_.PushUsed(head, written);
  }
  void PushInOrder(uint16_t head, uint32_t written);
  absl::Status TakeUp(const QueueState& state);

  bool is_packed_ = false;
  bool in_order_ = false;
  SplitQueue split_;
  PackedQueue packed_;
  CompletionOrder order_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_VIRTQUEUE_H_

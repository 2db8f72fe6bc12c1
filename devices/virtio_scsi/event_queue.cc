// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio_scsi/event_queue.h"

#include "devices/virtio/chain_memory.h"

namespace platter {

void VirtioScsiEventQueue::Post(const VirtioScsiEvent& event) {
  if (!running_) return;
  if (waiting_.size() == kMaxWaiting) {
    missed_ = true;
  } else {
    waiting_.push_back(event);
  }
  if (queue_.taking()) {
    if (Deliver() == Left::kSome) queue_.Kick();
  } else {
    // Unless the machine stands still, or the queue: then its Resume or start is what leads here.
    queue_.Retry();
  }
}

QueueWork VirtioScsiEventQueue::Work() {
  running_ = true;
  if (Deliver() == Left::kSome) return QueueWork::kMore;
  // Buffers that wait for an event are no work, and new ones beside them are none either.
  return queue_.ring().HasWork() ? QueueWork::kWaiting : QueueWork::kAll;
}

void VirtioScsiEventQueue::Forget() {
  running_ = false;
  missed_ = false;
  waiting_.clear();
}

VirtioScsiEventQueue::Left VirtioScsiEventQueue::Deliver() {
  Virtqueue& ring = queue_.ring();
  Left left = Left::kNothing;
  for (uint32_t taken = 0; !waiting_.empty() || missed_; ++taken) {
    // A driver may give buffers back, too short for anything, as fast as they are taken.
    if (taken == kBudget) {
      left = Left::kSome;
      break;
    }
    Chain chain;
    if (ring.Pop(&chain) != PopResult::kChain) {
      missed_ |= !waiting_.empty();
      waiting_.clear();
      break;
    }
    VirtioScsiEvent event;  // VIRTIO_SCSI_T_NO_EVENT, when it only says that some are missed.
    if (!waiting_.empty()) {
      event = waiting_.front();
      waiting_.pop_front();
    }
    if (!Put(chain, event)) break;
  }
  if (ring.Publish()) shared_.transport->InterruptQueue(queue_.index());
  return left;
}

bool VirtioScsiEventQueue::Put(const Chain& chain, VirtioScsiEvent event) {
  Virtqueue& ring = queue_.ring();
  if (chain.writable_bytes < sizeof(event)) {
    // The driver must not do that; it gets its buffer back, and the event is lost.
    ring.PushUsed(chain.head, 0);
    missed_ = true;
    return true;
  }
  if (missed_) event.event = event.event.get() | kVirtioScsiEventsMissed;
  const ChainRange range = {.buffers = chain.writable, .skip = 0, .bytes = sizeof(event)};
  if (!WriteChain(ring.memory(), range,
                  {reinterpret_cast<const uint8_t*>(&event), sizeof(event)})) {
    ring.Drop(chain.head);
    queue_.Break("an event buffer that is not in memory");
    return false;
  }
  missed_ = false;
  ring.PushUsed(chain.head, sizeof(event));
  return true;
}

}  // namespace platter

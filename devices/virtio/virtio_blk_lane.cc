// SPDX-License-Identifier: Apache-2.0
//
// The life of requests: taken, submitted, finished, published. What a request asks for is in
// virtio_blk_start.cc.

#include "devices/virtio/virtio_blk_lane.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace platter {

void VirtioBlkRequest::OnBlockDone(IoResult result) { queue->lane.OnRequestDone(*this, result); }

VirtioBlkLane::VirtioBlkLane(const VirtioBlkShared& shared, AioContext& context,
                             BlockDeviceView& backend)
    : shared_(shared),
      context_(context),
      mapper_(context.buffers()),
      channel_(backend.OpenChannel(context, *this)) {}

VirtioBlkLane::~VirtioBlkLane() = default;

VirtioBlkQueueState& VirtioBlkLane::AddQueue(VirtioQueue& queue) {
  queues_.push_back(std::make_unique<VirtioBlkQueueState>(queue, *this));
  return *queues_.back();
}

void VirtioBlkLane::MakeRequests(VirtioBlkQueueState& queue) {
  queue.request_count = queue.queue.ring().size();
  queue.requests = std::make_unique<VirtioBlkRequest[]>(queue.request_count);
  queue.free = nullptr;
  for (uint32_t i = queue.request_count; i-- > 0;) {
    VirtioBlkRequest& request = queue.requests[i];
    request.queue = &queue;
    request.next_free = std::exchange(queue.free, &request);
  }
}

QueueWork VirtioBlkLane::Work(VirtioBlkQueueState& queue) {
  // This queue's stop is on its way; the next start looks at the ring again.
  if (shared_.is_dropping()) return QueueWork::kWaiting;
  Virtqueue& ring = queue.queue.ring();
  if (queue.request_count < ring.size()) MakeRequests(queue);
  cancelled_ = false;
  uint32_t taken = 0;
  QueueWork left = QueueWork::kMore;
  const uint64_t bounce_before = mapper_.bounce_bytes();
  channel_->Plug();
  for (; taken < kBudget; ++taken) {
    Chain chain;
    if (ring.Pop(&chain) != PopResult::kChain) {
      left = QueueWork::kAll;
      break;
    }
    VirtioBlkRequest& request = TakeRequest(queue, chain.head);
    const Taken how = Start(queue, request, chain);
    if (how == Taken::kGoesOn) [[likely]] {
      continue;
    }
    if (how == Taken::kWaits) {
      ring.UndoPop(chain.head);
      left = QueueWork::kWaiting;
    } else {
      ring.Drop(chain.head);
      left = QueueWork::kAll;
    }
    Recycle(request);
    break;
  }
  channel_->Unplug();
  PublishTouched();
  if (taken != 0) {
    requests.store(requests.load(std::memory_order_relaxed) + taken, std::memory_order_relaxed);
    batches.store(batches.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  if (left == QueueWork::kWaiting) {
    // What it waits for may have been given back by Unplug already.
    if (mapper_.bounce_bytes() == 0 || mapper_.bounce_bytes() < bounce_before) {
      return QueueWork::kMore;
    }
    mapper_.Await();
  }
  return left;
}

void VirtioBlkLane::Stopping(QueueStop kind) {
  // A reset stops every queue of the device, so all of the channel's requests are meant; the first
  // queue's stop is enough, since nothing was taken after it.
  if (kind == QueueStop::kDrain || std::exchange(cancelled_, true)) return;
  if (channel_->outstanding() != 0) channel_->CancelAll();
}

std::vector<uint16_t> VirtioBlkLane::Save(const VirtioBlkQueueState& queue) const {
  std::vector<const VirtioBlkRequest*> in_use;
  for (uint32_t i = 0; i < queue.request_count; ++i) {
    if (queue.requests[i].order != 0) in_use.push_back(&queue.requests[i]);
  }
  std::sort(in_use.begin(), in_use.end(), [](const VirtioBlkRequest* a, const VirtioBlkRequest* b) {
    return a->order < b->order;
  });
  std::vector<uint16_t> heads;
  for (const VirtioBlkRequest* request : in_use) heads.push_back(request->head);
  return heads;
}

void VirtioBlkLane::Restore(VirtioBlkQueueState& queue, uint16_t head) {
  Virtqueue& ring = queue.queue.ring();
  if (queue.request_count < ring.size()) MakeRequests(queue);
  cancelled_ = false;
  Chain chain;
  if (!ring.Lookup(head, &chain)) return;
  VirtioBlkRequest& request = TakeRequest(queue, head);
  channel_->Plug();
  const Taken how = Start(queue, request, chain);
  if (how != Taken::kGoesOn) {
    // It had its memory when it was saved, so this is no state of ours.
    ring.Drop(head);
    Recycle(request);
    queue.queue.Break("a saved request that can't be taken up");
  }
  channel_->Unplug();
  PublishTouched();
}

void VirtioBlkLane::OnRequestDone(VirtioBlkRequest& request, IoResult result) {
  VirtioBlkQueueState& queue = *request.queue;
  if (result != 0 && request.data_written != 0) [[unlikely]] {
    mapper_.FinishFailed(queue.queue.ring().memory(), request.data);
  }
  if (result == -ECANCELED && shared_.is_dropping()) [[unlikely]] {
    // Kept by the error policy or never started: the reset drops it, and the driver sees nothing.
    queue.queue.ring().Drop(request.head);
    Touch(queue);
    Release(request);
    return;
  }
  if (request.segments != nullptr && result == 0 && !shared_.is_dropping()) {
    if (SubmitNextRange(request)) return;
  }
  if (result != 0) [[unlikely]] {
    // 5.2.6 has no other status for an error of the medium.
    return Finish(request, VirtioBlkStatus::kIoError, 0);
  }
  if (request.data_written != 0) {
    mapper_.Finish(queue.queue.ring().memory(), request.data, request.data_written);
  }
  Finish(request, VirtioBlkStatus::kOk, request.data_written);
}

void VirtioBlkLane::Finish(VirtioBlkRequest& request, VirtioBlkStatus status,
                           uint32_t data_written) {
  VirtioBlkQueueState& queue = *request.queue;
  Virtqueue& ring = queue.queue.ring();
  const auto byte = static_cast<uint8_t>(status);
  if (!ring.broken()) [[likely]] {
    MemoryCursor& memory = ring.memory();
    if (request.status_host != nullptr) [[likely]] {
      __atomic_store_n(request.status_host, byte, __ATOMIC_RELAXED);
      memory.memory().MarkDirty(request.status_address, 1);
    } else {
      memory.memory().Write(request.status_address, {&byte, 1});
    }
  }
  // I9: what is reported as written was written. The status is the last byte of the chain.
  ring.PushUsed(request.head, data_written + 1);
  Touch(queue);
  Release(request);
}

void VirtioBlkLane::Release(VirtioBlkRequest& request) {
  BufferPool& pool = context_.buffers();
  if (request.segments != nullptr) [[unlikely]] {
    pool.Free(std::exchange(request.segments, nullptr),
              kVirtioBlkMaxSegments * sizeof(VirtioBlkSegment));
  }
  if (mapper_.Release(request.data)) [[unlikely]] {
    for (auto& queue : queues_) queue->queue.Retry();
  }
  Recycle(request);
}

VirtioBlkRequest& VirtioBlkLane::TakeRequest(VirtioBlkQueueState& queue, uint16_t head) {
  VirtioBlkRequest& request = *queue.free;  // One for each head, so there is one.
  queue.free = request.next_free;
  request.head = head;
  request.order = ++queue.last_order;
  return request;
}

void VirtioBlkLane::Recycle(VirtioBlkRequest& request) {
  request.order = 0;
  request.next_free = std::exchange(request.queue->free, &request);
}

void VirtioBlkLane::Touch(VirtioBlkQueueState& queue) {
  if (queue.touched) return;
  queue.touched = true;
  queue.next_touched = std::exchange(touched_, &queue);
}

void VirtioBlkLane::PublishTouched() {
  while (touched_ != nullptr) {
    VirtioBlkQueueState& queue = *touched_;
    touched_ = queue.next_touched;
    queue.touched = false;
    if (queue.queue.ring().Publish()) {
      interrupts.store(interrupts.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      shared_.transport->InterruptQueue(queue.queue.index());
    }
    // The last thing done for a queue: when it was the last request, the ring is gone after this.
    queue.queue.CheckStopped();
  }
}

void VirtioBlkLane::OnBatchDone() { PublishTouched(); }

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// The life of requests: taken, finished, cancelled, published. What a request asks for is in
// virtio_scsi_start.cc.

#include "devices/virtio_scsi/virtio_scsi_lane.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace platter {

void VirtioScsiRequest::OnTaskDone() { queue->lane.Finish(*this); }

VirtioScsiLane::VirtioScsiLane(const VirtioScsiShared& shared, AioContext& context)
    : shared_(shared), context_(context), mapper_(context.buffers()) {}

VirtioScsiLane::~VirtioScsiLane() = default;

VirtioScsiQueueState& VirtioScsiLane::AddQueue(VirtioQueue& queue) {
  queues_.push_back(std::make_unique<VirtioScsiQueueState>(queue, *this));
  return *queues_.back();
}

// --- Units. ---

std::unique_ptr<VirtioScsiUnitLane> VirtioScsiLane::Open(ScsiUnit& unit) {
  ChannelClient& client = *this;
  return std::make_unique<VirtioScsiUnitLane>(unit, context_, client);
}

void VirtioScsiLane::Insert(const ScsiAddress& address, VirtioScsiUnitLane& unit) {
  units_.Insert(address, unit);
}

void VirtioScsiLane::Remove(const ScsiAddress& address, DeviceDone done) {
  VirtioScsiUnitLane* unit = units_.Find(address);
  PLATTER_CHECK(unit != nullptr);
  units_.Erase(address);
  // 5.6.6.1.1: the link to the unit is severed.
  Cancel({.target = address.target, .lun = address.lun}, VirtioScsiResponse::kTransportFailure,
         [unit, then = std::move(done)]() mutable {
           unit->lane.CloseChannel();
           std::move(then)();
         });
}

// --- Tasks. ---

bool VirtioScsiLane::AnyLeft(const ScsiTaskFilter& filter, uint64_t last_order) const {
  for (const auto& queue : queues_) {
    for (uint32_t i = 0; i < queue->request_count; ++i) {
      const VirtioScsiRequest& request = queue->requests[i];
      if (request.order != 0 && request.order <= last_order && filter.Matches(request)) return true;
    }
  }
  return false;
}

bool VirtioScsiLane::Has(const ScsiTaskFilter& filter) const {
  return AnyLeft(filter, last_order_);
}

void VirtioScsiLane::Cancel(const ScsiTaskFilter& filter, VirtioScsiResponse response,
                            DeviceDone done) {
  for (const auto& queue : queues_) {
    for (uint32_t i = 0; i < queue->request_count; ++i) {
      VirtioScsiRequest& request = queue->requests[i];
      if (request.order != 0 && filter.Matches(request)) CancelRequest(request, response);
    }
  }
  waiters_.push_back({.filter = filter, .last_order = last_order_, .done = std::move(done)});
  CheckWaiters();
}

void VirtioScsiLane::CancelRequest(VirtioScsiRequest& request, VirtioScsiResponse response) {
  // The first reason is the one that the driver is told.
  if (!std::exchange(request.cancelled, true)) request.cancelled_as = response;
  request.unit->lane.Cancel(request);
}

void VirtioScsiLane::CheckWaiters() {
  for (size_t i = 0; i < waiters_.size();) {
    if (AnyLeft(waiters_[i].filter, waiters_[i].last_order)) {
      ++i;
      continue;
    }
    // In a turn of its own: it may be the last thing that an unplug waits for, and then the control
    // context destroys the unit, whose channel may have called, and this lane.
    context_.Post(std::move(waiters_[i].done));
    waiters_.erase(waiters_.begin() + static_cast<long>(i));
  }
}

// --- Queues. ---

void VirtioScsiLane::MakeRequests(VirtioScsiQueueState& queue) {
  queue.request_count = queue.queue.ring().size();
  queue.requests = std::make_unique<VirtioScsiRequest[]>(queue.request_count);
  queue.free = nullptr;
  for (uint32_t i = queue.request_count; i-- > 0;) {
    VirtioScsiRequest& request = queue.requests[i];
    request.queue = &queue;
    request.next_free = std::exchange(queue.free, &request);
  }
}

QueueWork VirtioScsiLane::Work(VirtioScsiQueueState& queue) {
  // This queue's stop is on its way; the next start looks at the ring again.
  if (shared_.is_dropping()) return QueueWork::kWaiting;
  Virtqueue& ring = queue.queue.ring();
  if (queue.request_count < ring.size()) MakeRequests(queue);
  uint32_t taken = 0;
  QueueWork left = QueueWork::kMore;
  const uint64_t bounce_before = mapper_.bounce_bytes();
  in_turn_ = true;
  for (; taken < kBudget; ++taken) {
    Chain chain;
    if (ring.Pop(&chain) != PopResult::kChain) {
      left = QueueWork::kAll;
      break;
    }
    VirtioScsiRequest& request = TakeRequest(queue, chain.head);
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
  EndTurn();
  if (taken != 0) {
    requests.store(requests.load(std::memory_order_relaxed) + taken, std::memory_order_relaxed);
  }
  if (left == QueueWork::kWaiting) {
    // What it waits for may have been given back by the end of the turn already.
    if (mapper_.bounce_bytes() == 0 || mapper_.bounce_bytes() < bounce_before) {
      return QueueWork::kMore;
    }
    mapper_.Await();
  }
  return left;
}

void VirtioScsiLane::Plug(VirtioScsiUnitLane& unit) {
  if (unit.plugged) [[likely]]
    return;
  unit.plugged = true;
  unit.next_plugged = std::exchange(plugged_, &unit);
  unit.lane.channel().Plug();
}

void VirtioScsiLane::EndTurn() {
  while (plugged_ != nullptr) {
    VirtioScsiUnitLane& unit = *plugged_;
    plugged_ = unit.next_plugged;
    unit.plugged = false;
    unit.lane.channel().Unplug();
  }
  in_turn_ = false;
  OnBatchDone();
}

void VirtioScsiLane::OnBatchDone() {
  if (in_turn_) return;
  PublishTouched();
  // After what they wait for was published: its effects come before the answer (5.6.6.2).
  if (!waiters_.empty()) [[unlikely]]
    CheckWaiters();
}

void VirtioScsiLane::Stopping(VirtioScsiQueueState& queue, QueueStop kind) {
  if (kind == QueueStop::kDrain) return;
  for (uint32_t i = 0; i < queue.request_count; ++i) {
    VirtioScsiRequest& request = queue.requests[i];
    if (request.order != 0) CancelRequest(request, VirtioScsiResponse::kReset);
  }
}

std::vector<uint16_t> VirtioScsiLane::Save(const VirtioScsiQueueState& queue) const {
  std::vector<const VirtioScsiRequest*> in_use;
  for (uint32_t i = 0; i < queue.request_count; ++i) {
    if (queue.requests[i].order != 0) in_use.push_back(&queue.requests[i]);
  }
  std::sort(in_use.begin(), in_use.end(),
            [](const auto* a, const auto* b) { return a->order < b->order; });
  std::vector<uint16_t> heads;
  for (const VirtioScsiRequest* request : in_use) heads.push_back(request->head);
  return heads;
}

void VirtioScsiLane::Restore(VirtioScsiQueueState& queue, uint16_t head) {
  Virtqueue& ring = queue.queue.ring();
  if (queue.request_count < ring.size()) MakeRequests(queue);
  Chain chain;
  if (!ring.Lookup(head, &chain)) return;
  VirtioScsiRequest& request = TakeRequest(queue, head);
  in_turn_ = true;
  restoring_ = true;
  const Taken taken = Start(queue, request, chain);
  restoring_ = false;
  if (taken != Taken::kGoesOn) {
    // It had its memory when it was saved, so this is no state of ours.
    ring.Drop(head);
    Recycle(request);
    queue.queue.Break("a saved request that can't be taken up");
  }
  EndTurn();
}

// --- The end of a request. ---

void VirtioScsiLane::Finish(VirtioScsiRequest& request) {
  if (request.status != ScsiStatus::kGood && request.data_is_in) [[unlikely]] {
    mapper_.FinishFailed(request.queue->queue.ring().memory(), request.data);
  }
  if (request.status == ScsiStatus::kTaskAborted) [[unlikely]] {
    if (!shared_.is_dropping()) return Answer(request, request.cancelled_as);
    // The reset takes the ring back, and the driver sees nothing.
    request.queue->queue.ring().Drop(request.head);
    Touch(*request.queue);
    return Release(request);
  }
  Answer(request, request.overrun ? VirtioScsiResponse::kOverrun : VirtioScsiResponse::kOk);
}

void VirtioScsiLane::Answer(VirtioScsiRequest& request, VirtioScsiResponse response) {
  Virtqueue& ring = request.queue->queue.ring();
  const uint32_t written = ring.broken() ? 0 : WriteResponse(request, response);
  ring.PushUsed(request.head, written);
  Touch(*request.queue);
  Release(request);
}

uint32_t VirtioScsiLane::WriteResponse(VirtioScsiRequest& request, VirtioScsiResponse response) {
  MemoryCursor& memory = request.queue->queue.ring().memory();
  uint8_t out[sizeof(VirtioScsiResponseHeader) + kVirtioScsiMaxSenseSize];
  const bool ok = response == VirtioScsiResponse::kOk;
  const uint64_t transferred = ok ? std::min(request.transferred, request.data_bytes) : 0;
  const bool has_data = request.data_is_in && transferred != 0;
  // I9: the length in the used ring counts from the start, so all before the data is written.
  size_t bytes = sizeof(VirtioScsiResponseHeader) + (has_data ? request.sense_size : 0);
  std::memset(out, 0, bytes);
  VirtioScsiResponseHeader header;
  if (ok && request.status == ScsiStatus::kCheckCondition) [[unlikely]] {
    const SenseFormat format =
        request.unit == nullptr ? SenseFormat::kFixed : request.unit->lane.unit().sense_format();
    const size_t sense =
        EncodeSense(request.sense, format, std::span(out + sizeof(header), request.sense_size));
    header.sense_len = static_cast<uint32_t>(sense);
    bytes = std::max(bytes, sizeof(header) + sense);
  }
  header.residual = static_cast<uint32_t>(request.data_bytes - transferred);
  header.status = ok ? static_cast<uint8_t>(request.status) : uint8_t{0};
  header.response = static_cast<uint8_t>(response);
  std::memcpy(out, &header, sizeof(header));
  if (has_data) mapper_.Finish(memory, request.data, transferred);
  CopyToBuffer(std::span(out, bytes),
               {.pieces = request.response.pieces(), .bytes = request.response.bytes()});
  mapper_.Finish(memory, request.response, bytes);
  return static_cast<uint32_t>(bytes + (has_data ? transferred : 0));
}

void VirtioScsiLane::Release(VirtioScsiRequest& request) {
  const bool data = mapper_.Release(request.data);
  const bool response = mapper_.Release(request.response);
  Recycle(request);
  if (data || response) [[unlikely]] {
    for (auto& queue : queues_) queue->queue.Retry();
  }
}

VirtioScsiRequest& VirtioScsiLane::TakeRequest(VirtioScsiQueueState& queue, uint16_t head) {
  VirtioScsiRequest& request = *queue.free;  // One for each head, so there is one.
  queue.free = request.next_free;
  request.head = head;
  request.order = ++last_order_;
  return request;
}

void VirtioScsiLane::Recycle(VirtioScsiRequest& request) {
  request.order = 0;
  request.next_free = std::exchange(request.queue->free, &request);
}

void VirtioScsiLane::Touch(VirtioScsiQueueState& queue) {
  if (queue.touched) return;
  queue.touched = true;
  queue.next_touched = std::exchange(touched_, &queue);
}

void VirtioScsiLane::PublishTouched() {
  while (touched_ != nullptr) {
    VirtioScsiQueueState& queue = *touched_;
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

}  // namespace platter

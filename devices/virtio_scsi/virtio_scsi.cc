// SPDX-License-Identifier: Apache-2.0
//
// Configuration, queues and life of the adapter. Its units are in virtio_scsi_units.cc.

#include "devices/virtio_scsi/virtio_scsi.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "devices/virtio/gather.h"

namespace platter {

namespace {

// By queue: control and events, then requests.
std::vector<AioContext*> ContextOfQueues(const VirtioScsiOptions& options, AioContext& control) {
  std::vector<AioContext*> contexts(kVirtioScsiFirstRequestQueue, &control);
  for (uint32_t i = 0; i < options.num_queues; ++i) {
    contexts.push_back(options.iothreads.empty() ? &control
                                                 : options.iothreads[i % options.iothreads.size()]);
  }
  return contexts;
}

}  // namespace

absl::StatusOr<std::unique_ptr<VirtioScsi>> VirtioScsi::Create(const VirtioScsiOptions& options,
                                                               AioContext& control) {
  PLATTER_RETURN_IF_ERROR(CheckVirtioScsiOptions(options));
  return std::unique_ptr<VirtioScsi>(new VirtioScsi(options, control));
}

VirtioScsi::VirtioScsi(const VirtioScsiOptions& options, AioContext& control)
    : VirtioDevice({.id = options.id,
                    .control = control,
                    .serialise = options.serialise,
                    .max_queue_size = options.queue_size,
                    .queue_contexts = ContextOfQueues(options, control),
                    .resets_in_control = true}),
      options_(options),
      control_queue_(mutable_queue(kVirtioScsiControlQueue), shared_, *this),
      event_queue_(mutable_queue(kVirtioScsiEventQueue), shared_) {
  for (uint32_t i = kVirtioScsiFirstRequestQueue; i < queue_count(); ++i) {
    OpenLane(mutable_queue(i));
  }
  SerialiserLock lock(serialiser());
  OnReset();
}

void VirtioScsi::OpenLane(VirtioQueue& queue) {
  auto lane = std::find_if(lanes_.begin(), lanes_.end(), [&](const auto& candidate) {
    return &candidate->context() == &queue.context();
  });
  if (lane == lanes_.end()) {
    lanes_.push_back(std::make_unique<VirtioScsiLane>(shared_, queue.context()));
    lane = lanes_.end() - 1;
  }
  queues_.push_back(&(*lane)->AddQueue(queue));
}

VirtioScsi::~VirtioScsi() = default;

VirtioScsiStats VirtioScsi::stats() const {
  VirtioScsiStats sum;
  for (const auto& lane : lanes_) {
    sum.requests += lane->requests.load(std::memory_order_relaxed);
    sum.interrupts += lane->interrupts.load(std::memory_order_relaxed);
  }
  return sum;
}

// --- Configuration. ---

std::span<const uint8_t> VirtioScsi::Config() {
  return {reinterpret_cast<const uint8_t*>(&config_), sizeof(config_)};
}

void VirtioScsi::OnConfigWrite(uint64_t offset, std::span<const uint8_t> data) {
  // 5.6.4.1: sense_size and cdb_size, which lie side by side, are what a driver writes; in pieces,
  // if it likes.
  constexpr uint64_t kBegin = offsetof(VirtioScsiConfig, sense_size);
  constexpr uint64_t kEnd = offsetof(VirtioScsiConfig, max_channel);
  auto* bytes = reinterpret_cast<uint8_t*>(&config_);
  for (uint64_t i = 0; i < data.size(); ++i) {
    if (offset + i >= kBegin && offset + i < kEnd) bytes[offset + i] = data[i];
  }
  SetSizes(config_.sense_size.get(), config_.cdb_size.get());
}

void VirtioScsi::SetSizes(uint32_t sense, uint32_t cdb) {
  config_.sense_size = std::min(sense, kVirtioScsiMaxSenseSize);
  config_.cdb_size = std::min(cdb, kVirtioScsiMaxCdbSize);
  shared_.sizes.store({.sense = config_.sense_size.get(), .cdb = config_.cdb_size.get()},
                      std::memory_order_relaxed);
}

// --- Life. ---

void VirtioScsi::OnDriverOk() {
  shared_.transport = &transport();
  ever_started_ = true;
}

void VirtioScsi::OnResetBegins() { shared_.dropping.store(true, std::memory_order_relaxed); }

void VirtioScsi::OnReset() {
  shared_.dropping.store(false, std::memory_order_relaxed);
  event_queue_.Forget();
  set_offered_features(VirtioScsiFeatures(options_));
  config_ = MakeVirtioScsiConfig(options_);
  shared_.sizes.store({}, std::memory_order_relaxed);
  for (const auto& unit : units_) {
    unit->subscribed = 0;
    unit->scsi->Reset(SenseCode::kPowerOnOrReset);
  }
}

void VirtioScsi::OnMachineReset() {
  for (const auto& unit : units_) unit->scsi->ResetMachine();
}

void VirtioScsi::OnUnplug(DeviceDone done) {
  if (units_.empty()) return control().Post(std::move(done));
  auto gather = std::make_shared<Gather>(units_.size(), control(), std::move(done));
  for (const auto& unit : units_) {
    unit->waiters.push_back([gather] { gather->Arrive(); });
    if (!unit->leaving) Leave(*unit);
  }
}

// --- Queues. ---

QueueWork VirtioScsi::OnQueueWork(VirtioQueue& queue) {
  if (queue.index() == kVirtioScsiControlQueue) return control_queue_.Work();
  if (queue.index() == kVirtioScsiEventQueue) return event_queue_.Work();
  VirtioScsiQueueState& requests = *queues_[queue.index() - kVirtioScsiFirstRequestQueue];
  return requests.lane.Work(requests);
}

void VirtioScsi::OnQueueStopping(VirtioQueue& queue, QueueStop kind) {
  // What the control queue has is answered when the tasks that it ends are.
  if (queue.index() == kVirtioScsiControlQueue) return;
  if (queue.index() == kVirtioScsiEventQueue) return;  // It keeps no buffer.
  VirtioScsiQueueState& requests = *queues_[queue.index() - kVirtioScsiFirstRequestQueue];
  requests.lane.Stopping(requests, kind);
}

std::vector<uint16_t> VirtioScsi::OnQueueSave(VirtioQueue& queue) {
  if (queue.index() == kVirtioScsiControlQueue) return control_queue_.Save();
  if (queue.index() == kVirtioScsiEventQueue) return {};  // It keeps no buffer.
  const VirtioScsiQueueState& requests = *queues_[queue.index() - kVirtioScsiFirstRequestQueue];
  return requests.lane.Save(requests);
}

void VirtioScsi::OnQueueRestore(VirtioQueue& queue, uint16_t head) {
  if (queue.index() == kVirtioScsiControlQueue) return control_queue_.Restore(head);
  if (queue.index() == kVirtioScsiEventQueue) {
    return queue.Break("a saved event buffer, of which there are none");
  }
  VirtioScsiQueueState& requests = *queues_[queue.index() - kVirtioScsiFirstRequestQueue];
  requests.lane.Restore(requests, head);
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/virtio_device.h"

#include <algorithm>
#include <utility>

#include "base/arith.h"
#include "base/check.h"
#include "base/status.h"
#include "devices/virtio/gather.h"

namespace platter {

VirtioDevice::VirtioDevice(Setup setup)
    : id_(std::move(setup.id)),
      control_(setup.control),
      max_queue_size_(setup.max_queue_size),
      resets_in_control_(setup.resets_in_control),
      serialiser_(setup.serialise),
      stopping_queue_(setup.queue_contexts.size()) {
  VirtioQueueUser& user = *this;
  for (AioContext* context : setup.queue_contexts) {
    const auto index = static_cast<uint16_t>(queues_.size());
    queues_.push_back(std::make_unique<VirtioQueue>(index, max_queue_size_, *context, user));
    if (std::find(contexts_.begin(), contexts_.end(), context) == contexts_.end()) {
      contexts_.push_back(context);
    }
  }
}

VirtioDevice::~VirtioDevice() = default;

void VirtioDevice::Connect(VirtioTransport& transport) {
  PLATTER_CHECK(transport_ == nullptr);
  transport_ = &transport;
}

// --- Features and configuration. ---

bool VirtioDevice::AcceptFeatures(uint64_t features) {
  // R-VQ-18: bits that were not offered are refused, not masked. 6.2: a device may fail to operate
  // without VERSION_1; this one does, since nothing here speaks the legacy interface.
  if ((features & ~offered_features_) != 0 || (features & kVirtioFVersion1) == 0) return false;
  features_ = features;
  return true;
}

void VirtioDevice::ReadConfig(uint64_t offset, std::span<uint8_t> out) {
  const std::span<const uint8_t> config = Config();
  for (size_t i = 0; i < out.size(); ++i) {
    const std::optional<uint64_t> at = CheckedAdd(offset, i);
    out[i] = at && *at < config.size() ? config[*at] : 0;
  }
}

void VirtioDevice::WriteConfig(uint64_t offset, std::span<const uint8_t> data) {
  if (unplugged_ || resetting_) return;
  const uint64_t size = Config().size();
  if (offset >= size || data.empty()) return;
  OnConfigWrite(offset, data.first(std::min<uint64_t>(data.size(), size - offset)));
}

void VirtioDevice::ConfigChanged() {
  ++config_generation_;
  // 3.1.1: nothing is notified before DRIVER_OK.
  if (driver_ok_ && !unplugged_) transport_->InterruptConfig();
}

// --- Queues. ---

void VirtioDevice::SetDriverOk() {
  PLATTER_CHECK(!resetting_);
  driver_ok_ = true;
  OnDriverOk();
}

absl::Status VirtioDevice::StartQueue(uint16_t index, std::shared_ptr<const GuestMemory> memory,
                                      const QueueLayout& layout) {
  return RestoreQueue(index, std::move(memory), {.layout = layout});
}

absl::Status VirtioDevice::RestoreQueue(uint16_t index, std::shared_ptr<const GuestMemory> memory,
                                        QueueState state) {
  PLATTER_CHECK(index < queues_.size() && !resetting_ && driver_ok_);
  if (unplugged_) return absl::FailedPreconditionError("device '" + id_ + "' is unplugged");
  const bool stopping = state.stopping;
  const absl::Status status =
      queues_[index]->Restore(std::move(memory), std::move(state), features_);
  if (status.ok() && stopping) StopQueue(index);
  return Annotate(status, "device '" + id_ + "' queue " + std::to_string(index));
}

void VirtioDevice::StopQueue(uint16_t index) {
  PLATTER_CHECK(index < queues_.size());
  if (!queues_[index]->started() || stopping_queue_[index]) return;
  stopping_queue_[index] = true;
  ++stopping_;
  queues_[index]->Stop(QueueStop::kDrain);
}

void VirtioDevice::OnQueueStopped(VirtioQueue& queue) {
  SerialiserLock lock(serialiser_);
  queue.MarkStopped();
  stopping_queue_[queue.index()] = false;
  --stopping_;
  transport_->OnQueueStopped(queue.index());
  if (resetting_ && stopping_ == 0) AllStopped();
  serialiser_.NotifyAll();
}

void VirtioDevice::OnQueueBroken(VirtioQueue&) {
  SerialiserLock lock(serialiser_);
  // While it is reset there is nothing left to say: the reset is what was needed.
  if (!resetting_) transport_->OnNeedsReset();
}

bool VirtioDevice::MayBlock() const {
  if (!serialiser_.on() || AioContext::Current() != nullptr || control_.InContext()) return false;
  return std::none_of(contexts_.begin(), contexts_.end(),
                      [](AioContext* context) { return context->InContext(); });
}

void VirtioDevice::WaitForReset() {
  while (resetting_) serialiser_.Wait();
}

void VirtioDevice::WaitForQueueStop(uint16_t index) {
  while (queues_[index]->started()) serialiser_.Wait();
}

// --- Reset, pause, unplug. ---

void VirtioDevice::BeginReset() {
  if (resetting_) return;
  resetting_ = true;
  ++resets_;
  OnResetBegins();
  for (size_t i = 0; i < queues_.size(); ++i) {
    if (!queues_[i]->started()) continue;
    if (!stopping_queue_[i]) ++stopping_;
    stopping_queue_[i] = true;
    queues_[i]->Stop(QueueStop::kReset);
  }
  if (stopping_ == 0) AllStopped();
}

void VirtioDevice::AllStopped() {
  if (!resets_in_control_ || control_.InContext()) return FinishReset();
  control_.Post([this] {
    SerialiserLock lock(serialiser_);
    FinishReset();
  });
}

void VirtioDevice::FinishReset() {
  resetting_ = false;
  driver_ok_ = false;
  features_ = 0;
  OnReset();
  if (transport_ != nullptr) transport_->OnResetDone();
  if (unplugging_ && !unplugged_) {
    unplugged_ = true;
    if (transport_ != nullptr) transport_->OnUnplugged();
  }
  for (DeviceDone& waiter : reset_waiters_) control_.Post(std::move(waiter));
  reset_waiters_.clear();
  serialiser_.NotifyAll();
}

void VirtioDevice::ResetTransport() {
  SerialiserLock lock(serialiser_);
  if (transport_ != nullptr) transport_->OnMachineReset();
}

void VirtioDevice::Reset(DeviceDone done) {
  SerialiserLock lock(serialiser_);
  reset_waiters_.push_back([this, then = std::move(done)]() mutable {
    ResetTransport();
    OnMachineReset();
    std::move(then)();
  });
  BeginReset();
}

void VirtioDevice::ForEachQueue(void (*action)(VirtioQueue&), DeviceDone done) {
  auto gather = std::make_shared<Gather>(contexts_.size(), control_, std::move(done));
  for (AioContext* context : contexts_) {
    context->Post([this, context, action, gather] {
      for (auto& queue : queues_) {
        if (&queue->context() == context) action(*queue);
      }
      gather->Arrive();
    });
  }
}

void VirtioDevice::Pause(DeviceDone done) {
  ForEachQueue([](VirtioQueue& queue) { queue.Pause(); },
               [this, then = std::move(done)]() mutable {
                 {
                   SerialiserLock lock(serialiser_);
                   if (resetting_) return reset_waiters_.push_back(std::move(then));
                 }
                 std::move(then)();
               });
}

void VirtioDevice::Resume() {
  ForEachQueue([](VirtioQueue& queue) { queue.Resume(); }, [] {});
}

void VirtioDevice::SaveQueues(SavedQueues done) {
  SerialiserLock lock(serialiser_);
  const bool was_resetting = resetting_;
  const uint64_t resets = resets_;
  auto states = std::make_shared<std::vector<QueueState>>(queues_.size());
  auto gather = std::make_shared<Gather>(
      contexts_.size(), control_,
      [this, was_resetting, resets, states, then = std::move(done)]() mutable {
        bool was_reset = was_resetting;
        {
          SerialiserLock relock(serialiser_);
          was_reset |= resets != resets_;
        }
        if (!was_reset) return std::move(then)(std::move(*states));
        std::move(then)(absl::FailedPreconditionError("device '" + id_ + "' is being reset"));
      });
  for (AioContext* context : contexts_) {
    context->Post([this, context, states, gather] {
      for (auto& queue : queues_) {
        if (&queue->context() == context) (*states)[queue->index()] = queue->Save();
      }
      gather->Arrive();
    });
  }
}

void VirtioDevice::CloseQueues(DeviceDone done) {
  auto closed = std::make_shared<std::atomic<bool>>(true);
  auto gather = std::make_shared<Gather>(contexts_.size(), control_,
                                         [this, closed, then = std::move(done)]() mutable {
                                           if (closed->load(std::memory_order_acquire))
                                             return std::move(then)();
                                           CloseQueues(std::move(then));
                                         });
  for (AioContext* context : contexts_) {
    context->Post([this, context, closed, gather] {
      for (auto& queue : queues_) {
        if (&queue->context() == context && !queue->Close()) closed->store(false);
      }
      gather->Arrive();
    });
  }
}

void VirtioDevice::Unplug(DeviceDone done) {
  SerialiserLock lock(serialiser_);
  unplugging_ = true;
  reset_waiters_.push_back([this, then = std::move(done)]() mutable {
    CloseQueues([this, last = std::move(then)]() mutable { OnUnplug(std::move(last)); });
  });
  BeginReset();
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/driver_registers.h"

#include <utility>

#include "devices/virtio/ring/queue_layout.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

constexpr uint32_t kFeatureWords = 2;
constexpr uint32_t kStatusBits = kVirtioStatusAcknowledge | kVirtioStatusDriver |
                                 kVirtioStatusDriverOk | kVirtioStatusFeaturesOk |
                                 kVirtioStatusNeedsReset | kVirtioStatusFailed;

}  // namespace

DriverRegisters::DriverRegisters(VirtioDevice& device, VirtioTransport& transport,
                                 std::shared_ptr<const GuestMemory> memory)
    : device_(device),
      transport_(transport),
      memory_(std::move(memory)),
      queues_(device.queue_count()) {
  Clear();
}

void DriverRegisters::Clear() {
  device_features_sel_ = 0;
  driver_features_sel_ = 0;
  driver_features_ = 0;
  queue_sel_ = 0;
  for (Queue& queue : queues_) {
    queue = Queue();
    queue.size = device_.max_queue_size();
  }
  // Last: a driver that reads 0 finds the rest as it has to be.
  status_.store(0, std::memory_order_release);
}

// --- Status (2.1, 3.1.1). ---

void DriverRegisters::WriteStatus(uint32_t value) {
  if (value == 0) return device_.BeginReset();
  if (device_.resetting()) return;
  uint8_t now = status();
  const auto asked = static_cast<uint8_t>(value);
  // Bits are only added, each after the one it depends on; clearing one is ignored (2.1.1).
  if ((asked & kVirtioStatusFailed) != 0) now |= kVirtioStatusFailed;
  if ((asked & kVirtioStatusAcknowledge) != 0) now |= kVirtioStatusAcknowledge;
  if ((asked & kVirtioStatusDriver) != 0 && (now & kVirtioStatusAcknowledge) != 0) {
    now |= kVirtioStatusDriver;
  }
  if ((asked & kVirtioStatusFeaturesOk) != 0 && (now & kVirtioStatusFeaturesOk) == 0 &&
      (now & kVirtioStatusDriver) != 0 && device_.AcceptFeatures(driver_features_)) {
    now |= kVirtioStatusFeaturesOk;
  }
  const bool starts = (asked & kVirtioStatusDriverOk) != 0 && (now & kVirtioStatusDriverOk) == 0 &&
                      (now & kVirtioStatusFeaturesOk) != 0;
  if (starts) now |= kVirtioStatusDriverOk;
  status_.store(now, std::memory_order_release);
  if (starts) StartQueues();
}

void DriverRegisters::StartQueues() {
  device_.SetDriverOk();
  for (size_t i = 0; i < queues_.size(); ++i) {
    if (queues_[i].enabled) StartQueue(static_cast<uint16_t>(i));
  }
}

void DriverRegisters::StartQueue(uint16_t index) {
  const Queue& queue = queues_[index];
  const uint16_t first = FirstPlace(device_.features());
  const QueueLayout layout = {.size = queue.size,
                              .descriptors = queue.descriptors,
                              .driver = queue.driver,
                              .device = queue.device,
                              .next_avail = first,
                              .next_used = first};
  // R-VQ-11: a ring that is not in memory is never touched.
  if (!device_.StartQueue(index, memory_, layout).ok()) transport_.OnNeedsReset();
}

bool DriverRegisters::SetNeedsReset() {
  const uint8_t before = status_.fetch_or(kVirtioStatusNeedsReset, std::memory_order_acq_rel);
  return (before & kVirtioStatusDriverOk) != 0;
}

// --- Features. ---

uint32_t DriverRegisters::device_features() const {
  if (device_features_sel_ >= kFeatureWords) return 0;
  return static_cast<uint32_t>(device_.offered_features() >> (32 * device_features_sel_));
}

uint32_t DriverRegisters::driver_features() const {
  if (driver_features_sel_ >= kFeatureWords) return 0;
  return static_cast<uint32_t>(driver_features_ >> (32 * driver_features_sel_));
}

void DriverRegisters::WriteDriverFeatures(uint32_t value) {
  // 3.1.1: what FEATURES_OK agreed on does not change.
  if ((status() & kVirtioStatusFeaturesOk) != 0 || driver_features_sel_ >= kFeatureWords) return;
  driver_features_sel_ == 0 ? SetLow32(&driver_features_, value)
                            : SetHigh32(&driver_features_, value);
}

// --- Queues. ---

DriverRegisters::Queue* DriverRegisters::writable_queue() {
  if (queue_sel_ >= queues_.size()) return nullptr;
  // R-VQ-06: frozen while the queue is enabled, and from DRIVER_OK on unless it was reset by
  // itself.
  Queue& queue = queues_[queue_sel_];
  const bool ready = (status() & kVirtioStatusDriverOk) != 0;
  return queue.enabled || (ready && !queue.was_reset) ? nullptr : &queue;
}

void DriverRegisters::EnableQueue() {
  Queue* const queue = writable_queue();
  if (queue == nullptr) return;
  queue->enabled = true;
  // 3.1.1: queues are set up between FEATURES_OK and DRIVER_OK. 2.6.1.2: after its reset, one is
  // set up in the same way, and runs.
  if (std::exchange(queue->was_reset, false)) StartQueue(static_cast<uint16_t>(queue_sel_));
}

void DriverRegisters::ResetQueue() {
  if (queue_sel_ >= queues_.size() || (device_.features() & kVirtioFRingReset) == 0 ||
      (status() & kVirtioStatusDriverOk) == 0) {
    return;
  }
  Queue& queue = queues_[queue_sel_];
  if (queue.resetting || !queue.enabled) return;
  const auto index = static_cast<uint16_t>(queue_sel_);
  queue.resetting = true;
  // One that can't be worked with never ran.
  device_.queue_started(index) ? device_.StopQueue(index) : transport_.OnQueueStopped(index);
}

DriverRegisters::Stopped DriverRegisters::OnQueueStopped(uint16_t queue) {
  Disable(queue);
  if (!queues_[queue].resetting) return Stopped::kDisabled;
  // 2.6.1.1: the state of a new one.
  queues_[queue] = {.size = device_.max_queue_size(), .was_reset = true};
  return Stopped::kReset;
}

// --- Saved state. ---

DriverRegisters::Values DriverRegisters::Save() const {
  return {.status = status(),
          .device_features_sel = device_features_sel_,
          .driver_features_sel = driver_features_sel_,
          .driver_features = driver_features_,
          .queue_sel = queue_sel_,
          .queues = queues_};
}

const char* DriverRegisters::Check(const Values& from, bool features_ok, bool driver_ok) const {
  if ((from.status & ~kStatusBits) != 0 ||
      ((from.status & kVirtioStatusFeaturesOk) != 0) != features_ok ||
      ((from.status & kVirtioStatusDriverOk) != 0) != driver_ok) {
    return "its status register";
  }
  if (from.queues.size() != queues_.size()) return "the number of its queues";
  const bool resets = driver_ok && (from.driver_features & kVirtioFRingReset) != 0;
  for (const Queue& queue : from.queues) {
    if ((queue.resetting && (!resets || !queue.enabled)) ||
        (queue.was_reset && (!resets || queue.enabled))) {
      return "the reset of a queue";
    }
  }
  return nullptr;
}

void DriverRegisters::Restore(const Values& from) {
  device_features_sel_ = from.device_features_sel;
  driver_features_sel_ = from.driver_features_sel;
  driver_features_ = from.driver_features;
  queue_sel_ = from.queue_sel;
  queues_ = from.queues;
  status_.store(static_cast<uint8_t>(from.status), std::memory_order_release);
}

}  // namespace platter

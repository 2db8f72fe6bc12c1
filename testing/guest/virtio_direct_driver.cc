// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_direct_driver.h"

#include "absl/strings/str_cat.h"

#include "testing/guest/virtio_spec.h"

namespace platter {

VirtioDirectDriver::VirtioDirectDriver(InProcessBus& bus, VirtioDevice& device,
                                       DirectTransport& transport, uint32_t first_vector)
    : bus_(bus),
      device_(device),
      transport_(transport),
      first_vector_(InProcessBus::kFirstVector + first_vector),
      resetting_queue_(device.queue_count()),
      seen_(device.queue_count() + 1) {}

absl::Status VirtioDirectDriver::Discover(uint32_t device_id) {
  if (Gone()) return absl::NotFoundError("the device is unplugged");
  if (device_.virtio_id() != device_id) {
    return absl::NotFoundError(
        absl::StrCat("virtio device ", device_.virtio_id(), ", not ", device_id));
  }
  return absl::OkStatus();
}

void VirtioDirectDriver::BeginReset() {
  if (resetting_) return;
  resetting_ = true;
  device_.Reset([this] { resetting_ = false; });
}

absl::Status VirtioDirectDriver::AcceptFeatures(uint64_t features) {
  if (absl::Status status = transport_.SetMemory(bus_.memory()); !status.ok()) return status;
  // 2.8.1: a packed ring starts with a wrap counter of 1, in the highest bit.
  first_place_ = (features & guest::kFeatureRingPacked) != 0 ? 0x8000 : 0;
  return transport_.SetFeatures(features);
}

uint32_t VirtioDirectDriver::MaxQueueSize(uint16_t queue) {
  return queue < device_.queue_count() ? device_.max_queue_size() : 0;
}

absl::Status VirtioDirectDriver::StartQueue(uint16_t queue, const RingLayout& layout) {
  return transport_.StartQueue(queue, {.size = layout.size,
                                       .descriptors = layout.descriptors,
                                       .driver = layout.driver,
                                       .device = layout.device,
                                       .next_avail = first_place_,
                                       .next_used = first_place_});
}

void VirtioDirectDriver::BeginQueueReset(uint16_t queue) {
  resetting_queue_[queue] = true;
  transport_.StopQueue(
      queue, [this, queue](DirectTransport::Position) { resetting_queue_[queue] = false; });
}

bool VirtioDirectDriver::QueueResetDone(uint16_t queue) { return !resetting_queue_[queue]; }

uint64_t VirtioDirectDriver::Raised(uint32_t vector) {
  return bus_.Interrupt(first_vector_ + vector).raised;
}

VirtioTransportDriver::Causes VirtioDirectDriver::TakeInterrupts() {
  Causes causes;
  const uint32_t config = transport_.config_vector();
  for (uint32_t vector = 0; vector < seen_.size(); ++vector) {
    const uint64_t raised = Raised(vector);
    if (raised == seen_[vector]) continue;
    seen_[vector] = raised;
    (vector == config ? causes.config : causes.used) = true;
  }
  return causes;
}

void VirtioDirectDriver::ReadConfig(uint64_t offset, std::span<uint8_t> out) {
  uint32_t before = 0;
  do {
    before = transport_.config_generation();
    transport_.ReadConfig(offset, out);
  } while (transport_.config_generation() != before);
}

void VirtioDirectDriver::WriteConfig(uint64_t offset, std::span<const uint8_t> data) {
  transport_.WriteConfig(offset, data);
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_mmio_driver.h"

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

// A device whose generation never settles is broken; a real driver would spin for ever.
constexpr int kMaxGenerationTries = 1000;

}  // namespace

uint32_t VirtioMmioDriver::status() { return Get(guest::kMmioStatus); }
void VirtioMmioDriver::set_status(uint32_t status) { Set(guest::kMmioStatus, status); }

absl::Status VirtioMmioDriver::Discover(uint32_t device_id) {
  // 4.2.3.1.1: magic, version, then the id; 0 is a placeholder.
  const uint32_t magic = Get(guest::kMmioMagic);
  if (magic != guest::kMmioMagicValue) {
    return absl::NotFoundError(absl::StrCat("no virtio device at 0x", absl::Hex(place_.base),
                                            ": magic is 0x", absl::Hex(magic)));
  }
  const uint32_t version = Get(guest::kMmioVersion);
  if (version != guest::kMmioModernVersion) {
    return absl::NotFoundError(absl::StrCat("virtio-mmio version ", version, ", not 2"));
  }
  const uint32_t id = Get(guest::kMmioDeviceId);
  if (id != device_id) {
    return absl::NotFoundError(absl::StrCat("virtio device ", id, ", not ", device_id));
  }
  return absl::OkStatus();
}

uint64_t VirtioMmioDriver::DeviceFeatures() {
  Set(guest::kMmioDeviceFeaturesSelect, 1);
  const uint64_t high = Get(guest::kMmioDeviceFeatures);
  Set(guest::kMmioDeviceFeaturesSelect, 0);
  return high << 32 | Get(guest::kMmioDeviceFeatures);
}

absl::Status VirtioMmioDriver::AcceptFeatures(uint64_t features) {
  set_status(guest::kStatusAcknowledge);
  set_status(guest::kStatusAcknowledge | guest::kStatusDriver);
  Set(guest::kMmioDriverFeaturesSelect, 1);
  Set(guest::kMmioDriverFeatures, static_cast<uint32_t>(features >> 32));
  Set(guest::kMmioDriverFeaturesSelect, 0);
  Set(guest::kMmioDriverFeatures, static_cast<uint32_t>(features));
  set_status(status() | guest::kStatusFeaturesOk);
  if ((status() & guest::kStatusFeaturesOk) != 0) return absl::OkStatus();
  set_status(status() | guest::kStatusFailed);
  return absl::FailedPreconditionError(
      absl::StrCat("the device refused features 0x", absl::Hex(features)));
}

uint32_t VirtioMmioDriver::MaxQueueSize(uint16_t queue) {
  Set(guest::kMmioQueueSelect, queue);
  return Get(guest::kMmioQueueSizeMax);
}

void VirtioMmioDriver::SetAddress(uint64_t low_register, uint64_t address) {
  Set(low_register, static_cast<uint32_t>(address));
  Set(low_register + 4, static_cast<uint32_t>(address >> 32));
}

absl::Status VirtioMmioDriver::StartQueue(uint16_t queue, const RingLayout& layout) {
  // 4.2.3.2 Virtqueue configuration.
  Set(guest::kMmioQueueSelect, queue);
  if (Get(guest::kMmioQueueReady) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("queue ", queue, " is in use"));
  }
  const uint32_t max = Get(guest::kMmioQueueSizeMax);
  if (layout.size > max) {
    return absl::OutOfRangeError(
        absl::StrCat("queue ", queue, " has at most ", max, " entries, not ", layout.size));
  }
  Set(guest::kMmioQueueSize, layout.size);
  SetAddress(guest::kMmioQueueDescLow, layout.descriptors);
  SetAddress(guest::kMmioQueueDriverLow, layout.driver);
  SetAddress(guest::kMmioQueueDeviceLow, layout.device);
  Set(guest::kMmioQueueReady, 1);
  if (Get(guest::kMmioQueueReady) != 1) {
    return absl::InternalError(absl::StrCat("queue ", queue, " does not become ready"));
  }
  return absl::OkStatus();
}

void VirtioMmioDriver::DriverOk() { set_status(status() | guest::kStatusDriverOk); }

void VirtioMmioDriver::BeginQueueReset(uint16_t queue) {
  Set(guest::kMmioQueueSelect, queue);
  Set(guest::kMmioQueueReset, 1);
}

bool VirtioMmioDriver::QueueResetDone(uint16_t queue) {
  Set(guest::kMmioQueueSelect, queue);
  return Get(guest::kMmioQueueReset) == 0 && Get(guest::kMmioQueueReady) == 0;
}

void VirtioMmioDriver::Notify(uint16_t queue) { Set(guest::kMmioQueueNotify, queue); }

void VirtioMmioDriver::NotifyAt(uint16_t queue, uint16_t place) {
  Set(guest::kMmioQueueNotify, queue | uint32_t{place} << 16);
}

VirtioTransportDriver::Causes VirtioMmioDriver::TakeInterrupts() {
  Causes causes;
  if (!bus_.Interrupt(place_.line).high) return causes;
  const uint32_t status = Get(guest::kMmioInterruptStatus);
  Set(guest::kMmioInterruptAck, status);
  causes.used = (status & guest::kMmioInterruptUsed) != 0;
  causes.config = (status & guest::kMmioInterruptConfig) != 0;
  return causes;
}

bool VirtioMmioDriver::NeedsReset() {
  return !Gone() && (status() & guest::kStatusNeedsReset) != 0;
}

bool VirtioMmioDriver::Gone() { return Get(guest::kMmioMagic) == UINT32_MAX; }

void VirtioMmioDriver::ReadConfig(uint64_t offset, std::span<uint8_t> out) {
  for (int i = 0; i < kMaxGenerationTries; ++i) {
    const uint32_t before = Get(guest::kMmioConfigGeneration);
    for (uint64_t at = 0; at < out.size(); ++at) {
      out[at] = static_cast<uint8_t>(bus_.ReadRegister(
          RegisterSpace::kMmio, place_.base + guest::kMmioConfig + offset + at, 1));
    }
    if (Get(guest::kMmioConfigGeneration) == before) return;
  }
}

void VirtioMmioDriver::WriteConfig(uint64_t offset, std::span<const uint8_t> data) {
  for (uint64_t at = 0; at < data.size(); ++at) {
    bus_.WriteRegister(RegisterSpace::kMmio, place_.base + guest::kMmioConfig + offset + at, 1,
                       data[at]);
  }
}

}  // namespace platter

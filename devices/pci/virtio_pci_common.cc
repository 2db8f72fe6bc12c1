// SPDX-License-Identifier: Apache-2.0
//
// The common configuration structure of VirtioPciTransport (virtio 1.3, 4.1.4.3).

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "base/arith.h"
#include "devices/pci/virtio_pci_transport.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

struct Field {
  VirtioPciField name;
  uint8_t bytes;

  constexpr uint64_t begin() const { return static_cast<uint64_t>(name); }
  constexpr uint64_t end() const { return begin() + bytes; }
};

constexpr std::array kFields = {
    Field{VirtioPciField::kDeviceFeatureSelect, 4}, Field{VirtioPciField::kDeviceFeature, 4},
    Field{VirtioPciField::kDriverFeatureSelect, 4}, Field{VirtioPciField::kDriverFeature, 4},
    Field{VirtioPciField::kConfigMsixVector, 2},    Field{VirtioPciField::kNumQueues, 2},
    Field{VirtioPciField::kDeviceStatus, 1},        Field{VirtioPciField::kConfigGeneration, 1},
    Field{VirtioPciField::kQueueSelect, 2},         Field{VirtioPciField::kQueueSize, 2},
    Field{VirtioPciField::kQueueMsixVector, 2},     Field{VirtioPciField::kQueueEnable, 2},
    Field{VirtioPciField::kQueueNotifyOff, 2},      Field{VirtioPciField::kQueueDescLow, 4},
    Field{VirtioPciField::kQueueDescHigh, 4},       Field{VirtioPciField::kQueueDriverLow, 4},
    Field{VirtioPciField::kQueueDriverHigh, 4},     Field{VirtioPciField::kQueueDeviceLow, 4},
    Field{VirtioPciField::kQueueDeviceHigh, 4},     Field{VirtioPciField::kQueueNotifyData, 2},
    Field{VirtioPciField::kQueueReset, 2},          Field{VirtioPciField::kAdminQueueIndex, 2},
    Field{VirtioPciField::kAdminQueueNum, 2},
};

// They follow each other without a gap, to the structure's end.
constexpr bool FieldsTile() {
  uint64_t at = 0;
  for (const Field& field : kFields) {
    if (field.begin() != at) return false;
    at = field.end();
  }
  return at == kVirtioPciCommonBytes;
}
static_assert(FieldsTile());

bool IsSize(uint32_t value, uint64_t features) {
  return (features & kVirtioFRingPacked) != 0 ? value != 0 : IsPowerOfTwo(value);
}

constexpr uint32_t LowOf(uint64_t address) { return static_cast<uint32_t>(address); }
constexpr uint32_t HighOf(uint64_t address) { return static_cast<uint32_t>(address >> 32); }

}  // namespace

// --- Accesses. ---

uint64_t VirtioPciTransport::ReadCommon(uint64_t offset, unsigned width) {
  const uint64_t end = offset + width;
  uint64_t value = 0;
  for (const Field& field : kFields) {
    if (field.begin() >= end || field.end() <= offset) continue;
    const uint64_t bits = ReadField(field.name);
    value |= field.begin() >= offset ? bits << (8 * (field.begin() - offset))
                                     : bits >> (8 * (offset - field.begin()));
  }
  return value & (~uint64_t{0} >> (64 - 8 * width));
}

void VirtioPciTransport::WriteCommon(uint64_t offset, unsigned width, uint64_t value) {
  for (const Field& field : kFields) {
    if (field.begin() < offset || field.end() > offset + width) continue;
    const uint64_t bits = value >> (8 * (field.begin() - offset));
    const auto own = static_cast<uint32_t>(bits & (~uint64_t{0} >> (64 - 8 * field.bytes)));
    // Between the order to reset and its end no register changes.
    if (device_.resetting() && field.name != VirtioPciField::kDeviceStatus) continue;
    WriteField(field.name, own);
  }
}

// --- About the device. ---

uint32_t VirtioPciTransport::ReadField(VirtioPciField field) {
  switch (field) {
    case VirtioPciField::kDeviceFeatureSelect:
      return registers_.device_features_sel();
    case VirtioPciField::kDeviceFeature:
      return registers_.device_features();
    case VirtioPciField::kDriverFeatureSelect:
      return registers_.driver_features_sel();
    case VirtioPciField::kDriverFeature:
      return registers_.driver_features();
    case VirtioPciField::kConfigMsixVector:
      return config_vector().load(std::memory_order_relaxed);
    case VirtioPciField::kNumQueues:
      return device_.queue_count();
    case VirtioPciField::kDeviceStatus:
      return status();
    case VirtioPciField::kConfigGeneration:
      return generation_;
    case VirtioPciField::kQueueSelect:
      return registers_.queue_sel();
    // They exist with VIRTIO_F_NOTIF_CONFIG_DATA and _ADMIN_VQ, which no device offers.
    case VirtioPciField::kQueueNotifyData:
    case VirtioPciField::kAdminQueueIndex:
    case VirtioPciField::kAdminQueueNum:
      return 0;
    default:
      return ReadQueueField(field);
  }
}

void VirtioPciTransport::WriteField(VirtioPciField field, uint32_t value) {
  switch (field) {
    case VirtioPciField::kDeviceFeatureSelect:
      return registers_.SelectDeviceFeatures(value);
    case VirtioPciField::kDriverFeatureSelect:
      return registers_.SelectDriverFeatures(value);
    case VirtioPciField::kDriverFeature:
      return registers_.WriteDriverFeatures(value);
    case VirtioPciField::kConfigMsixVector:
      return config_vector().store(MapVector(value), std::memory_order_release);
    case VirtioPciField::kDeviceStatus:
      return registers_.WriteStatus(value);
    case VirtioPciField::kQueueSelect:
      return registers_.SelectQueue(value);
    case VirtioPciField::kDeviceFeature:
    case VirtioPciField::kNumQueues:
    case VirtioPciField::kConfigGeneration:
    case VirtioPciField::kQueueNotifyOff:
    case VirtioPciField::kQueueNotifyData:
    case VirtioPciField::kAdminQueueIndex:
    case VirtioPciField::kAdminQueueNum:
      return;  // Read-only, or of features that are not offered.
    default:
      return WriteQueueField(field, value);
  }
}

uint16_t VirtioPciTransport::MapVector(uint32_t value) const {
  return value < msix_.vectors() ? static_cast<uint16_t>(value) : kVirtioPciNoVector;
}

void VirtioPciTransport::ReadDeviceConfig(uint64_t offset, std::span<uint8_t> out) {
  // 4.1.4.3.1: 8 bits would come round if every change counted; only those that are seen do.
  if (seen_generation_ != device_.config_generation()) {
    seen_generation_ = device_.config_generation();
    ++generation_;
  }
  device_.ReadConfig(offset, out);
}

// --- About the selected queue: of one that is not there, zeroes (a size of 0 says so). ---

uint32_t VirtioPciTransport::ReadQueueField(VirtioPciField field) {
  const DriverRegisters::Queue* const queue = registers_.queue();
  if (queue == nullptr) {
    return field == VirtioPciField::kQueueMsixVector ? kVirtioPciNoVector : 0;
  }
  switch (field) {
    case VirtioPciField::kQueueSize:
      return queue->size;
    case VirtioPciField::kQueueMsixVector:
      return vectors_[registers_.queue_sel()].load(std::memory_order_relaxed);
    case VirtioPciField::kQueueEnable:
      return queue->enabled ? 1 : 0;
    case VirtioPciField::kQueueReset:
      return queue->resetting ? 1 : 0;
    case VirtioPciField::kQueueNotifyOff:
      return registers_.queue_sel();
    case VirtioPciField::kQueueDescLow:
      return LowOf(queue->descriptors);
    case VirtioPciField::kQueueDescHigh:
      return HighOf(queue->descriptors);
    case VirtioPciField::kQueueDriverLow:
      return LowOf(queue->driver);
    case VirtioPciField::kQueueDriverHigh:
      return HighOf(queue->driver);
    case VirtioPciField::kQueueDeviceLow:
      return LowOf(queue->device);
    case VirtioPciField::kQueueDeviceHigh:
      return HighOf(queue->device);
    default:
      return 0;
  }
}

void VirtioPciTransport::WriteQueueField(VirtioPciField field, uint32_t value) {
  if (registers_.queue() == nullptr) return;
  // Not frozen with the rest: drivers unmap a queue that runs.
  if (field == VirtioPciField::kQueueMsixVector) {
    return vectors_[registers_.queue_sel()].store(MapVector(value), std::memory_order_release);
  }
  if (field == VirtioPciField::kQueueReset) {
    if (value == 1) registers_.ResetQueue();
    return;
  }
  DriverRegisters::Queue* const queue = registers_.writable_queue();
  if (queue == nullptr) return;
  switch (field) {
    case VirtioPciField::kQueueSize:
      // R-VQ-07, and 4.1.4.3.1: what is presented is a power of two, unless rings are packed.
      if (value <= device_.max_queue_size() && IsSize(value, device_.features())) {
        queue->size = value;
      }
      return;
    case VirtioPciField::kQueueEnable:
      // 4.1.4.3.2: the driver never writes 0.
      if (value == 1) registers_.EnableQueue();
      return;
    case VirtioPciField::kQueueDescLow:
      return SetLow32(&queue->descriptors, value);
    case VirtioPciField::kQueueDescHigh:
      return SetHigh32(&queue->descriptors, value);
    case VirtioPciField::kQueueDriverLow:
      return SetLow32(&queue->driver, value);
    case VirtioPciField::kQueueDriverHigh:
      return SetHigh32(&queue->driver, value);
    case VirtioPciField::kQueueDeviceLow:
      return SetLow32(&queue->device, value);
    case VirtioPciField::kQueueDeviceHigh:
      return SetHigh32(&queue->device, value);
    default:
      return;
  }
}

}  // namespace platter

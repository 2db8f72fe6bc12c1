// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/mmio_transport.h"

#include <array>
#include <bit>
#include <utility>

#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

constexpr uint64_t kConfigStart = static_cast<uint64_t>(MmioRegister::kConfig);
constexpr unsigned kControlWidth = 4;
constexpr uint32_t kAllOnes32 = 0xffffffff;

}  // namespace

MmioTransport::MmioTransport(VirtioDevice& device, std::shared_ptr<const GuestMemory> memory,
                             InterruptLine& line)
    : device_(device), line_(line), registers_(device, *this, std::move(memory)) {
  device_.Connect(*this);
}

// --- Accesses. ---

uint64_t MmioTransport::ReadRegister(uint64_t offset, unsigned width) {
  if (gone_.load(std::memory_order_acquire)) return ~uint64_t{0};
  if (offset >= kConfigStart) {
    std::array<uint8_t, 8> bytes{};
    SerialiserLock lock(device_.serialiser());
    device_.ReadConfig(offset - kConfigStart, std::span(bytes).first(width));
    return std::bit_cast<Le64>(bytes).get();
  }
  if (width != kControlWidth || offset % kControlWidth != 0) return 0;
  const auto at = static_cast<MmioRegister>(offset);
  if (at == MmioRegister::kInterruptStatus) {
    return interrupt_status_.load(std::memory_order_seq_cst);
  }
  SerialiserLock lock(device_.serialiser());
  return ReadControl(at);
}

void MmioTransport::WriteRegister(uint64_t offset, unsigned width, uint64_t value) {
  if (gone_.load(std::memory_order_acquire)) return;
  if (offset >= kConfigStart) {
    const auto bytes = std::bit_cast<std::array<uint8_t, 8>>(Le64(value));
    SerialiserLock lock(device_.serialiser());
    device_.WriteConfig(offset - kConfigStart, std::span(bytes).first(width));
    return;
  }
  if (width != kControlWidth || offset % kControlWidth != 0) return;
  const auto at = static_cast<MmioRegister>(offset);
  const auto word = static_cast<uint32_t>(value);
  if (at == MmioRegister::kQueueNotify) {
    return device_.Kick(word & notify_mask_.load(std::memory_order_relaxed));
  }
  if (at == MmioRegister::kInterruptAck) return AcknowledgeInterrupt(word);
  SerialiserLock lock(device_.serialiser());
  // I4: between the order to reset and its end no register changes.
  if (device_.resetting() && at != MmioRegister::kStatus) return;
  WriteControl(at, word);
}

uint32_t MmioTransport::ReadControl(MmioRegister at) {
  const DriverRegisters::Queue* const queue = registers_.queue();
  switch (at) {
    case MmioRegister::kMagicValue:
      return kMagic;
    case MmioRegister::kVersion:
      return kVersionModern;
    case MmioRegister::kDeviceId:
      return device_.virtio_id();
    case MmioRegister::kVendorId:
      return kVendor;
    case MmioRegister::kDeviceFeatures:
      return registers_.device_features();
    case MmioRegister::kQueueSizeMax:
      return queue != nullptr ? device_.max_queue_size() : 0;
    case MmioRegister::kQueueReady:
      return queue != nullptr && queue->enabled ? 1 : 0;
    case MmioRegister::kQueueReset:
      return queue != nullptr && queue->resetting ? 1 : 0;
    case MmioRegister::kStatus:
      return status();
    case MmioRegister::kShmLenLow:
    case MmioRegister::kShmLenHigh:
    case MmioRegister::kShmBaseLow:
    case MmioRegister::kShmBaseHigh:
      return kAllOnes32;  // No shared memory region exists.
    case MmioRegister::kConfigGeneration:
      return device_.config_generation();
    default:
      return 0;  // Write-only registers, and offsets where there is none.
  }
}

void MmioTransport::WriteControl(MmioRegister at, uint32_t value) {
  switch (at) {
    case MmioRegister::kDeviceFeaturesSel:
      registers_.SelectDeviceFeatures(value);
      return;
    case MmioRegister::kDriverFeaturesSel:
      registers_.SelectDriverFeatures(value);
      return;
    case MmioRegister::kDriverFeatures:
      registers_.WriteDriverFeatures(value);
      return;
    case MmioRegister::kQueueSel:
      registers_.SelectQueue(value);
      return;
    case MmioRegister::kStatus:
      WriteStatus(value);
      return;
    case MmioRegister::kQueueReady:
      WriteQueueReady(value);
      return;
    case MmioRegister::kQueueReset:
      if (value == 1) registers_.ResetQueue();
      return;
    default:
      WriteQueueRegister(at, value);
      return;
  }
}

// --- Queue registers. ---

void MmioTransport::WriteQueueRegister(MmioRegister at, uint32_t value) {
  DriverRegisters::Queue* const queue = registers_.writable_queue();
  if (queue == nullptr) return;
  switch (at) {
    case MmioRegister::kQueueSize:
      queue->size = value;
      return;
    case MmioRegister::kQueueDescLow:
      return SetLow32(&queue->descriptors, value);
    case MmioRegister::kQueueDescHigh:
      return SetHigh32(&queue->descriptors, value);
    case MmioRegister::kQueueDriverLow:
      return SetLow32(&queue->driver, value);
    case MmioRegister::kQueueDriverHigh:
      return SetHigh32(&queue->driver, value);
    case MmioRegister::kQueueDeviceLow:
      return SetLow32(&queue->device, value);
    case MmioRegister::kQueueDeviceHigh:
      return SetHigh32(&queue->device, value);
    default:
      return;
  }
}

void MmioTransport::WriteQueueReady(uint32_t value) {
  if (registers_.queue() == nullptr || value > 1) return;
  if (value == 1) return registers_.EnableQueue();
  const auto index = static_cast<uint16_t>(registers_.queue_sel());
  if (!device_.queue_started(index)) return registers_.Disable(index);
  device_.StopQueue(index);  // OnQueueStopped clears the ready bit.
  if (device_.MayBlock()) device_.WaitForQueueStop(index);
}

void MmioTransport::WriteStatus(uint32_t value) {
  registers_.WriteStatus(value);
  UpdateNotifyMask();
  if (value == 0 && device_.resetting() && device_.MayBlock()) device_.WaitForReset();
}

// --- From the device. ---

void MmioTransport::InterruptQueue(uint16_t) { RaiseInterrupt(kMmioInterruptQueue); }

void MmioTransport::InterruptConfig() { RaiseInterrupt(kMmioInterruptConfig); }

void MmioTransport::OnNeedsReset() {
  if (registers_.SetNeedsReset()) RaiseInterrupt(kMmioInterruptConfig);
}

void MmioTransport::UpdateNotifyMask() {
  // 2.9: with its data, the upper 16 bits say where the driver stands, which the ring says too.
  const bool has_data = (device_.features() & kVirtioFNotificationData) != 0;
  notify_mask_.store(has_data ? UINT16_MAX : UINT32_MAX, std::memory_order_relaxed);
}

void MmioTransport::OnResetDone() {
  registers_.Clear();
  UpdateNotifyMask();
  AcknowledgeInterrupt(kAllOnes32);
}

void MmioTransport::OnQueueStopped(uint16_t queue) { registers_.OnQueueStopped(queue); }

void MmioTransport::OnUnplugged() {
  gone_.store(true, std::memory_order_release);
  AcknowledgeInterrupt(kAllOnes32);
}

// --- The interrupt line: high while a cause is not acknowledged. ---

void MmioTransport::RaiseInterrupt(uint32_t cause) {
  if (interrupt_status_.fetch_or(cause, std::memory_order_seq_cst) == 0) UpdateLine();
}

void MmioTransport::AcknowledgeInterrupt(uint32_t causes) {
  const uint32_t before = interrupt_status_.fetch_and(~causes, std::memory_order_seq_cst);
  if (before != 0 && (before & ~causes) == 0) UpdateLine();
}

void MmioTransport::UpdateLine() {
  // Who sets the line looks at the causes once more: whatever several threads do, the one that
  // sets it last sets what is true then.
  bool level;
  do {
    level = interrupt_status_.load(std::memory_order_seq_cst) != 0;
    line_.Set(level ? LineLevel::kHigh : LineLevel::kLow);
  } while (level != (interrupt_status_.load(std::memory_order_seq_cst) != 0));
}

}  // namespace platter

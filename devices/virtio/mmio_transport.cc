// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/mmio_transport.h"

#include <array>
#include <bit>
#include <utility>

namespace platter {

namespace {

constexpr uint64_t kConfigStart = static_cast<uint64_t>(MmioRegister::kConfig);
constexpr unsigned kControlWidth = 4;
constexpr uint32_t kFeatureWords = 2;
constexpr uint32_t kAllOnes32 = 0xffffffff;

void SetLow(uint64_t* to, uint32_t value) { *to = (*to & ~uint64_t{kAllOnes32}) | value; }
void SetHigh(uint64_t* to, uint32_t value) { *to = (*to & kAllOnes32) | (uint64_t{value} << 32); }

}  // namespace

MmioTransport::MmioTransport(VirtioDevice& device, std::shared_ptr<const GuestMemory> memory,
                             InterruptLine& line)
    : device_(device), memory_(std::move(memory)), line_(line), queues_(device.queue_count()) {
  device_.Connect(*this);
  SerialiserLock lock(device_.serialiser());
  ClearRegisters();
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
  if (at == MmioRegister::kQueueNotify) return device_.Kick(word);
  if (at == MmioRegister::kInterruptAck) return AcknowledgeInterrupt(word);
  SerialiserLock lock(device_.serialiser());
  // I4: between the order to reset and its end no register changes.
  if (device_.resetting() && at != MmioRegister::kStatus) return;
  WriteControl(at, word);
}

uint32_t MmioTransport::ReadControl(MmioRegister at) {
  const bool queue_exists = queue_sel_ < queues_.size();
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
      if (device_features_sel_ >= kFeatureWords) return 0;
      return static_cast<uint32_t>(device_.offered_features() >> (32 * device_features_sel_));
    case MmioRegister::kQueueSizeMax:
      return queue_exists ? device_.max_queue_size() : 0;
    case MmioRegister::kQueueReady:
      return queue_exists && queues_[queue_sel_].ready ? 1 : 0;
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
      device_features_sel_ = value;
      return;
    case MmioRegister::kDriverFeaturesSel:
      driver_features_sel_ = value;
      return;
    case MmioRegister::kDriverFeatures:
      // 3.1.1: what FEATURES_OK agreed on does not change.
      if ((status() & kVirtioStatusFeaturesOk) != 0 || driver_features_sel_ >= kFeatureWords) {
        return;
      }
      driver_features_sel_ == 0 ? SetLow(&driver_features_, value)
                                : SetHigh(&driver_features_, value);
      return;
    case MmioRegister::kQueueSel:
      queue_sel_ = value;
      return;
    case MmioRegister::kStatus:
      WriteStatus(value);
      return;
    case MmioRegister::kQueueReady:
      WriteQueueReady(value);
      return;
    default:
      WriteQueueRegister(at, value);
      return;
  }
}

// --- Queue registers. ---

void MmioTransport::WriteQueueRegister(MmioRegister at, uint32_t value) {
  // R-VQ-06: frozen while the queue is ready, and from DRIVER_OK on.
  if (queue_sel_ >= queues_.size() || queues_[queue_sel_].ready ||
      (status() & kVirtioStatusDriverOk) != 0) {
    return;
  }
  QueueRegisters& queue = queues_[queue_sel_];
  switch (at) {
    case MmioRegister::kQueueSize:
      queue.size = value;
      return;
    case MmioRegister::kQueueDescLow:
      return SetLow(&queue.descriptors, value);
    case MmioRegister::kQueueDescHigh:
      return SetHigh(&queue.descriptors, value);
    case MmioRegister::kQueueDriverLow:
      return SetLow(&queue.driver, value);
    case MmioRegister::kQueueDriverHigh:
      return SetHigh(&queue.driver, value);
    case MmioRegister::kQueueDeviceLow:
      return SetLow(&queue.device, value);
    case MmioRegister::kQueueDeviceHigh:
      return SetHigh(&queue.device, value);
    default:
      return;
  }
}

void MmioTransport::WriteQueueReady(uint32_t value) {
  if (queue_sel_ >= queues_.size() || value > 1) return;
  const auto index = static_cast<uint16_t>(queue_sel_);
  if (value == 1) {
    // 3.1.1: queues are set up between FEATURES_OK and DRIVER_OK.
    if ((status() & kVirtioStatusDriverOk) == 0) queues_[index].ready = true;
    return;
  }
  if (!device_.queue_started(index)) {
    queues_[index].ready = false;
    return;
  }
  device_.StopQueue(index);  // OnQueueStopped clears the ready bit.
  if (device_.MayBlock()) device_.WaitForQueueStop(index);
}

// --- Status (2.1, 3.1.1). ---

void MmioTransport::WriteStatus(uint32_t value) {
  if (value == 0) return WriteReset();
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

void MmioTransport::StartQueues() {
  device_.SetDriverOk();
  for (uint16_t i = 0; i < queues_.size(); ++i) {
    const QueueRegisters& queue = queues_[i];
    if (!queue.ready) continue;
    const QueueLayout layout = {.size = queue.size,
                                .descriptors = queue.descriptors,
                                .driver = queue.driver,
                                .device = queue.device};
    // R-VQ-11: a ring that is not in memory is never touched.
    if (!device_.StartQueue(i, memory_, layout).ok()) OnNeedsReset();
  }
}

void MmioTransport::WriteReset() {
  device_.BeginReset();
  if (device_.resetting() && device_.MayBlock()) device_.WaitForReset();
}

void MmioTransport::ClearRegisters() {
  device_features_sel_ = 0;
  driver_features_sel_ = 0;
  driver_features_ = 0;
  queue_sel_ = 0;
  for (QueueRegisters& queue : queues_) {
    queue = QueueRegisters();
    queue.size = device_.max_queue_size();
  }
}

// --- From the device. ---

void MmioTransport::InterruptQueue(uint16_t) { RaiseInterrupt(kMmioInterruptQueue); }

void MmioTransport::InterruptConfig() { RaiseInterrupt(kMmioInterruptConfig); }

void MmioTransport::OnNeedsReset() {
  const uint8_t before = status_.fetch_or(kVirtioStatusNeedsReset, std::memory_order_acq_rel);
  if ((before & kVirtioStatusDriverOk) != 0) RaiseInterrupt(kMmioInterruptConfig);
}

void MmioTransport::OnResetDone() {
  ClearRegisters();
  status_.store(0, std::memory_order_release);
  AcknowledgeInterrupt(kAllOnes32);
}

void MmioTransport::OnQueueStopped(uint16_t queue) { queues_[queue].ready = false; }

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

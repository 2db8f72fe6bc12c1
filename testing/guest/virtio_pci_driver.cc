// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_pci_driver.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

// A device whose generation never settles is broken; a real driver would spin for ever.
constexpr int kMaxGenerationTries = 1000;

}  // namespace

// --- Finding it. ---

absl::Status VirtioPciDriver::Discover(uint32_t device_id) {
  const uint32_t vendor = config_.Read(guest::kPciVendor, 2);
  if (vendor != guest::kVirtioVendor) {
    return absl::NotFoundError(absl::StrCat("no virtio device at PCI device number ",
                                            place_.config.device, ": vendor 0x",
                                            absl::Hex(vendor)));
  }
  const uint32_t device = config_.Read(guest::kPciDevice, 2);
  if (device != guest::kVirtioModernDevice + device_id) {
    return absl::NotFoundError(
        absl::StrCat("PCI device 0x", absl::Hex(device), " is not virtio device ", device_id));
  }
  config_.PlaceBars(place_.memory_base);
  const bool line = place_.interrupts == Interrupts::kLine;
  config_.Write(
      guest::kPciCommand, 2,
      guest::kPciCommandMemory | guest::kPciCommandMaster | (line ? 0 : guest::kPciCommandNoIntx));
  PLATTER_RETURN_IF_ERROR(FindStructures());
  vectors_ = 0;
  notify_at_.assign(GetCommon(guest::kCommonNumQueues, 2), 0);
  return line ? absl::OkStatus() : SetUpMsix();
}

absl::Status VirtioPciDriver::FindStructures() {
  common_ = isr_ = device_ = notify_ = 0;
  uint8_t at = 0;
  while ((at = config_.FindCapability(guest::kPciVendorCapability, at)) != 0) {
    const uint32_t type = config_.Read(at + guest::kVirtioCapType, 1);
    const uint64_t bar = config_.bar(config_.Read(at + guest::kVirtioCapBar, 1));
    if (bar == 0) continue;
    const uint64_t place = bar + config_.Read(at + guest::kVirtioCapOffset, 4);
    // 4.1.4.1: the first of each kind is the one to use.
    if (type == guest::kVirtioCapCommon && common_ == 0) common_ = place;
    if (type == guest::kVirtioCapIsr && isr_ == 0) isr_ = place;
    if (type == guest::kVirtioCapDevice && device_ == 0) device_ = place;
    if (type == guest::kVirtioCapNotify && notify_ == 0) {
      notify_ = place;
      notify_multiplier_ = config_.Read(at + guest::kVirtioCapMultiplier, 4);
    }
  }
  if (common_ == 0 || isr_ == 0 || device_ == 0 || notify_ == 0) {
    return absl::NotFoundError("a virtio structure has no capability");
  }
  return absl::OkStatus();
}

absl::Status VirtioPciDriver::SetUpMsix() {
  const uint8_t at = config_.FindCapability(guest::kPciMsix, 0);
  if (at == 0) return absl::NotFoundError("the device has no MSI-X");
  const uint32_t control = config_.Read(at + guest::kPciMsixControl, 2);
  const uint32_t entries = (control & guest::kPciMsixSizeMask) + 1;
  vectors_ = std::min<uint32_t>(entries, static_cast<uint32_t>(notify_at_.size()) + 1);
  // 6.8.3.2: masked as a whole while the entries are filled.
  config_.Write(at + guest::kPciMsixControl, 2, guest::kPciMsixEnable | guest::kPciMsixMaskAll);
  const uint32_t place = config_.Read(at + guest::kPciMsixTable, 4);
  const uint64_t table = config_.bar(place % 8) + (place & ~7u);
  seen_.assign(vectors_, 0);
  for (uint32_t v = 0; v < vectors_; ++v) {
    const uint64_t entry = table + v * guest::kPciMsixEntry;
    const auto set = [&](uint64_t offset, uint64_t value) {
      bus_.WriteRegister32(RegisterSpace::kMmio, entry + offset, static_cast<uint32_t>(value));
    };
    set(0, place_.message_address);
    set(4, place_.message_address >> 32);
    set(guest::kPciMsixEntryData, place_.first_message + v);
    set(guest::kPciMsixEntryControl, 0);
    seen_[v] = bus_.Interrupt(place_.first_interrupt + v).raised;
  }
  config_.Write(at + guest::kPciMsixControl, 2, guest::kPciMsixEnable);
  return absl::OkStatus();
}

// --- Negotiation. ---

uint64_t VirtioPciDriver::DeviceFeatures() {
  SetCommon(guest::kCommonDeviceFeatureSelect, 4, 1);
  const uint64_t high = GetCommon(guest::kCommonDeviceFeature, 4);
  SetCommon(guest::kCommonDeviceFeatureSelect, 4, 0);
  return high << 32 | GetCommon(guest::kCommonDeviceFeature, 4);
}

absl::Status VirtioPciDriver::AcceptFeatures(uint64_t features) {
  SetCommon(guest::kCommonStatus, 1, guest::kStatusAcknowledge);
  SetCommon(guest::kCommonStatus, 1, guest::kStatusAcknowledge | guest::kStatusDriver);
  for (const uint32_t word : {0, 1}) {
    SetCommon(guest::kCommonDriverFeatureSelect, 4, word);
    SetCommon(guest::kCommonDriverFeature, 4, static_cast<uint32_t>(features >> (32 * word)));
  }
  SetCommon(guest::kCommonStatus, 1, status() | guest::kStatusFeaturesOk);
  if ((status() & guest::kStatusFeaturesOk) == 0) {
    SetCommon(guest::kCommonStatus, 1, status() | guest::kStatusFailed);
    return absl::FailedPreconditionError(
        absl::StrCat("the device refused features 0x", absl::Hex(features)));
  }
  // A reset unmapped it.
  return vectors_ == 0 ? absl::OkStatus() : MapVector(guest::kCommonConfigVector, 0);
}

absl::Status VirtioPciDriver::MapVector(uint64_t offset, uint32_t vector) {
  SetCommon(offset, 2, vector);
  // 4.1.5.1.2.2: the driver looks whether it was taken.
  const uint64_t mapped = GetCommon(offset, 2);
  if (mapped == vector) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("vector ", vector, " reads back as ", mapped));
}

uint32_t VirtioPciDriver::VectorOf(uint16_t queue) const {
  return vectors_ > notify_at_.size() ? queue + 1u : vectors_ - 1;
}

// --- Queues. ---

uint32_t VirtioPciDriver::MaxQueueSize(uint16_t queue) {
  SetCommon(guest::kCommonQueueSelect, 2, queue);
  return static_cast<uint32_t>(GetCommon(guest::kCommonQueueSize, 2));
}

void VirtioPciDriver::SetAddress(uint64_t offset, uint64_t address) {
  SetCommon(offset, 4, static_cast<uint32_t>(address));
  SetCommon(offset + 4, 4, static_cast<uint32_t>(address >> 32));
}

absl::Status VirtioPciDriver::StartQueue(uint16_t queue, const RingLayout& layout) {
  // 4.1.5.1.3 Virtqueue Configuration.
  const uint32_t max = MaxQueueSize(queue);
  if (GetCommon(guest::kCommonQueueEnable, 2) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("queue ", queue, " is in use"));
  }
  if (layout.size > max) {
    return absl::OutOfRangeError(
        absl::StrCat("queue ", queue, " has at most ", max, " entries, not ", layout.size));
  }
  SetCommon(guest::kCommonQueueSize, 2, layout.size);
  if (vectors_ != 0) PLATTER_RETURN_IF_ERROR(MapVector(guest::kCommonQueueVector, VectorOf(queue)));
  SetAddress(guest::kCommonQueueDesc, layout.descriptors);
  SetAddress(guest::kCommonQueueDriver, layout.driver);
  SetAddress(guest::kCommonQueueDevice, layout.device);
  notify_at_.resize(std::max<size_t>(notify_at_.size(), queue + size_t{1}));
  notify_at_[queue] = notify_ + GetCommon(guest::kCommonQueueNotifyOff, 2) * notify_multiplier_;
  SetCommon(guest::kCommonQueueEnable, 2, 1);
  if (GetCommon(guest::kCommonQueueEnable, 2) != 1) {
    return absl::InternalError(absl::StrCat("queue ", queue, " does not become enabled"));
  }
  return absl::OkStatus();
}

void VirtioPciDriver::DriverOk() {
  SetCommon(guest::kCommonStatus, 1, status() | guest::kStatusDriverOk);
}

void VirtioPciDriver::BeginQueueReset(uint16_t queue) {
  SetCommon(guest::kCommonQueueSelect, 2, queue);
  SetCommon(guest::kCommonQueueReset, 2, 1);
}

bool VirtioPciDriver::QueueResetDone(uint16_t queue) {
  SetCommon(guest::kCommonQueueSelect, 2, queue);
  return GetCommon(guest::kCommonQueueReset, 2) == 0 &&
         GetCommon(guest::kCommonQueueEnable, 2) == 0;
}

void VirtioPciDriver::Notify(uint16_t queue) {
  bus_.WriteRegister(RegisterSpace::kMmio, notify_at_[queue], 2, queue);
}

void VirtioPciDriver::NotifyAt(uint16_t queue, uint16_t place) {
  bus_.WriteRegister(RegisterSpace::kMmio, notify_at_[queue], 4, queue | uint32_t{place} << 16);
}

// --- Interrupts. ---

VirtioTransportDriver::Causes VirtioPciDriver::TakeInterrupts() {
  Causes causes;
  if (vectors_ == 0) {
    if (!bus_.Interrupt(place_.line).high) return causes;
    const uint64_t isr = bus_.ReadRegister(RegisterSpace::kMmio, isr_, 1);
    causes.used = (isr & guest::kIsrQueue) != 0;
    causes.config = (isr & guest::kIsrConfig) != 0;
    return causes;
  }
  for (uint32_t v = 0; v < vectors_; ++v) {
    const uint64_t raised = bus_.Interrupt(place_.first_interrupt + v).raised;
    if (raised == seen_[v]) continue;
    seen_[v] = raised;
    // 4.1.5.3: one message may mean both.
    if (v == 0) causes.config = true;
    if (v != 0 || vectors_ == 1) causes.used = true;
  }
  return causes;
}

bool VirtioPciDriver::NeedsReset() { return !Gone() && (status() & guest::kStatusNeedsReset) != 0; }

// --- Configuration. ---

void VirtioPciDriver::ReadConfig(uint64_t offset, std::span<uint8_t> out) {
  for (int i = 0; i < kMaxGenerationTries; ++i) {
    const uint64_t before = GetCommon(guest::kCommonGeneration, 1);
    for (uint64_t at = 0; at < out.size(); ++at) {
      out[at] =
          static_cast<uint8_t>(bus_.ReadRegister(RegisterSpace::kMmio, device_ + offset + at, 1));
    }
    if (GetCommon(guest::kCommonGeneration, 1) == before) return;
  }
}

void VirtioPciDriver::WriteConfig(uint64_t offset, std::span<const uint8_t> data) {
  for (uint64_t at = 0; at < data.size(); ++at) {
    bus_.WriteRegister(RegisterSpace::kMmio, device_ + offset + at, 1, data[at]);
  }
}

}  // namespace platter

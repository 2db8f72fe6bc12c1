// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/virtio_pci_transport.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "base/arith.h"
#include "base/bytes.h"
#include "base/check.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

// Class, subclass and interface (PCI 3.0, appendix D).
constexpr uint32_t kClassScsiStorage = 0x010000;
constexpr uint32_t kClassUnassigned = 0xff0000;

PciIdentity IdentityOf(const VirtioDevice& device) {
  const uint32_t type = device.virtio_id();
  const auto id = static_cast<uint16_t>(kVirtioPciFirstDevice + type);
  const bool stores = type == kVirtioIdBlock || type == kVirtioIdScsi;
  // 4.1.2.1: a subsystem id above 0x40 and a revision above 0 keep legacy drivers away.
  return {.vendor = kVirtioPciVendor,
          .device = id,
          .revision = kVirtioPciRevision,
          .class_code = stores ? kClassScsiStorage : kClassUnassigned,
          .subsystem_vendor = kVirtioPciVendor,
          .subsystem = id};
}

uint32_t VectorsFor(const VirtioDevice& device, const VirtioPciTransport::Options& options) {
  return options.vectors.value_or(std::min(device.queue_count() + 1, kMsixMaxVectors));
}

uint64_t AllOnes(unsigned width) { return ~uint64_t{0} >> (64 - 8 * width); }

}  // namespace

VirtioPciTransport::VirtioPciTransport(VirtioDevice& device,
                                       std::shared_ptr<const GuestMemory> memory,
                                       InterruptLine& line, MessageSink& sink,
                                       const Options& options)
    : device_(device),
      line_(line),
      registers_(device, *this, std::move(memory)),
      msix_(VectorsFor(device, options), sink),
      notify_bytes_(uint64_t{kNotifyMultiplier} * device.queue_count()),
      vectors_(device.queue_count() + 1),
      config_(IdentityOf(device)) {
  for (auto& vector : vectors_) vector.store(kVirtioPciNoVector, std::memory_order_relaxed);
  config_.SetInterruptPin(kPciPinA);
  config_.AddBar(kBar, PciBarKind::kMemory64, std::bit_ceil(kNotifyAt + notify_bytes_));
  BuildCapabilities();
  device_.Connect(*this);
}

// --- Capabilities. ---

void VirtioPciTransport::BuildCapabilities() {
  if (msix_.vectors() != 0) {
    config_.AddBar(kMsixBar, PciBarKind::kMemory32, msix_.bar_bytes());
    struct {
      Le16 control;
      Le32 table;
      Le32 pending;
    } body = {};
    static_assert(sizeof(body) + kPciCapabilityHeader == kMsixCapabilityBytes);
    body.control = static_cast<uint16_t>(msix_.vectors() - 1);
    body.table = kMsixBar;
    body.pending = static_cast<uint32_t>(msix_.pending_offset()) | kMsixBar;
    decltype(body) writable = {};
    writable.control = kMsixEnable | kMsixFunctionMask;
    using Bytes = std::array<uint8_t, sizeof(body)>;
    msix_at_ = config_.AddCapability(kPciCapabilityMsix, std::bit_cast<Bytes>(body),
                                     std::bit_cast<Bytes>(writable));
  }
  AddStructure(kVirtioPciCommon, kCommonAt, kVirtioPciCommonBytes, {}, {});
  AddStructure(kVirtioPciIsr, kIsrAt, 1, {}, {});
  AddStructure(kVirtioPciDevice, kDeviceAt, kDeviceBytes, {}, {});
  const auto multiplier = std::bit_cast<std::array<uint8_t, 4>>(Le32(kNotifyMultiplier));
  AddStructure(kVirtioPciNotify, kNotifyAt, notify_bytes_, multiplier, {});
  // 4.1.4.9: bar, offset, length and data are the driver's to write.
  constexpr std::array<uint8_t, 4> kData{};
  std::array<uint8_t, sizeof(VirtioPciCapability) + kData.size()> writable{};
  writable[kVirtioPciCapBar - kPciCapabilityHeader] = 0xff;
  std::fill(writable.begin() + kVirtioPciCapOffset - kPciCapabilityHeader, writable.end(), 0xff);
  window_at_ = AddStructure(kVirtioPciAccess, 0, 0, kData, writable);
}

uint8_t VirtioPciTransport::AddStructure(uint8_t type, uint64_t offset, uint64_t bytes,
                                         std::span<const uint8_t> extra,
                                         std::span<const uint8_t> writable) {
  VirtioPciCapability capability = {};
  capability.length = static_cast<uint8_t>(kVirtioPciCapExtra + extra.size());
  capability.type = type;
  capability.bar = kBar;
  capability.offset = static_cast<uint32_t>(offset);
  capability.bytes = static_cast<uint32_t>(bytes);
  const auto head = std::bit_cast<std::array<uint8_t, sizeof(capability)>>(capability);
  std::vector<uint8_t> body(head.begin(), head.end());
  body.insert(body.end(), extra.begin(), extra.end());
  return config_.AddCapability(kPciCapabilityVendor, body, writable);
}

// --- Configuration space. ---

uint32_t VirtioPciTransport::ReadConfig(uint32_t offset, unsigned width) {
  if (gone_.load(std::memory_order_acquire)) return static_cast<uint32_t>(AllOnes(width));
  if (TouchesWindow(offset, width)) ReadThroughWindow();
  SerialiserLock lock(device_.serialiser());
  // 4.1.4.5.1: without MSI-X, Interrupt Status is the OR of the ISR's bits.
  const bool asserted = !msix_.enabled() && isr_.load(std::memory_order_seq_cst) != 0;
  config_.SetInterruptStatus(asserted ? LineLevel::kHigh : LineLevel::kLow);
  return config_.Read(offset, width);
}

void VirtioPciTransport::WriteConfig(uint32_t offset, unsigned width, uint32_t value) {
  if (gone_.load(std::memory_order_acquire)) return;
  {
    SerialiserLock lock(device_.serialiser());
    config_.Write(offset, width, value);
    ApplyInterruptControl();
  }
  if (TouchesWindow(offset, width)) WriteThroughWindow();
}

// --- BARs. ---

uint64_t VirtioPciTransport::ReadBar(uint32_t bar, uint64_t offset, unsigned width) {
  if (gone_.load(std::memory_order_acquire)) return AllOnes(width);
  if (bar == kMsixBar) return msix_.Read(offset, width);
  if (bar != kBar || offset >= kNotifyAt) return 0;
  if (offset >= kDeviceAt) {
    std::array<uint8_t, 8> bytes{};
    SerialiserLock lock(device_.serialiser());
    ReadDeviceConfig(offset - kDeviceAt, std::span(bytes).first(width));
    return std::bit_cast<Le64>(bytes).get();
  }
  if (offset >= kIsrAt) return offset == kIsrAt ? TakeIsr() : 0;
  SerialiserLock lock(device_.serialiser());
  return ReadCommon(offset, width);
}

void VirtioPciTransport::WriteBar(uint32_t bar, uint64_t offset, unsigned width, uint64_t value) {
  if (gone_.load(std::memory_order_acquire)) return;
  if (bar == kBar && offset >= kNotifyAt) {
    // The address says which queue; Kick ignores those that are not. What is written is the queue
    // as well and, with VIRTIO_F_NOTIFICATION_DATA, where the driver stands (4.1.5.2), which the
    // ring says too.
    return device_.Kick(static_cast<uint32_t>((offset - kNotifyAt) / kNotifyMultiplier));
  }
  if (bar == kMsixBar) return msix_.Write(offset, width, value);
  if (bar != kBar) return;
  if (offset >= kDeviceAt) {
    const auto bytes = std::bit_cast<std::array<uint8_t, 8>>(Le64(value));
    SerialiserLock lock(device_.serialiser());
    device_.WriteConfig(offset - kDeviceAt, std::span(bytes).first(width));
    return;
  }
  if (offset >= kIsrAt) return;
  SerialiserLock lock(device_.serialiser());
  WriteCommon(offset, width, value);
}

// --- From the device. ---

void VirtioPciTransport::InterruptQueue(uint16_t queue) {
  // 4.1.5.1.2: with MSI-X, the ISR is unused.
  if (!msix_.enabled()) return SetIsr(kVirtioPciIsrQueue);
  const uint16_t vector = vectors_[queue].load(std::memory_order_acquire);
  if (vector != kVirtioPciNoVector) msix_.Raise(vector);
}

void VirtioPciTransport::InterruptConfig() {
  // 4.1.4.5.1: set before the notification, MSI-X or not.
  SetIsr(kVirtioPciIsrConfig);
  if (!msix_.enabled()) return;
  const uint16_t vector = config_vector().load(std::memory_order_acquire);
  if (vector != kVirtioPciNoVector) msix_.Raise(vector);
}

void VirtioPciTransport::OnNeedsReset() {
  if (registers_.SetNeedsReset()) InterruptConfig();
}

void VirtioPciTransport::OnResetDone() {
  // 4.1.5.1.2.1: all events are unmapped upon reset.
  for (auto& vector : vectors_) vector.store(kVirtioPciNoVector, std::memory_order_release);
  msix_.ClearPending();
  TakeIsr();
  registers_.Clear();
}

void VirtioPciTransport::OnQueueStopped(uint16_t queue) {
  // 2.6.1.1, as upon a reset of the device: it is not mapped to a vector any more.
  if (registers_.OnQueueStopped(queue) == DriverRegisters::Stopped::kReset) {
    vectors_[queue].store(kVirtioPciNoVector, std::memory_order_release);
  }
}

void VirtioPciTransport::OnMachineReset() {
  config_.Reset();
  msix_.Reset();
  ApplyInterruptControl();
}

void VirtioPciTransport::OnUnplugged() {
  gone_.store(true, std::memory_order_release);
  TakeIsr();
}

// --- Interrupts. ---

void VirtioPciTransport::ApplyInterruptControl() {
  const auto control =
      static_cast<uint16_t>(msix_at_ == 0 ? 0 : config_.Read(msix_at_ + kMsixControl, 2));
  intx_.store((control & kMsixEnable) == 0 && (config_.command() & kPciCommandIntxDisable) == 0,
              std::memory_order_seq_cst);
  UpdateLine();
  msix_.SetControl(control & (kMsixEnable | kMsixFunctionMask));
}

void VirtioPciTransport::SetIsr(uint8_t cause) {
  if (isr_.fetch_or(cause, std::memory_order_seq_cst) == 0) UpdateLine();
}

uint8_t VirtioPciTransport::TakeIsr() {
  const uint8_t causes = isr_.exchange(0, std::memory_order_seq_cst);
  if (causes != 0) UpdateLine();
  return causes;
}

bool VirtioPciTransport::LineIsHigh() const {
  return isr_.load(std::memory_order_seq_cst) != 0 && intx_.load(std::memory_order_seq_cst);
}

void VirtioPciTransport::UpdateLine() {
  // Who sets the line looks at the causes once more: whatever several threads do, the one that
  // sets it last sets what is true then.
  bool level;
  do {
    level = LineIsHigh();
    line_.Set(level ? LineLevel::kHigh : LineLevel::kLow);
  } while (level != LineIsHigh());
}

}  // namespace platter

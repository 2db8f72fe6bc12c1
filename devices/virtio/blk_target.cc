// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/blk_target.h"

#include <array>
#include <bit>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

constexpr uint32_t kMaxQueueSize = 16;
constexpr uint64_t kConfigSpan = 128;  // The configuration space and what is behind it.
constexpr uint8_t kDriver = kVirtioStatusAcknowledge | kVirtioStatusDriver;
constexpr uint8_t kAgreed = kDriver | kVirtioStatusFeaturesOk;
constexpr uint8_t kReady = kAgreed | kVirtioStatusDriverOk;

}  // namespace

BlkTarget::BlkTarget(Transport transport, SimulatedWorld& world, AioContext& context,
                     BlockDeviceView& backend, std::shared_ptr<const GuestMemory> memory)
    : world_(world), memory_(std::move(memory)) {
  device_ =
      *VirtioBlk::Create({.id = "fuzz",
                          .serial = "serial",
                          .queue_size = kMaxQueueSize,
                          .ring = {.packed = true, .in_order = true, .notification_data = true}},
                         backend, context);
  if (transport == Transport::kMmio) {
    InterruptLine& line = *this;
    mmio_ = std::make_unique<MmioTransport>(*device_, memory_, line);
  } else {
    InterruptVectors& vectors = *this;
    direct_ = std::make_unique<DirectTransport>(*device_, vectors);
  }
}

BlkTarget::~BlkTarget() {
  bool done = false;
  device_->Unplug([&] { done = true; });
  world_.RunUntil([&] { return done; });
}

uint32_t BlkTarget::Get(MmioRegister at) {
  return static_cast<uint32_t>(mmio_->ReadRegister(static_cast<uint64_t>(at), 4));
}

void BlkTarget::Put(MmioRegister at, uint32_t value) {
  mmio_->WriteRegister(static_cast<uint64_t>(at), 4, value);
}

void BlkTarget::Start(const QueueLayout& layout, uint64_t refused) {
  if (direct_ != nullptr) {
    PLATTER_CHECK(direct_->SetMemory(memory_).ok());
    PLATTER_CHECK(direct_->SetFeatures(direct_->offered_features() & ~refused).ok());
    PLATTER_CHECK(direct_->StartQueue(0, layout).ok());
    return;
  }
  Put(MmioRegister::kStatus, kDriver);
  for (uint32_t word : {0, 1}) {
    Put(MmioRegister::kDeviceFeaturesSel, word);
    Put(MmioRegister::kDriverFeaturesSel, word);
    const auto kept = static_cast<uint32_t>(~(refused >> (32 * word)));
    Put(MmioRegister::kDriverFeatures, Get(MmioRegister::kDeviceFeatures) & kept);
  }
  Put(MmioRegister::kStatus, kAgreed);
  Put(MmioRegister::kQueueSel, 0);
  Put(MmioRegister::kQueueSize, layout.size);
  Put(MmioRegister::kQueueDescLow, static_cast<uint32_t>(layout.descriptors));
  Put(MmioRegister::kQueueDriverLow, static_cast<uint32_t>(layout.driver));
  Put(MmioRegister::kQueueDeviceLow, static_cast<uint32_t>(layout.device));
  Put(MmioRegister::kQueueReady, 1);
  Put(MmioRegister::kStatus, kReady);
  PLATTER_CHECK(Get(MmioRegister::kStatus) == kReady);
}

void BlkTarget::Kick() {
  direct_ != nullptr ? direct_->Kick(0) : Put(MmioRegister::kQueueNotify, 0);
}

void BlkTarget::BeginReset() {
  direct_ != nullptr ? device_->Reset([] {}) : Put(MmioRegister::kStatus, 0);
}

bool BlkTarget::NeedsReset() {
  if (direct_ != nullptr) return direct_->needs_reset();
  return (Get(MmioRegister::kStatus) & kVirtioStatusNeedsReset) != 0;
}

bool BlkTarget::Runs() {
  return device_->queue_started(0) && !device_->resetting() && !NeedsReset();
}

bool BlkTarget::Access(uint16_t where, uint8_t how, uint64_t value) {
  if (mmio_ != nullptr) return AccessRegister(where, how, value);
  auto bytes = std::bit_cast<std::array<uint8_t, 8>>(Le64(value));
  switch (how % 5) {
    case 0:
      direct_->WriteConfig(where % kConfigSpan, bytes);
      return false;
    case 1:
      direct_->ReadConfig(where % kConfigSpan, bytes);
      return false;
    case 2:
      direct_->Kick(where);
      return false;
    case 3:
      // Refused while the queue is started.
      static_cast<void>(direct_->SetFeatures(value).ok());
      return false;
    default:
      direct_->StopQueue(where % 4, [](DirectTransport::Position) {});
      return where % 4 == 0;
  }
}

bool BlkTarget::AccessRegister(uint16_t where, uint8_t how, uint64_t value) {
  const uint64_t offset = where % kMmioTransportBytes;
  const unsigned width = 1u << (how % 4);
  if (offset + width > kMmioTransportBytes) return false;
  mmio_->WriteRegister(offset, width, value);
  mmio_->ReadRegister(offset, width);
  const auto at = static_cast<MmioRegister>(offset);
  return at == MmioRegister::kStatus || at == MmioRegister::kQueueReady ||
         at == MmioRegister::kQueueReset;
}

}  // namespace platter

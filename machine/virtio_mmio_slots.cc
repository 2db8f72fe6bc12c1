// SPDX-License-Identifier: Apache-2.0

#include "machine/virtio_mmio_slots.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "devices/virtio/mmio_transport.h"

namespace platter {

class VirtioMmioSlots::Slot final : public DevicePlace {
 public:
  Slot(VirtioMmioSlots& slots, uint32_t number, const Setup& setup, VirtioDevice& device)
      : slots_(slots),
        number_(number),
        mmio_(setup.mmio),
        transport_(device, setup.memory, setup.interrupts.Line(irq())) {
    slots_.taken_[number_] = true;
  }
  ~Slot() override {
    TakeAway();
    slots_.taken_[number_] = false;
  }

  absl::Status Map() {
    PLATTER_RETURN_IF_ERROR(mmio_.Map(base(), kMmioTransportBytes, transport_));
    mapped_ = true;
    return absl::OkStatus();
  }
  void TakeAway() override {
    if (std::exchange(mapped_, false)) mmio_.Unmap(base());
  }
  DeviceLocation location() const override {
    return VirtioMmioLocation{.mmio_base = base(), .irq = irq()};
  }

 private:
  uint64_t base() const { return kVirtioMmioBase + number_ * kVirtioMmioStride; }
  uint32_t irq() const { return kVirtioMmioFirstIrq + number_; }

  VirtioMmioSlots& slots_;
  const uint32_t number_;
  IoSpace& mmio_;
  MmioTransport transport_;
  bool mapped_ = false;
};

absl::Status VirtioMmioSlots::Place(const Setup& setup, VirtioDevice& device,
                                    std::unique_ptr<DevicePlace>& place) {
  const auto* const free = std::find(taken_.begin(), taken_.end(), false);
  if (free == taken_.end()) {
    return ErrorWithErrno(ENOSPC, absl::StrCat("all ", kVirtioMmioSlots,
                                               " virtio-mmio slots of the machine are taken"));
  }
  const auto number = static_cast<uint32_t>(free - taken_.begin());
  auto slot = std::make_unique<Slot>(*this, number, setup, device);
  Slot& placed = *slot;
  place = std::move(slot);
  return placed.Map();
}

}  // namespace platter

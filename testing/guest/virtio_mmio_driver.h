// SPDX-License-Identifier: Apache-2.0
//
// VirtioMmioDriver: a guest's driver of virtio over MMIO, version 2 (virtio 1.3, 4.2).
//
// Ownership, threading: see virtio_transport_driver.h. Units: `base` is a guest physical address,
// `line` the bus's number of the interrupt. Errors: see virtio_transport_driver.h.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_MMIO_DRIVER_H_
#define PLATTER_TESTING_GUEST_VIRTIO_MMIO_DRIVER_H_

#include <cstdint>

#include "testing/guest/guest_bus.h"
#include "testing/guest/virtio_transport_driver.h"

namespace platter {

class VirtioMmioDriver final : public VirtioTransportDriver {
 public:
  struct Place {
    uint64_t base = 0;
    uint32_t line = 0;
  };

  VirtioMmioDriver(GuestBus& bus, Place place) : bus_(bus), place_(place) {}

  absl::Status Discover(uint32_t device_id) override;
  void BeginReset() override { set_status(0); }
  bool ResetDone() override { return status() == 0; }
  uint64_t DeviceFeatures() override;
  absl::Status AcceptFeatures(uint64_t features) override;
  uint32_t MaxQueueSize(uint16_t queue) override;
  absl::Status StartQueue(uint16_t queue, const RingLayout& layout) override;
  void DriverOk() override;
  void BeginQueueReset(uint16_t queue) override;
  bool QueueResetDone(uint16_t queue) override;
  void Notify(uint16_t queue) override;
  void NotifyAt(uint16_t queue, uint16_t place) override;
  Causes TakeInterrupts() override;
  bool NeedsReset() override;
  bool Gone() override;
  void ReadConfig(uint64_t offset, std::span<uint8_t> out) override;
  void WriteConfig(uint64_t offset, std::span<const uint8_t> data) override;

  // For tests of the transport: any register of 32 bits.
  uint32_t Get(uint64_t offset) {
    return bus_.ReadRegister32(RegisterSpace::kMmio, place_.base + offset);
  }
  void Set(uint64_t offset, uint32_t value) {
    bus_.WriteRegister32(RegisterSpace::kMmio, place_.base + offset, value);
  }
  uint32_t status();

 private:
  void set_status(uint32_t status);
  void SetAddress(uint64_t low_register, uint64_t address);

  GuestBus& bus_;
  const Place place_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_MMIO_DRIVER_H_

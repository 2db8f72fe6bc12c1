// SPDX-License-Identifier: Apache-2.0
//
// VirtioPciDriver: a guest's driver of virtio over PCI, the modern interface (virtio 1.3, 4.1). It
// does what firmware does too: Discover gives the BARs addresses. Interrupts are MSI-X messages,
// one vector for the configuration and one per queue (all queues share one when the table is too
// small), or the line with the ISR.
//
// Ownership, threading: see virtio_transport_driver.h. Units: guest physical addresses.
// Errors: see virtio_transport_driver.h.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_PCI_DRIVER_H_
#define PLATTER_TESTING_GUEST_VIRTIO_PCI_DRIVER_H_

#include <cstdint>
#include <vector>

#include "testing/guest/guest_bus.h"
#include "testing/guest/pci_config_space.h"
#include "testing/guest/virtio_transport_driver.h"

namespace platter {

class VirtioPciDriver final : public VirtioTransportDriver {
 public:
  enum class Interrupts : uint8_t { kMsix, kLine };
  struct Place {
    PciConfigSpace::Place config = {};
    // Where its BARs may lie.
    uint64_t memory_base = 0;
    Interrupts interrupts = Interrupts::kMsix;
    uint32_t line = 0;
    // Vector v sends data `first_message` + v to `message_address`, which is interrupt
    // `first_interrupt` + v of the bus.
    uint64_t message_address = 0;
    uint32_t first_message = 0;
    uint32_t first_interrupt = 0;
  };

  VirtioPciDriver(GuestBus& bus, const Place& place)
      : bus_(bus), place_(place), config_(bus, place.config) {}

  absl::Status Discover(uint32_t device_id) override;
  void BeginReset() override { SetCommon(guest::kCommonStatus, 1, 0); }
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
  bool Gone() override { return config_.Read(guest::kPciVendor, 2) == guest::kPciNoVendor; }
  void ReadConfig(uint64_t offset, std::span<uint8_t> out) override;
  void WriteConfig(uint64_t offset, std::span<const uint8_t> data) override;

  // For tests of the transport.
  PciConfigSpace& config() { return config_; }
  uint64_t common() const { return common_; }  // Addresses of the structures.
  uint64_t isr() const { return isr_; }
  uint64_t device() const { return device_; }
  uint64_t notify() const { return notify_; }
  uint32_t vectors() const { return vectors_; }
  uint64_t GetCommon(uint64_t offset, unsigned width) {
    return bus_.ReadRegister(RegisterSpace::kMmio, common_ + offset, width);
  }
  void SetCommon(uint64_t offset, unsigned width, uint64_t value) {
    bus_.WriteRegister(RegisterSpace::kMmio, common_ + offset, width, value);
  }
  uint32_t status() { return static_cast<uint32_t>(GetCommon(guest::kCommonStatus, 1)); }

 private:
  absl::Status FindStructures();
  absl::Status SetUpMsix();
  void SetAddress(uint64_t offset, uint64_t address);
  // Maps the event whose register is at `offset`.
  absl::Status MapVector(uint64_t offset, uint32_t vector);
  uint32_t VectorOf(uint16_t queue) const;

  GuestBus& bus_;
  const Place place_;
  PciConfigSpace config_;
  uint64_t common_ = 0;
  uint64_t isr_ = 0;
  uint64_t device_ = 0;
  uint64_t notify_ = 0;
  uint32_t notify_multiplier_ = 0;
  uint32_t vectors_ = 0;             // Of MSI-X that are used; 0: the line.
  std::vector<uint64_t> notify_at_;  // By queue.
  std::vector<uint64_t> seen_;       // By vector.
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_PCI_DRIVER_H_

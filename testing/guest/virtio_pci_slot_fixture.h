// SPDX-License-Identifier: Apache-2.0
//
// VirtioPciSlot: a PCI bus on an InProcessBus with one virtio device on it, and the place where a
// VirtioPciDriver finds it. Messages are the bus's vectors from 0 on.
//
//   VirtioPciSlot slot(bus, device, {});
//   VirtioPciDriver transport(bus, slot.place());
//
// Ownership: bus and device outlive its use; it is destroyed after the device. Threading: as the
// bus.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_PCI_SLOT_FIXTURE_H_
#define PLATTER_TESTING_GUEST_VIRTIO_PCI_SLOT_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "base/check.h"
#include "devices/pci/pci_bus.h"
#include "devices/pci/virtio_pci_transport.h"
#include "devices/virtio/virtio_device.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/message_vectors.h"
#include "testing/guest/virtio_pci_driver.h"

namespace platter {

class VirtioPciSlot {
 public:
  static constexpr uint64_t kEcam = 0xb0000000;
  static constexpr PciBus::Window kLowWindow = {0xe0000000, 0x10000000};
  static constexpr PciBus::Window kHighWindow = {0x800000000, 0x10000000};
  static constexpr PciBus::Window kPortWindow = {0x1000, 0xf000};
  static constexpr uint32_t kDevice = 3;
  static constexpr uint32_t kLine = 2;

  struct Options {
    VirtioPciDriver::Interrupts interrupts = VirtioPciDriver::Interrupts::kMsix;
    PciConfigSpace::Access access = PciConfigSpace::Access::kPorts;
    VirtioPciTransport::Options transport = {};
  };

  static std::unique_ptr<PciBus> MakeBus(InProcessBus& bus) {
    auto made = PciBus::Create(
        bus.mmio(), bus.ports(),
        {.ecam_base = kEcam, .memory = {kLowWindow, kHighWindow}, .ports = {kPortWindow}});
    PLATTER_CHECK(made.ok());
    return *std::move(made);
  }
  static VirtioPciDriver::Place PlaceFor(const Options& options) {
    return {.config = {.access = options.access, .ecam_base = kEcam, .device = kDevice},
            .memory_base = kLowWindow.base,
            .interrupts = options.interrupts,
            .line = kLine,
            .message_address = MessageVectors::kAddress,
            .first_interrupt = InProcessBus::kFirstVector};
  }

  VirtioPciSlot(InProcessBus& bus, VirtioDevice& device, const Options& options)
      : messages(bus.Vectors(0), bus.options().vectors),
        transport(device, bus.memory(), bus.Line(kLine), messages, options.transport),
        pci(MakeBus(bus)),
        place_(PlaceFor(options)) {
    PLATTER_CHECK(pci->Add(kDevice, transport).ok());
  }

  const VirtioPciDriver::Place& place() const { return place_; }

  MessageVectors messages;
  VirtioPciTransport transport;
  std::unique_ptr<PciBus> pci;

 private:
  const VirtioPciDriver::Place place_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_PCI_SLOT_FIXTURE_H_

// SPDX-License-Identifier: Apache-2.0
//
// FindVirtioDevices: what the guest of a "virt" machine does at boot: it looks at every place where
// a virtio-mmio device may be.
//
// Ownership: values. Threading: as the bus. Units: guest physical addresses.
// Errors: none; where there is nothing, nothing is found.

#ifndef PLATTER_TESTING_DEMO_FIND_VIRTIO_H_
#define PLATTER_TESTING_DEMO_FIND_VIRTIO_H_

#include <cstdint>
#include <vector>

#include "machine/machine.h"
#include "testing/guest/guest_bus.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_spec.h"

namespace platter {

// Devices with this id (virtio 1.3, 5), in the order of their addresses.
inline std::vector<VirtioMmioDriver::Place> FindVirtioDevices(GuestBus& bus, uint32_t device_id) {
  std::vector<VirtioMmioDriver::Place> found;
  for (uint32_t slot = 0; slot < kVirtioMmioSlots; ++slot) {
    const uint64_t base = kVirtioMmioBase + slot * kVirtioMmioStride;
    const auto get = [&](uint64_t at) {
      return bus.ReadRegister32(RegisterSpace::kMmio, base + at);
    };
    if (get(guest::kMmioMagic) == guest::kMmioMagicValue &&
        get(guest::kMmioVersion) == guest::kMmioModernVersion &&
        get(guest::kMmioDeviceId) == device_id) {
      found.push_back({.base = base, .line = kVirtioMmioFirstIrq + slot});
    }
  }
  return found;
}

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_FIND_VIRTIO_H_

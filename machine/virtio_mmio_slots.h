// SPDX-License-Identifier: Apache-2.0
//
// VirtioMmioSlots: the places of a machine's virtio-mmio devices. The layout is that of QEMU's
// "virt" machines: slots of 512 bytes from 0x0a000000, slot n on interrupt 16 + n.
//
// Ownership: it, memory, interrupts and the space outlive the places. Threading: control context.
// Units: guest physical addresses. Errors: ENOSPC when all slots are taken; what IoSpace::Map says.

#ifndef PLATTER_MACHINE_VIRTIO_MMIO_SLOTS_H_
#define PLATTER_MACHINE_VIRTIO_MMIO_SLOTS_H_

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"

#include "devices/bus/guest_memory.h"
#include "devices/bus/io_space.h"
#include "devices/virtio/virtio_device.h"
#include "machine/device_place.h"

namespace platter {

inline constexpr uint64_t kVirtioMmioBase = 0x0a000000;
inline constexpr uint64_t kVirtioMmioStride = 0x200;
inline constexpr uint32_t kVirtioMmioSlots = 32;
inline constexpr uint32_t kVirtioMmioFirstIrq = 16;

class VirtioMmioSlots {
 public:
  struct Setup {
    IoSpace& mmio;
    InterruptController& interrupts;
    std::shared_ptr<const GuestMemory> memory;
  };
  // The first free slot, with a transport that `device` is connected to. `place` may be set on
  // failure too, and outlives the device then as well.
  absl::Status Place(const Setup& setup, VirtioDevice& device, std::unique_ptr<DevicePlace>& place);

 private:
  class Slot;

  std::array<bool, kVirtioMmioSlots> taken_{};
};

}  // namespace platter

#endif  // PLATTER_MACHINE_VIRTIO_MMIO_SLOTS_H_

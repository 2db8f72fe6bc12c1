// SPDX-License-Identifier: Apache-2.0
//
// DeviceBuilder: makes a machine's devices from their configuration and gives them their place. A
// new kind of device has an arm here.
//
// Ownership: it outlives what it has built; what Setup names outlives both. Threading: control
// context. Errors: INVALID_ARGUMENT and the like, naming device and property.

#ifndef PLATTER_MACHINE_DEVICE_BUILDER_H_
#define PLATTER_MACHINE_DEVICE_BUILDER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"
#include "config/proto/device.pb.h"
#include "devices/bus/guest_memory.h"
#include "devices/bus/io_space.h"
#include "devices/device.h"
#include "machine/device_place.h"
#include "machine/ide_controller.h"
#include "machine/option_values.h"
#include "machine/virtio_mmio_slots.h"

namespace platter {

// Destroyed in the order that devices ask for: the device first.
struct PlacedDevice {
  std::unique_ptr<DevicePlace> place = nullptr;  // nullptr: the embedder's affair.
  std::unique_ptr<Device> device = nullptr;
};

class DeviceBuilder {
 public:
  struct Setup {
    AioContext& control;
    std::shared_ptr<const GuestMemory> memory;
    InterruptController& interrupts;
    IoSpace& mmio;
    IoSpace& ports;
    FindIoContextFn find_context;
  };

  // Whether Build makes devices of the kind.
  static bool Knows(const config::DeviceOptions& options);
  // What the device's drive option says; empty: an empty drive.
  static std::string DriveOf(const config::DeviceOptions& options);

  // A device attached to `backend`, quiet (no request in flight), under the name in `options`.
  absl::StatusOr<PlacedDevice> Build(const Setup& setup, const config::DeviceOptions& options,
                                     BlockDeviceView& backend);

 private:
  absl::StatusOr<PlacedDevice> BuildVirtioBlk(const Setup& setup,
                                              const config::DeviceOptions& options,
                                              BlockDeviceView& backend);
  absl::StatusOr<PlacedDevice> BuildIdeHd(const Setup& setup, const config::DeviceOptions& options,
                                          BlockDeviceView& backend);

  VirtioMmioSlots slots_;
  IdeController ide_;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_DEVICE_BUILDER_H_

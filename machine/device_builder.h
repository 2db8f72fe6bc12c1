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
#include <set>
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
#include "machine/scsi_buses.h"
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

  // What devices of the kind have below them.
  enum class Kind : uint8_t {
    kUnknown,  // Not built here.
    kAdapter,  // Nothing: BuildAdapter.
    kDrive,    // A backend: BuildDrive.
  };
  static Kind KindOf(const config::DeviceOptions& options);
  // What the device's drive option says; empty: an empty drive.
  static std::string DriveOf(const config::DeviceOptions& options);
  // The ids of the I/O threads that the device is to use.
  static std::set<std::string> IoThreadsOf(const config::DeviceOptions& options);

  // A device under the name in `options`.
  absl::StatusOr<PlacedDevice> BuildAdapter(const Setup& setup,
                                            const config::DeviceOptions& options);
  // The same, attached to `backend`, which is quiet (no request in flight).
  absl::StatusOr<PlacedDevice> BuildDrive(const Setup& setup, const config::DeviceOptions& options,
                                          BlockDeviceView& backend);

 private:
  absl::Status PlaceVirtio(const Setup& setup, const config::DeviceOptions& options,
                           VirtioDevice& device, PlacedDevice& built);
  absl::StatusOr<PlacedDevice> BuildVirtioBlk(const Setup& setup,
                                              const config::DeviceOptions& options,
                                              BlockDeviceView& backend);
  absl::StatusOr<PlacedDevice> BuildIde(const Setup& setup, const config::DeviceOptions& options,
                                        BlockDeviceView& backend);
  absl::StatusOr<PlacedDevice> BuildScsiUnit(const Setup& setup,
                                             const config::DeviceOptions& options,
                                             BlockDeviceView& backend);

  VirtioMmioSlots slots_;
  IdeController ide_;
  ScsiBuses scsi_;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_DEVICE_BUILDER_H_

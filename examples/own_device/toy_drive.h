// SPDX-License-Identifier: Apache-2.0
//
// ToyDrive: a complete removable drive with tray and lock, as an example of a device model of your
// own; toy_registers.h is what its guest sees. It does one command at a time.
//
// Ownership: what Create is given outlives it; destroy it after Unplug.
// Threading: registers() from any thread, everything else in the control context, where commands
//   run. Units: blocks of 512 bytes. Errors: Create: what Attach said; to the guest, toy::Error.

#ifndef PLATTER_EXAMPLES_OWN_DEVICE_TOY_DRIVE_H_
#define PLATTER_EXAMPLES_OWN_DEVICE_TOY_DRIVE_H_

#include <memory>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"
#include "devices/bus/guest_memory.h"
#include "devices/bus/interrupt.h"
#include "devices/bus/io_space.h"
#include "devices/device.h"

namespace platter {

class ToyDrive : public Device {
 public:
  struct Setup {
    DeviceAttachment attachment;  // Its id and error policies; the block size is the drive's own.
    BlockDeviceView& backend;
    AioContext& control;
    std::shared_ptr<const GuestMemory> memory;
    InterruptLine& line;
  };
  static absl::StatusOr<std::unique_ptr<ToyDrive>> Create(Setup setup);
  virtual RegisterBlock& registers() = 0;
};

}  // namespace platter

#endif  // PLATTER_EXAMPLES_OWN_DEVICE_TOY_DRIVE_H_

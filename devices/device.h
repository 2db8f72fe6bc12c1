// SPDX-License-Identifier: Apache-2.0
//
// Device: what a machine does with every device model, whatever its bus: reset, pause and go on,
// unplug. Registers and queues are the business of its bus interface.
//
// Ownership: the machine (or embedder) owns the device and destroys it in the control context after
//   Unplug has finished. The device's backend, contexts and guest memory outlive it.
// Threading: control context. `done` runs in the control context, once, never from inside the call.
// Errors: these operations do not fail; they wait.

#ifndef PLATTER_DEVICES_DEVICE_H_
#define PLATTER_DEVICES_DEVICE_H_

#include <string>

#include "absl/functional/any_invocable.h"

namespace platter {

using DeviceDone = absl::AnyInvocable<void() &&>;

class Device {
 public:
  virtual ~Device() = default;

  virtual const std::string& id() const = 0;
  // The field's name of the model: "virtio-blk", ...
  virtual const char* model() const = 0;

  // Machine reset: cancels or waits for what is in flight (also what the error policy keeps), then
  // takes the state of a new device. No memory of the guest is touched after `done`.
  virtual void Reset(DeviceDone done) = 0;

  // The machine stops: no new request is taken from the guest after `done`. Requests already
  // taken may still complete (the backend waits for them).
  virtual void Pause(DeviceDone done) = 0;
  // The machine goes on: looks for work that came meanwhile.
  virtual void Resume() = 0;

  // Surprise removal: as Reset, then closes its channels and detaches from its backend. Registers
  // read as all ones and ignore writes from then on.
  virtual void Unplug(DeviceDone done) = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_DEVICE_H_

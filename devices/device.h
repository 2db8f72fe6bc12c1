// SPDX-License-Identifier: Apache-2.0
//
// Device: what a machine does with every device model, whatever its bus: reset, pause and go on,
// unplug. Registers and queues are the business of its bus interface.
//
// Ownership: the machine (or embedder) owns the device and destroys it in the control context after
//   Unplug has finished. The device's backend, contexts and guest memory outlive it.
// Threading: control context. `done` runs in the control context, once; never from inside the call,
//   but for those of SaveState and RestoreState, which may.
// Errors: reset, pause and unplug do not fail; they wait.

#ifndef PLATTER_DEVICES_DEVICE_H_
#define PLATTER_DEVICES_DEVICE_H_

#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace platter {

using DeviceDone = absl::AnyInvocable<void() &&>;
using StateSaved = absl::AnyInvocable<void(absl::StatusOr<std::string>) &&>;
using StateRestored = absl::AnyInvocable<void(absl::Status) &&>;

class Device {
 public:
  virtual ~Device() = default;

  virtual const std::string& id() const = 0;
  // The field's name of the model: "virtio-blk", ...
  virtual const char* model() const = 0;

  // Machine reset: cancels or waits for what is in flight (also what the error policy keeps), then
  // takes the state of a new device. No memory of the guest is touched after `done`.
  virtual void Reset(DeviceDone done) = 0;

  // The machine stops: no new request is taken from the guest after `done`, and no reset is under
  // way. Requests already taken may still complete (the backend waits for them).
  virtual void Pause(DeviceDone done) = 0;
  // The machine goes on: looks for work that came meanwhile.
  virtual void Resume() = 0;

  // Surprise removal: as Reset, then closes its channels and detaches from its backend. Registers
  // read as all ones and ignore writes from then on.
  virtual void Unplug(DeviceDone done) = 0;

  // All that the guest can tell of the device, as a serialised message of the model's own, with a
  // version. Paused, and nothing is in flight in its backend: what is kept there by the error
  // policy, or parked, is saved as what the guest asked for, and done again. UNIMPLEMENTED from
  // models that can't be saved.
  virtual void SaveState(StateSaved done);
  // The device, paused and with nothing under way, is from now on where SaveState found another one
  // of the same configuration; guest memory and medium are as they were then. Nobody is trusted:
  // INVALID_ARGUMENT naming the device and what is wrong, and nothing has changed.
  virtual void RestoreState(std::string state, StateRestored done);
};

inline void Device::SaveState(StateSaved done) {
  std::move(done)(absl::UnimplementedError(std::string("device '") + id() + "': a " + model() +
                                           " can't be saved"));
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): those that restore keep it.
inline void Device::RestoreState(std::string /*state*/, StateRestored done) {
  std::move(done)(absl::UnimplementedError(std::string("device '") + id() + "': a " + model() +
                                           " can't be restored"));
}

}  // namespace platter

#endif  // PLATTER_DEVICES_DEVICE_H_

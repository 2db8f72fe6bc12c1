// SPDX-License-Identifier: Apache-2.0
//
// Saving and restoring a stopped machine: each device's own state, by id and model.

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/await.h"
#include "base/status.h"
#include "machine/drive_errors.h"
#include "machine/machine.h"
#include "machine/machine_state.pb.h"

namespace platter {
namespace {

// Version 1 had nothing of drives, and can be restored.
constexpr uint32_t kVersion = 2;

Task<absl::StatusOr<std::string>> SaveDevice(Device& device) {
  absl::StatusOr<std::string> state;
  AsyncEvent done;
  device.SaveState([&](absl::StatusOr<std::string> saved) {
    state = std::move(saved);
    done.Set();
  });
  co_await done.Wait();
  co_return state;
}

Task<absl::Status> RestoreDevice(Device& device, std::string state) {
  absl::Status status;
  AsyncEvent done;
  device.RestoreState(std::move(state), [&](absl::Status restored) {
    status = std::move(restored);
    done.Set();
  });
  co_await done.Wait();
  co_return status;
}

}  // namespace

absl::Status Machine::CheckStopped(std::string_view what) const {
  if (run_state_.state() == MachineState::kRunning || run_state_.stopping()) {
    return ErrorWithErrno(EBUSY,
                          absl::StrCat("the machine runs: its state can't be ", std::string(what)));
  }
  for (const std::unique_ptr<Plugged>& plugged : devices_) {
    if (!plugged->going) continue;
    return ErrorWithErrno(EBUSY,
                          absl::StrCat("device '", plugged->device().id(), "' is being unplugged"));
  }
  return absl::OkStatus();
}

Task<absl::StatusOr<std::string>> Machine::SaveState() {
  if (absl::Status stopped = CheckStopped("saved"); !stopped.ok()) co_return stopped;
  state::Machine to;
  to.set_version(kVersion);
  to.set_io_error(run_state_.state() == MachineState::kIoError);
  for (size_t i = 0; i < devices_.size(); ++i) {
    Device& device = devices_[i]->device();
    state::MachineDevice& saved = *to.add_devices();
    saved.set_id(device.id());
    saved.set_model(device.model());
    const BlockBackendRef& drive = devices_[i]->backend;
    if (drive != nullptr) SaveDriveErrors(drive->error_state(), saved);
    // A unit is where its adapter is.
    if (std::holds_alternative<ScsiLocation>(LocationOfDevice(device.id()))) continue;
    absl::StatusOr<std::string> state = co_await SaveDevice(device);
    if (!state.ok()) co_return state.status();
    saved.set_state(*std::move(state));
    if (absl::Status stopped = CheckStopped("saved"); !stopped.ok()) co_return stopped;
  }
  co_return to.SerializeAsString();
}

// The same devices, in whatever order, and nothing else.
absl::Status Machine::CheckDevicesOf(const state::Machine& from) const {
  if (from.version() == 0 || from.version() > kVersion) {
    return absl::InvalidArgumentError(absl::StrCat("saved state: version ", from.version(),
                                                   "; versions up to ", kVersion,
                                                   " can be restored"));
  }
  std::set<std::string> seen;
  for (const state::MachineDevice& saved : from.devices()) {
    const Device* const device = FindDevice(saved.id());
    if (device == nullptr || saved.model() != device->model()) {
      return absl::InvalidArgumentError(absl::StrCat("saved state: device '", saved.id(), "', a ",
                                                     saved.model(), ", is not in this machine"));
    }
    if (!seen.insert(saved.id()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("saved state: device '", saved.id(), "' is there twice"));
    }
    const bool is_unit = std::holds_alternative<ScsiLocation>(LocationOfDevice(saved.id()));
    if (saved.has_state() == is_unit) {
      return absl::InvalidArgumentError(
          absl::StrCat("saved state: of device '", saved.id(), "' there is ",
                       is_unit ? "one of its own, beside its adapter's" : "none"));
    }
    PLATTER_RETURN_IF_ERROR(CheckDriveErrors(saved, BackendOfDevice(saved.id()).get()));
  }
  for (const std::unique_ptr<Plugged>& plugged : devices_) {
    if (seen.contains(plugged->device().id())) continue;
    return absl::InvalidArgumentError(absl::StrCat("saved state: device '", plugged->device().id(),
                                                   "' of this machine is not in it"));
  }
  return absl::OkStatus();
}

Task<absl::Status> Machine::RestoreState(std::string state) {
  if (absl::Status stopped = CheckStopped("restored"); !stopped.ok()) co_return stopped;
  state::Machine from;
  if (!from.ParseFromString(state)) {
    co_return absl::InvalidArgumentError("saved state: it is no message");
  }
  if (absl::Status fits = CheckDevicesOf(from); !fits.ok()) co_return fits;
  for (const state::MachineDevice& saved : from.devices()) {
    if (!saved.has_state()) continue;
    Device* const device = FindDevice(saved.id());
    if (device == nullptr) co_return NoLocation(saved.id());  // Gone meanwhile.
    absl::Status restored = co_await RestoreDevice(*device, saved.state());
    if (!restored.ok()) {
      // No device goes on from a half of a state.
      co_await Reset();
      co_return restored;
    }
  }
  // After the devices, which have given back what is held now.
  for (const state::MachineDevice& saved : from.devices()) {
    const BlockBackendRef drive = BackendOfDevice(saved.id());
    if (drive != nullptr && saved.has_errors()) drive->RestoreErrorState(DriveErrorsFrom(saved));
  }
  run_state_.SetStopped(from.io_error() ? MachineState::kIoError : MachineState::kPaused);
  co_return absl::OkStatus();
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// Which drive a command means: by "id", the id of its device or export, or by "device", the name of
// its block backend (here also the id of a device: most backends have no name).
//
// Ownership: the result is shared with the machine. Threading: control context. Units: none.
// Errors: DeviceNotFound; GenericError for a device that has no drive, and unless exactly one of
//   the two names is given.

#ifndef PLATTER_MONITOR_DRIVE_LOOKUP_H_
#define PLATTER_MONITOR_DRIVE_LOOKUP_H_

#include <string>

#include "absl/status/statusor.h"

#include "machine/machine.h"

namespace platter {

absl::StatusOr<BlockBackendRef> FindDriveById(Machine& machine, const std::string& id);
absl::StatusOr<BlockBackendRef> FindDriveByName(Machine& machine, const std::string& device);

absl::Status NeedExactlyOneName();

// Of the arguments of a command that have both names.
template <typename Message>
absl::StatusOr<BlockBackendRef> FindDrive(Machine& machine, const Message& arguments) {
  if (arguments.has_id() == arguments.has_device()) return NeedExactlyOneName();
  return arguments.has_id() ? FindDriveById(machine, arguments.id())
                            : FindDriveByName(machine, arguments.device());
}

}  // namespace platter

#endif  // PLATTER_MONITOR_DRIVE_LOOKUP_H_

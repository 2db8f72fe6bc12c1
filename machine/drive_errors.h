// SPDX-License-Identifier: Apache-2.0
//
// A drive's error policies, iostatus and stall in a machine's saved state.
//
// Ownership: values. Threading: pure functions. Units: as in machine_state.proto.
// Errors: INVALID_ARGUMENT naming the device and what is wrong.

#ifndef PLATTER_MACHINE_DRIVE_ERRORS_H_
#define PLATTER_MACHINE_DRIVE_ERRORS_H_

#include "absl/status/status.h"

#include "blockbackend/block_backend.h"
#include "machine/machine_state.pb.h"

namespace platter {

// Nothing where a new machine's drive would be the same.
void SaveDriveErrors(const BlockErrorState& state, state::MachineDevice& to);

// Nobody is trusted. `drive` is the device's; nullptr: it has none.
absl::Status CheckDriveErrors(const state::MachineDevice& from, const BlockBackend* drive);

// What CheckDriveErrors has found right.
BlockErrorState DriveErrorsFrom(const state::MachineDevice& from);

}  // namespace platter

#endif  // PLATTER_MACHINE_DRIVE_ERRORS_H_

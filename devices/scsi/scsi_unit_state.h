// SPDX-License-Identifier: Apache-2.0
//
// A logical unit in a saved state, and back: attentions, reservation, tray, changed parameters.
//
// Ownership: functions of a unit. Threading: control context, while no command runs. Units: none.
// Errors: what is wrong with the state; nothing has changed then.

#ifndef PLATTER_DEVICES_SCSI_SCSI_UNIT_STATE_H_
#define PLATTER_DEVICES_SCSI_SCSI_UNIT_STATE_H_

#include "absl/status/status.h"

#include "devices/scsi/scsi_state.pb.h"
#include "devices/scsi/scsi_unit.h"
#include "devices/scsi/sense.h"

namespace platter {

void SaveUnit(const ScsiUnit& unit, state::ScsiUnit& to);
// OK when RestoreUnit would take it.
absl::Status CheckUnit(const state::ScsiUnit& from, const ScsiUnit& unit);
// Of a state that CheckUnit has passed.
void RestoreUnit(const state::ScsiUnit& from, ScsiUnit& unit);

void SaveSense(const Sense& sense, state::Sense& to);
// False: no sense has such a key or code.
bool RestoreSense(const state::Sense& from, Sense& sense);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_UNIT_STATE_H_

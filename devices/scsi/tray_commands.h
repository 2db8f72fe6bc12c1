// SPDX-License-Identifier: Apache-2.0
//
// The functions of commands that move, lock and watch a tray, for the command tables of units that
// have one (ScsiUnit::tray). Their rows are kInControl.
//
// Ownership: as ScsiLane. Threading: the control context. Units: none. Errors: in the task.

#ifndef PLATTER_DEVICES_SCSI_TRAY_COMMANDS_H_
#define PLATTER_DEVICES_SCSI_TRAY_COMMANDS_H_

#include "devices/scsi/scsi_command.h"
#include "devices/scsi/scsi_lane.h"

namespace platter {

// START STOP UNIT (MMC-6, 6.42; SBC-3, 5.25): LOEJ opens and closes the tray; 5/53/02 while locked.
Execution StartStopTray(ScsiLane& lane, ScsiTask& task);
// PREVENT ALLOW MEDIUM REMOVAL (MMC-6, 6.16; SBC-3, 5.10).
Execution PreventAllowRemoval(ScsiLane& lane, ScsiTask& task);
// GET EVENT STATUS NOTIFICATION of media, polled (MMC-6, 6.6).
Execution GetEventStatus(ScsiLane& lane, ScsiTask& task);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_TRAY_COMMANDS_H_

// SPDX-License-Identifier: Apache-2.0
//
// The functions of commands that units of every type have (SPC-4; RESERVE and RELEASE: SPC-2), for
// a unit's command table.
//
// Ownership, threading: as ScsiLane. Units: bytes. Errors: in the task.

#ifndef PLATTER_DEVICES_SCSI_PRIMARY_COMMANDS_H_
#define PLATTER_DEVICES_SCSI_PRIMARY_COMMANDS_H_

#include "devices/scsi/scsi_command.h"
#include "devices/scsi/scsi_lane.h"

namespace platter {

Execution TestUnitReady(ScsiLane& lane, ScsiTask& task);
Execution RequestSense(ScsiLane& lane, ScsiTask& task);
Execution Inquiry(ScsiLane& lane, ScsiTask& task);
// Of a unit alone: one LUN, 0. An adapter with several answers REPORT LUNS itself.
Execution ReportLuns(ScsiLane& lane, ScsiTask& task);
Execution ReportSupportedOpcodes(ScsiLane& lane, ScsiTask& task);
Execution Reserve(ScsiLane& lane, ScsiTask& task);
Execution Release(ScsiLane& lane, ScsiTask& task);
// MODE SENSE and MODE SELECT of 6 and 10 bytes (mode_commands.cc).
Execution ModeSense(ScsiLane& lane, ScsiTask& task);
Execution ModeSelect(ScsiLane& lane, ScsiTask& task);
// Accepted, and nothing happens: START STOP UNIT of a fixed disk has no spindle to stop.
Execution AcceptCommand(ScsiLane& lane, ScsiTask& task);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_PRIMARY_COMMANDS_H_

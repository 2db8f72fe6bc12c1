// SPDX-License-Identifier: Apache-2.0
//
// The functions of commands that CD and DVD drives have beside those of every unit (MMC-6; READ CD
// MSF and the speed of CDs: MMC-3), for the command table of a ScsiCd. The lane's unit is one.
//
// Ownership, threading: as ScsiLane; the one that looks at the tray runs in the control
// context. Units: blocks of 2048 bytes. Errors: in the task.

#ifndef PLATTER_DEVICES_SCSI_MMC_COMMANDS_H_
#define PLATTER_DEVICES_SCSI_MMC_COMMANDS_H_

#include "devices/scsi/scsi_command.h"
#include "devices/scsi/scsi_lane.h"

namespace platter {

// The tray, beside tray_commands.h; in the control context.
Execution MechanismStatus(ScsiLane& lane, ScsiTask& task);

// --- The disc. ---

Execution ReadToc(ScsiLane& lane, ScsiTask& task);
Execution GetConfiguration(ScsiLane& lane, ScsiTask& task);
Execution ReadDiscInformation(ScsiLane& lane, ScsiTask& task);
Execution ReadTrackInformation(ScsiLane& lane, ScsiTask& task);
Execution ReadSubChannel(ScsiLane& lane, ScsiTask& task);
Execution ReadDvdStructure(ScsiLane& lane, ScsiTask& task);
Execution SeekBlock(ScsiLane& lane, ScsiTask& task);
// User data of mode 1, whole sectors of a CD (raw_read.h), or nothing; other parts are refused.
Execution ReadCd(ScsiLane& lane, ScsiTask& task);
Execution ReadCdMsf(ScsiLane& lane, ScsiTask& task);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_MMC_COMMANDS_H_

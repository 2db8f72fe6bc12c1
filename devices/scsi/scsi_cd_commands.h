// SPDX-License-Identifier: Apache-2.0
//
// The command table of the CD-ROM drive.
//
// Ownership: a constant. Threading: any. Units: none. Errors: none.

#ifndef PLATTER_DEVICES_SCSI_SCSI_CD_COMMANDS_H_
#define PLATTER_DEVICES_SCSI_SCSI_CD_COMMANDS_H_

#include "devices/scsi/scsi_command.h"

namespace platter {

const ScsiCommandTable& ScsiCdCommands();

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_CD_COMMANDS_H_

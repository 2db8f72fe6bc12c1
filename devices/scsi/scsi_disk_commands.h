// SPDX-License-Identifier: Apache-2.0
//
// The command table of the SCSI disk.
//
// Ownership: a constant. Threading: any. Units: none. Errors: none.

#ifndef PLATTER_DEVICES_SCSI_SCSI_DISK_COMMANDS_H_
#define PLATTER_DEVICES_SCSI_SCSI_DISK_COMMANDS_H_

#include "devices/scsi/scsi_command.h"

namespace platter {

const ScsiCommandTable& ScsiDiskCommands();
// Of a disk with removable media: with the commands of its tray.
const ScsiCommandTable& ScsiRemovableDiskCommands();

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_DISK_COMMANDS_H_

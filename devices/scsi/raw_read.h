// SPDX-License-Identifier: Apache-2.0
//
// Reads of whole sectors of a data CD (READ CD with everything asked for, MMC-6, 6.15): user data
// come from the medium a piece at a time, the rest of each sector is made (cd_sector.h).
//
// Ownership, threading: the lane's. Units: sectors. Errors: sense.

#ifndef PLATTER_DEVICES_SCSI_RAW_READ_H_
#define PLATTER_DEVICES_SCSI_RAW_READ_H_

#include <cstdint>

#include "devices/scsi/cdb.h"
#include "devices/scsi/scsi_lane.h"
#include "devices/scsi/scsi_task.h"

namespace platter {

// Whether a disc of so many blocks has such sectors: a DVD has not.
bool HasRawSectors(uint64_t blocks);

// `range` is on the medium and not empty.
Execution StartRawRead(ScsiLane& lane, ScsiTask& task, const BlockRange& range);
Execution ContinueRawRead(ScsiLane& lane, ScsiTask& task);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_RAW_READ_H_

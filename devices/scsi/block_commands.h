// SPDX-License-Identifier: Apache-2.0
//
// The functions of commands that read and write blocks (SBC-3), for a unit's command table. Ranges
// are checked once, in 64 bits, before anything is done.
//
// Ownership, threading: as ScsiLane. Units: logical blocks in CDBs, bytes below. Errors: in the
// task.

#ifndef PLATTER_DEVICES_SCSI_BLOCK_COMMANDS_H_
#define PLATTER_DEVICES_SCSI_BLOCK_COMMANDS_H_

#include <cstdint>

#include "devices/scsi/scsi_command.h"
#include "devices/scsi/scsi_lane.h"

namespace platter {

// READ, WRITE, WRITE AND VERIFY, VERIFY of 6 to 16 bytes (SBC-2, 5.5; SBC-3, 5.11 and following).
Execution ReadBlocks(ScsiLane& lane, ScsiTask& task);
Execution WriteBlocks(ScsiLane& lane, ScsiTask& task);
Execution WriteAndVerifyBlocks(ScsiLane& lane, ScsiTask& task);
Execution VerifyBlocks(ScsiLane& lane, ScsiTask& task);
Execution SynchronizeCache(ScsiLane& lane, ScsiTask& task);
// Whether a START STOP UNIT (SBC-3, 5.25) stops the medium or lets it stand by, and so what is
// cached goes to it first: unless NO_FLUSH says not to.
bool StopsMedium(const Cdb& cdb);
// START STOP UNIT of a fixed disk (SBC-3, 5.25): it stays ready, and its cache is written before it
// would stop or stand by, unless NO_FLUSH says not to.
Execution StartStopUnit(ScsiLane& lane, ScsiTask& task);
// Of a disk with a tray, in the control context.
Execution StartStopRemovable(ScsiLane& lane, ScsiTask& task);
// The capacity, in the 8 bytes of READ CAPACITY(10) or the 32 of (16).
Execution ReadCapacity10(ScsiLane& lane, ScsiTask& task);
Execution ReadCapacity16(ScsiLane& lane, ScsiTask& task);
// Ranges without data (block_ranges.cc).
Execution UnmapBlocks(ScsiLane& lane, ScsiTask& task);
Execution WriteSame(ScsiLane& lane, ScsiTask& task);

// What VPD page B0h promises.
inline constexpr uint32_t kMaxUnmapDescriptors = 255;
inline constexpr uint32_t kMaxWriteSameBytes = 64u << 20;

// The block request of `task` succeeded: what comes next. kDone when that was all.
Execution ContinueBlockCommand(ScsiLane& lane, ScsiTask& task);

// --- Between the files of these commands. ---

// Whether the fields for protection information, which is not offered (SBC-3, 4.22), are not 0.
bool AsksForProtection(const Cdb& cdb);
// Whether [lba, lba + blocks) is on the medium.
bool OnMedium(ScsiLane& lane, const BlockRange& range);
Execution StartVerify(ScsiLane& lane, ScsiTask& task, const BlockRange& range);
Execution ContinueUnmap(ScsiLane& lane, ScsiTask& task);
Execution ContinueWriteSame(ScsiLane& lane, ScsiTask& task);
Execution ContinueVerify(ScsiLane& lane, ScsiTask& task);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_BLOCK_COMMANDS_H_

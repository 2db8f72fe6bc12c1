// SPDX-License-Identifier: Apache-2.0
//
// The commands of MMC's Real Time Streaming (feature 0107h, MMC-6, 5.3): how fast the drive reads,
// and what the guest would have it do. A drive whose medium is an image has one rate and keeps no
// setting: wishes are checked, and granted where nothing has to be done for them.
//
// Ownership, threading: as ScsiLane. Units: blocks of 2048 bytes; 1000 bytes a second.
// Errors: in the task.

#ifndef PLATTER_DEVICES_SCSI_MMC_STREAMING_H_
#define PLATTER_DEVICES_SCSI_MMC_STREAMING_H_

#include <cstdint>

#include "devices/scsi/cdb.h"
#include "devices/scsi/scsi_command.h"
#include "devices/scsi/scsi_lane.h"

namespace platter {

Execution GetPerformance(ScsiLane& lane, ScsiTask& task);
Execution SetStreaming(ScsiLane& lane, ScsiTask& task);
// What is read ahead is the backend's affair.
Execution SetReadAhead(ScsiLane& lane, ScsiTask& task);

// Bytes that a drive's command takes from the guest, for buses that can't see it by the buffers
// that come with it. 0 of those that take none, or are refused for their CDB.
inline constexpr uint32_t kMaxMmcDataOut = 28;
uint32_t MmcDataOutBytes(const Cdb& cdb);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_MMC_STREAMING_H_

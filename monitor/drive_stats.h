// SPDX-License-Identifier: Apache-2.0
//
// What a drive has counted, as query-blockstats tells of it.
//
// Ownership: values. Threading: control context. Units: as QMP has them: bytes, nanoseconds, and
// seconds for the length of an interval. Errors: none.

#ifndef PLATTER_MONITOR_DRIVE_STATS_H_
#define PLATTER_MONITOR_DRIVE_STATS_H_

#include "blockbackend/block_backend.h"
#include "config/value.h"

namespace platter {

// BlockDeviceStats of QMP's schema.
Value StatsValue(const BlockBackend& drive);

}  // namespace platter

#endif  // PLATTER_MONITOR_DRIVE_STATS_H_

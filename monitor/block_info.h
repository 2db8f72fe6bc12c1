// SPDX-License-Identifier: Apache-2.0
//
// Drives and nodes as query-block, query-blockstats and query-named-block-nodes tell of them.
//
// Ownership: values. Threading: control context. Units: as QMP has them: bytes, nanoseconds.
// Errors: none.

#ifndef PLATTER_MONITOR_BLOCK_INFO_H_
#define PLATTER_MONITOR_BLOCK_INFO_H_

#include "blockbackend/block_backend.h"
#include "config/value.h"
#include "machine/node_info.h"

namespace platter {

// Whether the monitor tells of it: it has a name or a device.
bool IsListed(const BlockBackend& drive);

// BlockInfo of QMP's schema.
Value DriveValue(BlockBackend& drive);
// BlockStats.
Value DriveStatsValue(const BlockBackend& drive);
// BlockDeviceInfo of a node by itself.
Value NodeValue(const NodeInfo& node);

}  // namespace platter

#endif  // PLATTER_MONITOR_BLOCK_INFO_H_

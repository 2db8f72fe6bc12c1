// SPDX-License-Identifier: Apache-2.0
//
// From the configuration's messages (complete: defaults filled in) to each driver's own options.
//
// Ownership: values. Threading: control context. Errors: none; what a driver cannot do with its
// options it says itself.

#ifndef PLATTER_DRIVERS_FACTORY_NODE_OPTIONS_H_
#define PLATTER_DRIVERS_FACTORY_NODE_OPTIONS_H_

#include "config/proto/blockdev.pb.h"
#include "drivers/blkdebug/blkdebug_node.h"
#include "drivers/file/file_options.h"
#include "drivers/graph.h"
#include "drivers/memory/memory_node.h"
#include "drivers/node.h"
#include "drivers/null/null_node.h"
#include "drivers/raw/raw_node.h"

namespace platter {

// The options that every driver has alike.
NodePolicy PolicyFrom(const config::BlockdevOptions& node);

// The field of a driver's options that names or defines a child; nullptr: the driver has none.
const config::BlockdevRef* ChildOf(const config::BlockdevOptions& node);
config::BlockdevRef* MutableChildOf(config::BlockdevOptions& node);

// `node` is of that driver.
FileOptions FileOptionsFrom(const config::BlockdevOptions& node);
NullOptions NullOptionsFrom(const config::BlockdevOptions& node);
MemoryOptions MemoryOptionsFrom(const config::BlockdevOptions& node, BlockGraph& graph);
RawOptions RawOptionsFrom(const config::BlockdevOptions& node);
BlkdebugOptions BlkdebugOptionsFrom(const config::BlockdevOptions& node);

}  // namespace platter

#endif  // PLATTER_DRIVERS_FACTORY_NODE_OPTIONS_H_

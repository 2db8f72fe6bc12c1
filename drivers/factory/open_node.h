// SPDX-License-Identifier: Apache-2.0
//
// OpenNode: builds a node and its children from typed options: one switch over the driver, no
// registry. Driver and option names are the field's (config/proto/blockdev.proto).
//
// Ownership: the result holds the tree. Threading: control context.
// Errors: the path of the option or the name of the file or node that is wrong; nothing is left
// behind on failure.

#ifndef PLATTER_DRIVERS_FACTORY_OPEN_NODE_H_
#define PLATTER_DRIVERS_FACTORY_OPEN_NODE_H_

#include "absl/status/statusor.h"

#include "aio/task.h"
#include "drivers/graph.h"
#include "drivers/node.h"

namespace platter {

namespace config {
class BlockdevOptions;
}  // namespace config

// Opening may wait (network drivers will). The top node (and every nested one that has a
// node-name) is registered in `graph`; top nodes with a name are kept there.
Task<absl::StatusOr<NodeRef>> OpenNode(BlockGraph& graph, config::BlockdevOptions options);

}  // namespace platter

#endif  // PLATTER_DRIVERS_FACTORY_OPEN_NODE_H_

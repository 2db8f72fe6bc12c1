// SPDX-License-Identifier: Apache-2.0
//
// ReopenNodes: other options for nodes that are open, all of them or none. What an option left away
// means is what it means to OpenNode.
//
// What can change: read-only, auto-read-only, cache, discard and detect-zeroes of every driver, aio
// and x-inline-writes of files, offset, size and file of raw. A `file` or `image` is named, or
// written out as it was when the node was opened. Either way a node that was made for the one above
// it goes on taking from there what it was never told itself (blockdev.proto), in the same step. Of
// one that is reopened by its own name nothing comes from above.
//
// Ownership: nodes hold what they need. Threading: control context; drains the nodes meanwhile.
// Errors: name the node, and the option where one cannot change. ENOENT, EINVAL, EACCES (a node
//   that is written to would be read-only), those of opening a file and of Edge::Attach. Nothing
//   has changed then.

#ifndef PLATTER_DRIVERS_FACTORY_REOPEN_NODES_H_
#define PLATTER_DRIVERS_FACTORY_REOPEN_NODES_H_

#include <vector>

#include "absl/status/status.h"

#include "aio/task.h"
#include "drivers/graph.h"

namespace platter {

namespace config {
class BlockdevOptions;
}  // namespace config

// Each is complete and has the node-name of a node that OpenNode has opened.
Task<absl::Status> ReopenNodes(BlockGraph& graph, std::vector<config::BlockdevOptions> options);

}  // namespace platter

#endif  // PLATTER_DRIVERS_FACTORY_REOPEN_NODES_H_

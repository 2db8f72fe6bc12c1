// SPDX-License-Identifier: Apache-2.0
//
// Nodes that are active and inactive: how one image goes from one process to another (migration)
// while both have it open. An inactive node holds no image locks and refuses writes with -EACCES;
// its parents keep their places, their permissions wait.
//
//   the old process:  stop, save, InactivateNodes
//   the new process:  nodes opened inactive; restore, ActivateNodes, go on
//
// A node is active only above active nodes. What is activated takes its locks first and then finds
// out anew what it knows of its image (BlockNode::Invalidate).
//
// Ownership: the tasks hold references to the nodes. Threading: control context; both drain.
// Errors: absl::Status naming the node; all or nothing.

#ifndef PLATTER_DRIVERS_ACTIVATION_H_
#define PLATTER_DRIVERS_ACTIVATION_H_

#include <vector>

#include "absl/status/status.h"

#include "aio/task.h"
#include "drivers/node.h"

namespace platter {

// These nodes and everything below them. FAILED_PRECONDITION (EBUSY) when another process has the
// image, or the errno of the host: nothing has become active then.
Task<absl::Status> ActivateNodes(std::vector<NodeRef> nodes);

// These nodes, and of those below them the ones that no active node or root has left above it. What
// was written has been flushed by whoever wrote it. FAILED_PRECONDITION (EBUSY) when an active node
// that is not among them stands above one of them, or what EdgeParent::CheckInactivate says.
Task<absl::Status> InactivateNodes(std::vector<NodeRef> nodes);

}  // namespace platter

#endif  // PLATTER_DRIVERS_ACTIVATION_H_

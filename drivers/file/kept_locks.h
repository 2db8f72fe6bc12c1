// SPDX-License-Identifier: Apache-2.0
//
// KeptLocks: one tree of nodes is to give way to another, and may have to stay after all. While it
// lives, permissions that nodes of the going tree give up stay locked against other programs, so
// that asking for them again cannot fail; and the coming tree, which may have the same image or the
// same nodes, is not refused an image for what only stays locked so. Other programs are seen as
// ever.
//
//   const KeptLocks kept(going, coming);
//   ... the going tree's permissions are given up, then the coming tree's are asked for ...
//   ... when these are refused, the going tree's are asked for again ...
//
// Ownership: holds both trees. Threading: control context; both are drained, and nothing is awaited
//   while it lives. Units: none. Errors: none.

#ifndef PLATTER_DRIVERS_FILE_KEPT_LOCKS_H_
#define PLATTER_DRIVERS_FILE_KEPT_LOCKS_H_

#include <vector>

#include "drivers/node.h"

namespace platter {

class KeptLocks {
 public:
  KeptLocks(NodeRef going, NodeRef coming);
  ~KeptLocks();
  KeptLocks(const KeptLocks&) = delete;
  KeptLocks& operator=(const KeptLocks&) = delete;

 private:
  const NodeRef going_;
  const NodeRef coming_;
  std::vector<LockedImage> kept_;
  std::vector<LockedImage> heirs_;  // Of the coming tree alone.
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_KEPT_LOCKS_H_

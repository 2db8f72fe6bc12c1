// SPDX-License-Identifier: Apache-2.0
//
// EmptyNode: a node with nothing in it: no bytes and no medium. A backend that has it as its root
// is set up in every other respect, and its drive is empty until the root is replaced.
//
// Ownership: see BlockNode. Threading: any-context. Errors: -ENOMEDIUM from everything but a flush.

#ifndef PLATTER_DRIVERS_EMPTY_EMPTY_NODE_H_
#define PLATTER_DRIVERS_EMPTY_EMPTY_NODE_H_

#include <cerrno>
#include <string>
#include <utility>

#include "drivers/node.h"

namespace platter {

class EmptyNode final : public BlockNode {
 public:
  explicit EmptyNode(std::string node_name) : BlockNode(std::move(node_name)) {}

  const char* driver_name() const override { return "empty"; }
  IoResult Start(IoRequest& request) override {
    return request.op == IoOp::kFlush ? 0 : -ENOMEDIUM;
  }
  bool HasMedium() const override { return false; }
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_EMPTY_EMPTY_NODE_H_

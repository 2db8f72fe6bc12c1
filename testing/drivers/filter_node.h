// SPDX-License-Identifier: Apache-2.0
//
// FilterNode: the smallest node with a child: it passes everything on. For tests of graphs.
//
// Ownership, threading, errors: see BlockNode.

#ifndef PLATTER_TESTING_DRIVERS_FILTER_NODE_H_
#define PLATTER_TESTING_DRIVERS_FILTER_NODE_H_

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "drivers/edge.h"
#include "drivers/node.h"

namespace platter {

class FilterNode final : public BlockNode, public EdgeParent {
 public:
  explicit FilterNode(std::string node_name) : BlockNode(std::move(node_name)) {}

  absl::Status Open(NodeRef child) {
    PLATTER_RETURN_IF_ERROR(edge_.Attach(std::move(child), {}));
    set_length(edge_.child()->length());
    return absl::OkStatus();
  }

  const char* driver_name() const override { return "filter"; }
  IoResult Start(IoRequest& request) override { return edge_.Start(request); }
  void Cancel(IoRequest& request) override { edge_.Cancel(request); }
  std::vector<Edge*> children() override { return {&edge_}; }
  BlockNode* FilteredChild() const override { return edge_.child().get(); }
  absl::Status SetPermissions(Permissions cumulative) override {
    if (edge_.child() == nullptr) return absl::OkStatus();
    return edge_.Change({.permissions = cumulative});
  }

  std::string Describe() const override { return "node '" + node_name() + "'"; }
  BlockNode* AsNode() override { return this; }
  void OnChildChanged() override {
    set_length(edge_.child()->length());
    NotifyParents();
  }

 private:
  Edge edge_{*this, "file"};
};

}  // namespace platter

#endif  // PLATTER_TESTING_DRIVERS_FILTER_NODE_H_

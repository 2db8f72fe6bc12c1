// SPDX-License-Identifier: Apache-2.0
//
// CountingNode: a filter that passes everything on and remembers which requests it was told to
// cancel: what a device's hint looks like to the nodes below its backend.
//
// Ownership: see BlockNode. Threading: a world with one thread. Units: bytes. Errors: the child's.

#ifndef PLATTER_TESTING_SCENARIOS_COUNTING_NODE_H_
#define PLATTER_TESTING_SCENARIOS_COUNTING_NODE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "base/status.h"
#include "drivers/edge.h"
#include "drivers/node.h"

namespace platter {

class CountingNode final : public BlockNode, public EdgeParent {
 public:
  static absl::StatusOr<std::shared_ptr<CountingNode>> Create(std::string node_name,
                                                              NodeRef child) {
    auto node = std::make_shared<CountingNode>(std::move(node_name));
    const uint32_t granularity = child->limits().request_alignment;
    PLATTER_RETURN_IF_ERROR(
        node->child_.Attach(std::move(child), {.permissions = {}, .granularity = granularity}));
    node->Refresh();
    return node;
  }
  explicit CountingNode(std::string node_name) : BlockNode(std::move(node_name)) {}

  // The kinds of the requests that were cancelled here, in order.
  const std::vector<IoOp>& cancelled() const { return cancelled_; }

  const char* driver_name() const override { return "counting"; }
  IoResult Start(IoRequest& request) override { return child_.Start(request); }
  void Cancel(IoRequest& request) override {
    cancelled_.push_back(request.op);
    child_.Cancel(request);
  }
  Task<absl::Status> Truncate(uint64_t new_length) override {
    co_return co_await child_.child()->Truncate(new_length);
  }
  Task<absl::StatusOr<BlockStatus>> GetBlockStatus(uint64_t offset, uint64_t bytes) override {
    co_return co_await child_.child()->GetBlockStatus(offset, bytes);
  }
  std::optional<HostBlockSizes> ProbeBlockSizes() const override {
    return child_.child()->ProbeBlockSizes();
  }
  absl::Status SetPermissions(Permissions cumulative) override {
    PLATTER_RETURN_IF_ERROR(BlockNode::SetPermissions(cumulative));
    return child_.Change({.permissions = cumulative, .granularity = limits_.request_alignment});
  }
  std::vector<Edge*> children() override { return {&child_}; }

  std::string Describe() const override { return "node '" + node_name() + "'"; }
  BlockNode* AsNode() override { return this; }
  void OnChildChanged() override {
    Refresh();
    NotifyParents();
  }

 private:
  void Refresh() {
    const BlockNode& child = *child_.child();
    limits_ = child.limits();
    features_ = child.features();
    read_only_ = child.read_only();
    set_length(child.length());
  }

  Edge child_{*this, "file"};
  std::vector<IoOp> cancelled_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_SCENARIOS_COUNTING_NODE_H_

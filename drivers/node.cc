// SPDX-License-Identifier: Apache-2.0
#include "drivers/node.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"
#include "drivers/edge.h"
#include "drivers/overlap_tracker.h"

namespace platter {

BlockNode::BlockNode(std::string node_name) : node_name_(std::move(node_name)) {}

BlockNode::~BlockNode() { PLATTER_CHECK(parents_.empty()); }

void BlockNode::Cancel(IoRequest&) {}

void BlockNode::set_policy(const NodePolicy& policy) {
  policy_ = policy;
  NotifyParents();
}

void BlockNode::RaiseLength(uint64_t length) {
  uint64_t now = length_.load(std::memory_order_relaxed);
  while (now < length && !length_.compare_exchange_weak(now, length, std::memory_order_relaxed)) {
  }
}

void BlockNode::NotifyParents() {
  Edge::RefreshParents(*this);
  for (Edge* const edge : parents_) edge->parent().OnChildChanged();
}

Task<absl::Status> BlockNode::Truncate(uint64_t) {
  co_return ErrorWithErrno(ENOTSUP, absl::StrCat("node '", node_name_, "': driver '", driver_name(),
                                                 "' cannot change its size"));
}

Task<absl::StatusOr<BlockStatus>> BlockNode::GetBlockStatus(uint64_t, uint64_t bytes) {
  co_return BlockStatus{.bytes = bytes};
}

std::optional<HostBlockSizes> BlockNode::ProbeBlockSizes() const { return std::nullopt; }

absl::Status BlockNode::SetPermissions(Permissions cumulative) {
  const PermissionSet writing = Permission::kWrite | Permission::kResize;
  if (read_only_ && !(cumulative.used & writing).empty()) {
    return ErrorWithErrno(EACCES, absl::StrCat("node '", node_name_, "' is read-only"));
  }
  return absl::OkStatus();
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// Moving to another event loop: the host's channel, the channels of devices
// that follow, and the nodes whose home the old loop was.

#include "blockbackend/backend_impl.h"

namespace platter {
namespace {

// [drained]
void MoveHomes(BlockNode& node, const AioContext& from, AioContext& to) {
  if (node.home_context() == &from) node.set_home_context(to);
  for (Edge* const edge : node.children()) {
    if (edge->child() != nullptr) MoveHomes(*edge->child(), from, to);
  }
}

}  // namespace

Task<absl::Status> BlockBackendImpl::SetAioContext(AioContext& context) {
  const ChangeSection section = co_await BeginChange();
  if (io_context_ == &context) co_return absl::OkStatus();
  if (absl::Status blocked = CheckNotBlocked(BlockOperation::kDataplane); !blocked.ok()) {
    co_return blocked;
  }
  detach_notifiers_.Notify(*io_context_);
  if (root() != nullptr) MoveHomes(*root(), *io_context_, context);
  io_context_ = &context;
  hub_.MoveFollowers(context);
  while (!hub_.FollowersArrived()) co_await news_.Wait();
  attach_notifiers_.Notify(context);
  co_return absl::OkStatus();
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "testing/faults/fault_node.h"

#include <utility>

#include "aio/aio_context.h"
#include "base/status.h"

namespace platter {

// A request on its way through, or one that fails in a later turn. Used in the request's context.
class FaultNode::Watched final : public IoRequest, public WorkItem {
 public:
  Watched(FaultNode& node, IoRequest& parent, IoResult fault)
      : node_(node), parent_(parent), fault_(fault) {
    context = parent.context;
    op = parent.op;
    flags = parent.flags;
    iov_count = parent.iov_count;
    offset = parent.offset;
    bytes = parent.bytes;
    iov = parent.iov;
  }

  IoResult Begin() {
    if (fault_ != 0 && node_.plan_.effect() == FaultEffect::kNothingDone) return FailLater();
    number_ = node_.plan_.Passed();
    at_child_ = true;
    const IoResult result = node_.child_.Start(*this);
    if (result == kIoPending) return kIoPending;
    LeaveChild();
    if (fault_ != 0) return FailLater();
    node_.Forget(parent_);
    return result;
  }
  void CancelBelow() {
    if (at_child_) node_.child_.Cancel(*this);
  }

 private:
  IoResult FailLater() {
    context->Defer(*this);
    return kIoPending;
  }
  void OnIoDone(IoResult result) override {
    const bool first = at_child_;
    LeaveChild();
    if (first) End(result);
  }
  void Run() override { End(0); }
  // Notes each time it comes back, however often.
  void LeaveChild() {
    at_child_ = false;
    node_.plan_.Completed(number_);
  }
  void End(IoResult result) {
    node_.Forget(parent_);
    parent_.OnIoDone(fault_ != 0 ? fault_ : result);
  }

  FaultNode& node_;
  IoRequest& parent_;
  const IoResult fault_;
  uint64_t number_ = 0;  // In the plan.
  bool at_child_ = false;
};

absl::StatusOr<std::shared_ptr<FaultNode>> FaultNode::Create(std::string node_name, NodeRef child,
                                                             FaultPlan& plan) {
  std::shared_ptr<FaultNode> node(new FaultNode(std::move(node_name), plan));
  PLATTER_RETURN_IF_ERROR(node->child_.Attach(std::move(child), {}));
  node->home_context_ = node->child_.child()->home_context();
  node->Refresh();
  return node;
}

FaultNode::FaultNode(std::string node_name, FaultPlan& plan)
    : BlockNode(std::move(node_name)), plan_(plan) {}

FaultNode::~FaultNode() = default;

void FaultNode::Refresh() {
  const BlockNode& child = *child_.child();
  limits_ = child.limits();
  features_ = child.features();
  read_only_ = child.read_only();
  set_length(child.length());
}

void FaultNode::OnChildChanged() {
  Refresh();
  NotifyParents();
}

IoResult FaultNode::Start(IoRequest& request) {
  const IoResult fault = plan_.NextIo();
  if (fault != 0 && plan_.effect() == FaultEffect::kAtOnce) return fault;
  return NewWatched(request, fault).Begin();
}

FaultNode::Watched& FaultNode::NewWatched(IoRequest& request, IoResult fault) {
  MutexLock lock(mutex_);
  watched_.push_back(std::make_unique<Watched>(*this, request, fault));
  live_[&request] = watched_.back().get();
  return *watched_.back();
}

void FaultNode::Forget(IoRequest& request) {
  MutexLock lock(mutex_);
  live_.erase(&request);
}

void FaultNode::Cancel(IoRequest& request) {
  Watched* watched = nullptr;
  {
    MutexLock lock(mutex_);
    if (const auto found = live_.find(&request); found != live_.end()) watched = found->second;
  }
  if (watched != nullptr) watched->CancelBelow();
}

Task<absl::Status> FaultNode::Truncate(uint64_t new_length) {
  if (const IoResult fault = plan_.NextIo(); fault != 0) {
    co_return ErrnoError(-fault, "node '" + node_name() + "'");
  }
  co_return co_await child_.child()->Truncate(new_length);
}

Task<absl::StatusOr<BlockStatus>> FaultNode::GetBlockStatus(uint64_t offset, uint64_t bytes) {
  if (const IoResult fault = plan_.NextIo(); fault != 0) {
    co_return ErrnoError(-fault, "node '" + node_name() + "'");
  }
  co_return co_await child_.child()->GetBlockStatus(offset, bytes);
}

absl::Status FaultNode::SetPermissions(Permissions cumulative) {
  return child_.Change({.permissions = cumulative, .granularity = limits_.request_alignment});
}

}  // namespace platter

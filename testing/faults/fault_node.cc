// SPDX-License-Identifier: Apache-2.0
#include "testing/faults/fault_node.h"

#include <utility>

#include "aio/aio_context.h"
#include "base/status.h"

namespace platter {

// A request on its way through, or one that fails in a later turn.
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
    node_.plan_.Pending();
    if (fault_ != 0 && node_.plan_.effect() == FaultEffect::kNothingDone) {
      context->Defer(*this);
      return kIoPending;
    }
    const IoResult result = node_.child_.Start(*this);
    if (result == kIoPending) return kIoPending;
    if (fault_ != 0) {
      context->Defer(*this);
      return kIoPending;
    }
    node_.plan_.Completed();
    context->buffers().Delete(this);
    return result;
  }

 private:
  friend class BufferPool;
  ~Watched() = default;

  void OnIoDone(IoResult result) override { End(result); }
  void Run() override { End(0); }
  void End(IoResult result) {
    IoRequest& parent = parent_;
    const IoResult end = fault_ != 0 ? fault_ : result;
    node_.plan_.Completed();
    context->buffers().Delete(this);
    parent.OnIoDone(end);
  }

  FaultNode& node_;
  IoRequest& parent_;
  const IoResult fault_;
};

absl::StatusOr<std::shared_ptr<FaultNode>> FaultNode::Create(std::string node_name, NodeRef child,
                                                             FaultPlan& plan) {
  std::shared_ptr<FaultNode> node(new FaultNode(std::move(node_name), plan));
  PLATTER_RETURN_IF_ERROR(node->child_.Attach(std::move(child), {}));
  node->Refresh();
  return node;
}

FaultNode::FaultNode(std::string node_name, FaultPlan& plan)
    : BlockNode(std::move(node_name)), plan_(plan) {}

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
  return request.context->buffers().New<Watched>(*this, request, fault)->Begin();
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

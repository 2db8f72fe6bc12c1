// SPDX-License-Identifier: Apache-2.0
#include "drivers/edge.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/check.h"
#include "base/status.h"
#include "drivers/home_hop.h"
#include "drivers/iov_cursor.h"
#include "drivers/overlap_tracker.h"
#include "drivers/slow_request.h"
#include "drivers/write_watch.h"

namespace platter {
namespace {

constexpr uint32_t Bit(IoOp op) { return uint32_t{1} << static_cast<unsigned>(op); }

// Whether `node` is `wanted` or has it below it.
bool Reaches(BlockNode& node, const BlockNode& wanted) {
  if (&node == &wanted) return true;
  for (const Edge* const edge : node.children()) {
    if (edge->child() != nullptr && Reaches(*edge->child(), wanted)) return true;
  }
  return false;
}

// What `a` uses and `b` does not share.
PermissionSet Collision(const Permissions& a, const Permissions& b) { return a.used - b.shared; }

// What a further parent adds to what a node has to serve.
void Join(Permissions& sum, const Permissions& one) {
  sum.used = sum.used | one.used;
  sum.shared = sum.shared & one.shared;
}

absl::Status CollisionError(const BlockNode& child, const Edge& user, PermissionSet permissions,
                            const Edge& other) {
  return ErrorWithErrno(
      EBUSY,
      absl::StrCat("node '", child.node_name(), "': ", user.parent().Describe(), " (as '",
                   user.role(), "') uses ", permissions.ToString(), ", which ",
                   other.parent().Describe(), " (as '", other.role(), "') does not allow others"));
}

}  // namespace

Task<void> EdgeParent::Quiesce() { co_return; }

absl::Status EdgeParent::CheckChildLength(uint64_t) const { return absl::OkStatus(); }

Edge::Edge(EdgeParent& parent, std::string_view role) : parent_(parent), role_(role) {}

Edge::~Edge() {
  if (child_ != nullptr) Detach();
}

absl::Status Edge::Check(BlockNode& child, const EdgeOptions& options) const {
  PLATTER_CHECK(IsPowerOfTwo(options.granularity));
  PLATTER_CHECK(!options.may_grow || options.permissions.used.Has(Permission::kResize));
  if (BlockNode* const node = parent_.AsNode(); node != nullptr && Reaches(child, *node)) {
    return ErrorWithErrno(EINVAL,
                          absl::StrCat("node '", child.node_name(), "' as '", role_, "' of node '",
                                       node->node_name(), "' would make a loop"));
  }
  for (const Edge* const other : child.parents()) {
    if (other == this) continue;
    const Permissions& theirs = other->options_.permissions;
    if (const PermissionSet p = Collision(options.permissions, theirs); !p.empty()) {
      return CollisionError(child, *this, p, *other);
    }
    if (const PermissionSet p = Collision(theirs, options.permissions); !p.empty()) {
      return CollisionError(child, *other, p, *this);
    }
  }
  return absl::OkStatus();
}

Permissions Edge::Cumulative(const BlockNode& child, const Permissions* own) const {
  Permissions sum;
  if (!child.active_) return sum;
  for (const Edge* const other : child.parents()) {
    if (other != this) Join(sum, other->options_.permissions);
  }
  if (own != nullptr) Join(sum, *own);
  return sum;
}

absl::Status Edge::Attach(NodeRef child, const EdgeOptions& options) {
  PLATTER_CHECK(child_ == nullptr && child != nullptr);
  PLATTER_RETURN_IF_ERROR(Check(*child, options));
  PLATTER_RETURN_IF_ERROR(child->SetPermissions(Cumulative(*child, &options.permissions)));
  child_ = std::move(child);
  options_ = options;
  child_->parents_.push_back(this);
  RefreshParents(*child_);
  return absl::OkStatus();
}

void Edge::Detach() {
  PLATTER_CHECK(child_ != nullptr);
  ops_.ForEach([](const EdgeOpList& list) { PLATTER_CHECK(list.empty()); });
  std::vector<Edge*>& parents = child_->parents_;
  parents.erase(std::find(parents.begin(), parents.end(), this));
  // Giving up never fails (node.h).
  child_->SetPermissions(Cumulative(*child_, nullptr)).IgnoreError();
  RefreshParents(*child_);
  fast_ops_ = 0;
  child_.reset();
}

absl::Status Edge::Change(const EdgeOptions& options) {
  PLATTER_CHECK(child_ != nullptr);
  PLATTER_RETURN_IF_ERROR(Check(*child_, options));
  PLATTER_RETURN_IF_ERROR(child_->SetPermissions(Cumulative(*child_, &options.permissions)));
  options_ = options;
  RefreshParents(*child_);
  return absl::OkStatus();
}

absl::Status Edge::SetActive(BlockNode& node, bool active) {
  if (node.active_ == active) return absl::OkStatus();
  Permissions sum;
  if (active) {
    for (const Edge* const edge : node.parents_) Join(sum, edge->options_.permissions);
  }
  PLATTER_RETURN_IF_ERROR(node.SetPermissions(sum));
  node.active_ = active;
  RefreshParents(node);
  return absl::OkStatus();
}

void Edge::TakeOver(Edge& other) {
  PLATTER_CHECK(child_ == nullptr && other.child_ != nullptr && &parent_ == &other.parent_);
  other.ops_.ForEach([](const EdgeOpList& list) { PLATTER_CHECK(list.empty()); });
  child_ = std::move(other.child_);
  options_ = other.options_;
  std::replace(child_->parents_.begin(), child_->parents_.end(), &other, this);
  other.fast_ops_ = 0;
  Refresh();
}

void Edge::RefreshParents(BlockNode& child) {
  const bool track =
      std::any_of(child.parents_.begin(), child.parents_.end(), [&child](const Edge* edge) {
        return edge->options_.granularity < child.limits_.request_alignment ||
               edge->options_.may_serialise;
      });
  if (track && child.overlap_tracker_ == nullptr) {
    child.overlap_tracker_ = std::make_unique<OverlapTracker>();
  } else if (!track) {
    child.overlap_tracker_.reset();
  }
  for (Edge* const edge : child.parents_) edge->Refresh();
}

void Edge::Refresh() {
  const NodeLimits& limits = child_->limits_;
  const NodePolicy& policy = child_->policy_;
  PLATTER_CHECK(IsPowerOfTwo(limits.request_alignment) && IsPowerOfTwo(limits.memory_alignment) &&
                IsPowerOfTwo(limits.discard_alignment) &&
                IsPowerOfTwo(limits.write_zeroes_alignment));
  PLATTER_CHECK(limits.max_iov > 0 && limits.max_transfer >= limits.request_alignment &&
                IsAligned(limits.max_transfer, limits.request_alignment));
  PLATTER_CHECK(limits.max_discard >= limits.discard_alignment &&
                limits.max_write_zeroes >= limits.write_zeroes_alignment);
  request_mask_ = limits.request_alignment - 1;
  memory_mask_ = limits.memory_alignment - 1;
  piece_mask_ = std::min(request_mask_, memory_mask_);
  max_transfer_ = limits.max_transfer;
  max_iov_ = limits.max_iov;
  tracker_ = child_->overlap_tracker_.get();

  fast_ops_ = 0;
  if (child_->home_context_ != nullptr || tracker_ != nullptr) return;
  fast_ops_ = Bit(IoOp::kRead);
  if (policy.flush == NodePolicy::Flush::kHonour) fast_ops_ |= Bit(IoOp::kFlush);
  const PermissionSet used = options_.permissions.used;
  const bool may_write = used.Has(Permission::kWrite) || used.Has(Permission::kWriteUnchanged);
  if (!may_write || child_->read_only_ || !child_->active_) return;
  const bool looks_at_writes =
      policy.detect_zeroes != NodePolicy::DetectZeroes::kOff || child_->write_threshold() != 0;
  if (!looks_at_writes) fast_ops_ |= Bit(IoOp::kWrite);
}

void Edge::Cancel(IoRequest& request) {
  if (const EdgeOpList* const ops = ops_.Find(*request.context); ops != nullptr) {
    if (EdgeOp* const op = ops->Find(request); op != nullptr) {
      op->CancelOp();
      return;
    }
  }
  child_->Cancel(request);
}

IoResult Edge::StartSlow(IoRequest& request) {
  AioContext* const home = child_->home_context_;
  if (home != nullptr && request.context != home) return HomeHop::Start(*this, request, *home);
  return StartLocal(request);
}

IoResult Edge::Validate(const IoRequest& request) const {
  const PermissionSet used = options_.permissions.used;
  if (IsWriteLike(request.op)) {
    if (child_->read_only_ || !child_->active_) return -EACCES;
    if (!used.Has(Permission::kWrite) && !used.Has(Permission::kWriteUnchanged)) return -EACCES;
  }
  if (Has(request.flags, IoFlags::kSerialising) && !options_.may_serialise) return -ENOTSUP;
  if (!RangeFits(request.offset, request.bytes, kMaxNodeLength)) return -EIO;
  // A node passes on the last block of a length that is not aligned as a whole (node.h).
  uint64_t length = child_->length();
  if (parent_.AsNode() != nullptr) length = AlignUp(length, request_mask_ + 1);
  if (!RangeFits(request.offset, request.bytes, length)) {
    const bool grows = request.op == IoOp::kWrite || request.op == IoOp::kWriteZeroes;
    if (!grows || !options_.may_grow) return -EIO;
  }
  if (IsDataTransfer(request.op) && IovBytes(request.iov, request.iov_count) != request.bytes) {
    return -EINVAL;
  }
  return 0;
}

void Edge::DropFlags(IoRequest& request) const {
  if (!IsWriteLike(request.op)) request.flags = Without(request.flags, IoFlags::kFua);
  if (child_->policy_.flush == NodePolicy::Flush::kIgnore) {
    request.flags = Without(request.flags, IoFlags::kFua);
  }
  if (request.op != IoOp::kWriteZeroes || !child_->features_.may_unmap ||
      child_->policy_.discard == NodePolicy::Discard::kIgnore) {
    request.flags = Without(request.flags, IoFlags::kMayUnmap);
  }
}

IoResult Edge::StartLocal(IoRequest& request) {
  if (request.op == IoOp::kFlush) {
    if (child_->policy_.flush == NodePolicy::Flush::kIgnore) return 0;
    request.flags = IoFlags::kNone;
    return child_->Start(request);
  }
  if (const IoResult invalid = Validate(request); invalid != 0) return invalid;
  if (request.bytes == 0) return 0;
  if (request.op == IoOp::kDiscard &&
      (!child_->features_.discard || child_->policy_.discard == NodePolicy::Discard::kIgnore)) {
    return 0;
  }
  if (WriteWatch* const watch = child_->write_watch_.get();
      watch != nullptr && request.op != IoOp::kRead && request.op != IoOp::kDiscard) {
    watch->OnWrite(request.offset + request.bytes);
  }
  DropFlags(request);
  if (SlowRequest::IsNeeded(*this, request)) return SlowRequest::Start(*this, request);
  return child_->Start(request);
}

}  // namespace platter

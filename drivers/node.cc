// SPDX-License-Identifier: Apache-2.0
#include "drivers/node.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"
#include "drivers/edge.h"
#include "drivers/overlap_tracker.h"
#include "drivers/write_watch.h"

namespace platter {

BlockNode::BlockNode(std::string node_name) : node_name_(std::move(node_name)) {}

BlockNode::~BlockNode() { PLATTER_CHECK(parents_.empty()); }

void BlockNode::Cancel(IoRequest&) {}

void BlockNode::set_policy(const NodePolicy& policy) {
  policy_ = policy;
  NotifyParents();
}

void BlockNode::SetAccess(NodeAccess access) {
  read_only_ = access == NodeAccess::kReadOnly;
  NotifyParents();
}

void BlockNode::set_write_watch(std::unique_ptr<WriteWatch> watch) {
  if (write_watch_ != nullptr) write_watch_->Settle();
  write_watch_ = std::move(watch);
  Edge::RefreshParents(*this);
}

uint64_t BlockNode::write_threshold() const {
  return write_watch_ == nullptr ? 0 : write_watch_->threshold();
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

absl::Status BlockNode::NotSupported(std::string_view cannot) const {
  return ErrorWithErrno(ENOTSUP, absl::StrCat("node '", node_name_, "': driver '", driver_name(),
                                              "' ", std::string(cannot)));
}

absl::Status BlockNode::CheckNewLength(uint64_t new_length) const {
  for (const Edge* const edge : parents_) {
    PLATTER_RETURN_IF_ERROR(edge->parent().CheckChildLength(new_length));
  }
  return absl::OkStatus();
}

Task<absl::Status> BlockNode::Truncate(uint64_t) {
  co_return NotSupported("cannot change its size");
}

Task<absl::StatusOr<BlockStatus>> BlockNode::GetBlockStatus(uint64_t, uint64_t bytes) {
  co_return BlockStatus{.bytes = bytes};
}

std::optional<HostBlockSizes> BlockNode::ProbeBlockSizes() const { return std::nullopt; }

void BlockNode::set_home_context(AioContext& home) {
  PLATTER_CHECK(home_context_ != nullptr);
  home_context_ = &home;
}

bool BlockNode::HasMedium() const {
  const BlockNode* const child = FilteredChild();
  return child == nullptr || child->HasMedium();
}

void BlockNode::LockMedium(MediumLock lock) {
  if (BlockNode* const child = FilteredChild(); child != nullptr) child->LockMedium(lock);
}

void BlockNode::MoveTray(MediumTray tray) {
  if (BlockNode* const child = FilteredChild(); child != nullptr) child->MoveTray(tray);
}

std::optional<DiskGeometry> BlockNode::ProbeGeometry() const {
  const BlockNode* const child = FilteredChild();
  return child == nullptr ? std::nullopt : child->ProbeGeometry();
}

bool BlockNode::is_sg() const {
  const BlockNode* const child = FilteredChild();
  return child != nullptr && child->is_sg();
}

Task<absl::StatusOr<int>> BlockNode::Ioctl(uint64_t request, void* argument) {
  if (BlockNode* const child = FilteredChild(); child != nullptr) {
    co_return co_await child->Ioctl(request, argument);
  }
  co_return NotSupported("has no device to pass an ioctl to");
}

Task<absl::Status> BlockNode::WriteCompressed(uint64_t, std::span<const uint8_t>) {
  // Not asked of a filter's child: a filter that sees writes must see these too.
  co_return NotSupported("cannot write compressed");
}

Task<absl::Status> BlockNode::SaveVmState(uint64_t offset, std::span<const uint8_t> data) {
  if (BlockNode* const child = FilteredChild(); child != nullptr) {
    co_return co_await child->SaveVmState(offset, data);
  }
  co_return NotSupported("has no room for the state of a machine");
}

Task<absl::Status> BlockNode::LoadVmState(uint64_t offset, std::span<uint8_t> data) {
  if (BlockNode* const child = FilteredChild(); child != nullptr) {
    co_return co_await child->LoadVmState(offset, data);
  }
  co_return NotSupported("has no room for the state of a machine");
}

absl::Status BlockNode::SetPermissions(Permissions cumulative) {
  const PermissionSet writing = Permission::kWrite | Permission::kResize;
  if (read_only_ && !(cumulative.used & writing).empty()) {
    return ErrorWithErrno(EACCES, absl::StrCat("node '", node_name_, "' is read-only"));
  }
  return absl::OkStatus();
}

}  // namespace platter

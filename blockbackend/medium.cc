// SPDX-License-Identifier: Apache-2.0
//
// The root node: inserting, removing, resizing; always in a ChangeSection.

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/await_io.h"
#include "base/check.h"
#include "base/status.h"
#include "blockbackend/backend_impl.h"

namespace platter {

Task<BlockBackendImpl::ChangeSection> BlockBackendImpl::BeginChange(NodeRef coming) {
  std::shared_ptr<BlockBackendImpl> self = shared_from_this();
  while (changing_) co_await news_.Wait();
  changing_ = true;
  co_await BeginDrain();
  ChangeSection section(std::move(self));
  if (root() != nullptr) section.root_.emplace(co_await DrainedSection::Begin(*root()));
  if (coming != nullptr) section.coming_.emplace(co_await DrainedSection::Begin(*coming));
  co_return section;
}

BlockBackendImpl::ChangeSection::~ChangeSection() {
  if (backend_ == nullptr) return;
  coming_.reset();
  root_.reset();
  backend_->EndDrain();
  backend_->changing_ = false;
  backend_->Pulse();
}

Task<IoResult> BlockBackendImpl::EdgeIo(IoArguments io) {
  const RootUse use(*this);
  co_return co_await AwaitIo(edge_, io);
}

absl::Status BlockBackendImpl::CheckWholeBlocks(uint64_t length) const {
  if (!device_ || length % device_->attachment.guest_block_size == 0) return absl::OkStatus();
  return ErrorWithErrno(
      EINVAL, absl::StrCat(Title(), ": ", length, " bytes are not a multiple of the ",
                           device_->attachment.guest_block_size, "-byte blocks of device '",
                           device_->attachment.device_id, "'"));
}

// Of a disc a guest sees the whole blocks; a disk that it has open is no place for a rest.
absl::Status BlockBackendImpl::CheckMedium(uint64_t length) const {
  return removable() ? absl::OkStatus() : CheckWholeBlocks(length);
}

absl::Status BlockBackendImpl::CheckChildLength(uint64_t new_length) const {
  // What can be written to is a disk, in whatever drive.
  return removable() && is_read_only() ? absl::OkStatus() : CheckWholeBlocks(new_length);
}

bool BlockBackendImpl::GuestRuns() const {
  return device_.has_value() && (services_.run_state == nullptr || services_.run_state->running());
}

absl::Status BlockBackendImpl::CheckActive(const BlockNode& node) const {
  if (node.active()) return absl::OkStatus();
  return ErrorWithErrno(EBUSY,
                        absl::StrCat(Title(), ": node '", node.node_name(), "' is inactive"));
}

absl::Status BlockBackendImpl::CheckInactivate() const {
  if (!GuestRuns()) return absl::OkStatus();
  return ErrorWithErrno(EBUSY, absl::StrCat(Title(), ": the machine runs, with device '",
                                            device_->attachment.device_id, "'"));
}

absl::Status BlockBackendImpl::AttachRoot(const NodeRef& node) {
  PLATTER_RETURN_IF_ERROR(AttachTo(edge_, node));
  TellOfRoot();
  return absl::OkStatus();
}

void BlockBackendImpl::TellOfRoot() {
  if (guest_lock_) root()->LockMedium(MediumLock::kLocked);
  PublishMedium();
  inserted_notifiers_.Notify(root());
  news_notifiers_.Notify();
}

absl::Status BlockBackendImpl::AttachTo(Edge& edge, const NodeRef& node) {
  if (deleted_) {
    return absl::FailedPreconditionError(absl::StrCat(Title(), " takes no medium"));
  }
  if (GuestRuns()) PLATTER_RETURN_IF_ERROR(CheckActive(*node));
  PLATTER_RETURN_IF_ERROR(CheckMedium(node->length()));
  return Annotate(edge.Attach(node, EdgeOptionsFor(*node)), Title());
}

Task<absl::Status> BlockBackendImpl::InsertRoot(NodeRef node) {
  const ChangeSection section = co_await BeginChange(node);
  if (root() != nullptr) {
    co_return ErrorWithErrno(
        EBUSY, absl::StrCat(Title(), " has a medium: node '", root()->node_name(), "'"));
  }
  co_return AttachRoot(node);
}

Task<void> BlockBackendImpl::FlushRoot() {
  // Whatever the permissions are by now: a device that has gone has given its own up.
  if (!root()->read_only()) {
    IoArguments flush;
    flush.op = IoOp::kFlush;
    const IoResult result = co_await EdgeIo(flush);
    if (result < 0 && services_.log != nullptr) {
      const absl::Status failed = ErrnoError(
          -result,
          absl::StrCat(Title(), ": flushing node '", root()->node_name(), "' before its removal"));
      services_.log->Log(LogLevel::kError, MessageOf(failed));
    }
  }
}

void BlockBackendImpl::DetachRoot() {
  removed_notifiers_.Notify(root());
  last_root_state_ = root_state();
  if (guest_lock_) root()->LockMedium(MediumLock::kUnlocked);
  edge_.Detach();
  host_writes_ = false;
  PublishMedium();
  news_notifiers_.Notify();
}

Task<void> BlockBackendImpl::FlushAndDetachRoot() {
  co_await FlushRoot();
  // It goes all the same: keeping it would not make the data durable.
  DetachRoot();
}

Task<absl::Status> BlockBackendImpl::RemoveRoot() {
  const ChangeSection section = co_await BeginChange();
  if (root() != nullptr) co_await FlushAndDetachRoot();
  co_return absl::OkStatus();
}

BlockRootState BlockBackendImpl::root_state() const {
  BlockRootState state = last_root_state_;
  state.write_cache = write_cache_enabled();
  if (root() == nullptr) return state;
  state.had_medium = true;
  // Not what another user of the node keeps this one from.
  state.read_only = !MayWrite(*root());
  state.policy = root()->policy();
  return state;
}

BlockOpenFlags BlockBackendImpl::open_flags() const {
  const BlockRootState state = root_state();
  return {.read_write = !state.read_only,
          .write_cache = state.write_cache,
          .unmap = state.policy.discard == NodePolicy::Discard::kUnmap,
          .no_flush = state.policy.flush == NodePolicy::Flush::kIgnore,
          .direct = state.policy.host_cache == NodePolicy::HostCache::kBypassed};
}

Task<absl::Status> BlockBackendImpl::HideForDriveDel() {
  if (absl::Status blocked = CheckNotBlocked(BlockOperation::kDriveDel); !blocked.ok()) {
    co_return blocked;
  }
  deleted_ = true;
  if (!name_.empty()) former_name_ = std::exchange(name_, std::string());
  // Nobody is left who would let a stopped machine, or the drive, go on for this drive.
  own_policies_ = {.read = OnError::kReport, .write = OnError::kReport};
  errors_.SetPolicies(own_policies_);
  Resume();
  if (device_) hidden_ = shared_from_this();
  co_return co_await RemoveRoot();
}

void BlockBackendImpl::OnChildChanged() {
  // It may have become writable. When somebody else writes to it, it stays read-only to us.
  if (root() != nullptr && MayWrite(*root()) && LacksWritePermission()) {
    edge_.Change(EdgeOptionsFor(*root())).IgnoreError();
  }
  const uint64_t before = length();
  PublishMedium();
  if (length() != before && device_ && device_->ops.resize) device_->ops.resize();
}

Task<absl::Status> BlockBackendImpl::Resize(uint64_t new_length) {
  const ChangeSection section = co_await BeginChange();
  if (root() == nullptr) co_return NoMedium();
  if (absl::Status blocked = CheckNotBlocked(BlockOperation::kResize); !blocked.ok()) {
    co_return blocked;
  }
  if (absl::Status inactive = CheckActive(*root()); !inactive.ok()) co_return inactive;
  if (is_read_only()) {
    co_return ErrorWithErrno(
        EACCES, absl::StrCat(Title(), ": node '", root()->node_name(), "' is read-only"));
  }
  if (device_ && !device_->attachment.handles_resize) {
    co_return ErrorWithErrno(EBUSY,
                             absl::StrCat(Title(), ": device '", device_->attachment.device_id,
                                          "' does not allow a resize"));
  }
  if (absl::Status refused = CheckWholeBlocks(new_length); !refused.ok()) co_return refused;
  resizing_ = true;
  absl::Status status = edge_.Change(EdgeOptionsFor(*root()));
  if (status.ok()) status = co_await root()->Truncate(new_length);
  resizing_ = false;
  edge_.Change(EdgeOptionsFor(*root())).IgnoreError();
  if (!status.ok()) co_return Annotate(status, Title());
  // For nodes that tell their parents themselves this finds nothing new.
  OnChildChanged();
  co_return absl::OkStatus();
}

}  // namespace platter

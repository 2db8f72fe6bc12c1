// SPDX-License-Identifier: Apache-2.0
//
// Tray, lock and medium as a monitor moves them. What can never move is refused at once. Each other
// command drains first and then looks (again) and acts without a pause, so that no guest command
// comes between the two.

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "blockbackend/backend_impl.h"

namespace platter {

absl::Status BlockBackendImpl::CheckRemovable() const {
  if (removable()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(Title(), ": device '", device_->attachment.device_id, "' is not removable"));
}

absl::Status BlockBackendImpl::CheckMediumMayMove() {
  PLATTER_RETURN_IF_ERROR(CheckRemovable());
  if (!has_tray() || TrayOpen()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      Title(), ": the tray of device '", device_->attachment.device_id, "' is not open"));
}

void BlockBackendImpl::EmitTrayMoved(bool open) {
  news_notifiers_.Notify();
  if (services_.events == nullptr) return;
  TrayMovedEvent event;
  event.backend = name_;
  if (device_) event.device_id = device_->attachment.device_id;
  event.tray_open = open;
  services_.events->OnBlockEvent(event);
}

void BlockBackendImpl::MoveMedium(MediumMove move) {
  if (!device_ || !device_->ops.change_media) return;
  const bool was_open = TrayOpen();
  device_->ops.change_media(move);
  const bool open = TrayOpen();
  PublishMedium();
  if (open != was_open) EmitTrayMoved(open);
}

TrayResult BlockBackendImpl::OpenTrayDrained(Force force) {
  if (!has_tray() || TrayOpen()) return TrayResult::kAlready;
  const bool locked = Locked();
  if (locked && device_->ops.eject_request) device_->ops.eject_request(force);
  if (locked && force == Force::kNo) return TrayResult::kRequested;
  MoveMedium(MediumMove::kEject);
  return TrayResult::kMoved;
}

Task<absl::StatusOr<TrayResult>> BlockBackendImpl::OpenTray(Force force) {
  if (absl::Status refused = CheckRemovable(); !refused.ok()) co_return refused;
  const ChangeSection section = co_await BeginChange();
  if (absl::Status refused = CheckRemovable(); !refused.ok()) co_return refused;
  co_return OpenTrayDrained(force);
}

Task<absl::StatusOr<TrayResult>> BlockBackendImpl::CloseTray() {
  if (absl::Status refused = CheckRemovable(); !refused.ok()) co_return refused;
  const ChangeSection section = co_await BeginChange();
  if (absl::Status refused = CheckRemovable(); !refused.ok()) co_return refused;
  if (!TrayOpen()) co_return TrayResult::kAlready;
  MoveMedium(MediumMove::kLoad);
  co_return TrayResult::kMoved;
}

Task<absl::Status> BlockBackendImpl::Eject(Force force) {
  if (absl::Status refused = CheckRemovable(); !refused.ok()) co_return refused;
  const ChangeSection section = co_await BeginChange();
  if (absl::Status refused = CheckRemovable(); !refused.ok()) co_return refused;
  if (absl::Status blocked = CheckNotBlocked(BlockOperation::kEject); !blocked.ok()) {
    co_return blocked;
  }
  // Before anything moves: from here on nothing waits, so no command of the guest comes between.
  if (root() != nullptr) co_await FlushRoot();
  bool requested = false;
  if (has_tray()) {
    requested = OpenTrayDrained(force) == TrayResult::kRequested;
  } else if (Locked()) {
    if (device_->ops.eject_request) device_->ops.eject_request(force);
    requested = force == Force::kNo;
  }
  if (requested) co_return LockedError();
  if (root() == nullptr) co_return absl::OkStatus();
  DetachRoot();
  if (!has_tray()) MoveMedium(MediumMove::kEject);
  co_return absl::OkStatus();
}

Task<absl::Status> BlockBackendImpl::InsertMedium(NodeRef node) {
  if (absl::Status refused = CheckRemovable(); !refused.ok()) co_return refused;
  const ChangeSection section = co_await BeginChange(node);
  if (absl::Status refused = CheckMediumMayMove(); !refused.ok()) co_return refused;
  if (absl::Status blocked = CheckNotBlocked(BlockOperation::kChange); !blocked.ok()) {
    co_return blocked;
  }
  if (root() != nullptr) {
    co_return ErrorWithErrno(
        EBUSY, absl::StrCat(Title(), " has a medium: node '", root()->node_name(), "'"));
  }
  if (absl::Status refused = AttachRoot(node); !refused.ok()) co_return refused;
  if (!has_tray()) MoveMedium(MediumMove::kLoad);
  co_return absl::OkStatus();
}

Task<absl::Status> BlockBackendImpl::RemoveMedium() {
  if (absl::Status refused = CheckRemovable(); !refused.ok()) co_return refused;
  const ChangeSection section = co_await BeginChange();
  if (absl::Status refused = CheckMediumMayMove(); !refused.ok()) co_return refused;
  if (root() == nullptr) co_return absl::OkStatus();
  if (absl::Status blocked = CheckNotBlocked(BlockOperation::kEject); !blocked.ok()) {
    co_return blocked;
  }
  co_await FlushRoot();
  // The guest may have closed it meanwhile.
  if (absl::Status refused = CheckMediumMayMove(); !refused.ok()) co_return refused;
  DetachRoot();
  if (!has_tray()) MoveMedium(MediumMove::kEject);
  co_return absl::OkStatus();
}

// --- From the device. ---

void BlockBackendImpl::TrayMoved(MediumMove direction) {
  if (!device_) return;
  EmitTrayMoved(direction == MediumMove::kEject);
  if (root() != nullptr) {
    root()->MoveTray(direction == MediumMove::kEject ? MediumTray::kOpen : MediumTray::kClosed);
  }
  if (drain_depth_ > 0 && hub_.Quiet(ChannelHub::Hold::kDrain)) {
    PublishMedium();
    return;
  }
  // Channels park from here on, so no request meets the old state.
  Hold();
  Spawn(*services_.control, RefreshTray(shared_from_this()));
}

Task<void> BlockBackendImpl::RefreshTray(std::shared_ptr<BlockBackendImpl> self) {
  while (!self->hub_.Quiet(ChannelHub::Hold::kDrain)) co_await self->news_.Wait();
  self->PublishMedium();
  self->EndDrain();
}

void BlockBackendImpl::LockMedium(bool locked) {
  if (locked == guest_lock_) return;
  guest_lock_ = locked;
  news_notifiers_.Notify();
  if (root() == nullptr) return;
  root()->LockMedium(locked ? MediumLock::kLocked : MediumLock::kUnlocked);
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// blockdev-change-medium: another medium in one step, or nothing. Whatever can fail is done while
// the old medium is in: the new node is attached beside it, and only then the one is let go of and
// the other takes its place. The locks of images go the same way, since another program may take in
// a moment what is given up.

#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "blockbackend/backend_impl.h"
#include "drivers/file/kept_locks.h"

namespace platter {

namespace {

// Of LockedError.
constexpr char kLockedPayload[] = "platter/medium-locked";

}  // namespace

bool IsMediumLocked(const absl::Status& status) {
  return status.GetPayload(kLockedPayload).has_value();
}

absl::Status BlockBackendImpl::LockedError() const {
  absl::Status locked = ErrorWithErrno(
      EBUSY, absl::StrCat(Title(), ": device '", device_->attachment.device_id,
                          "' is locked: eject requested from the guest; try again when its "
                          "tray has opened, or use force"));
  locked.SetPayload(kLockedPayload, absl::Cord());
  return locked;
}

absl::Status BlockBackendImpl::TakeBesideRoot(Edge& coming, const NodeRef& node, Force force) {
  const EdgeOptions had = edge_.options();
  const bool host_wrote = std::exchange(host_writes_, false);
  // Out of the way of a node that shares something with the root, or is it. Giving up never fails.
  if (root() != nullptr)
    edge_.Change({.permissions = {}, .granularity = had.granularity}).IgnoreError();
  absl::Status taken = AttachTo(coming, node);
  if (taken.ok() && !GuestHolds(force)) return taken;
  if (taken.ok()) coming.Detach();
  host_writes_ = host_wrote;
  // Nor does having again what was kept.
  if (root() != nullptr) edge_.Change(had).IgnoreError();
  return taken.ok() ? LockedError() : taken;
}

absl::Status BlockBackendImpl::ChangeRoot(const NodeRef& node, Force force) {
  std::optional<KeptLocks> kept;
  if (root() != nullptr) kept.emplace(root(), node);
  Edge coming(*this, edge_.role());
  if (absl::Status refused = TakeBesideRoot(coming, node, force); !refused.ok()) {
    // Only now: everything is as the guest knows it.
    if (IsMediumLocked(refused) && device_->ops.eject_request) device_->ops.eject_request(force);
    return refused;
  }
  // From here on nothing can fail. Requests that wait for the old medium end with it.
  if (root() != nullptr) DetachRoot();
  kept.reset();
  if (has_tray()) {
    OpenTrayDrained(force);
  } else {
    if (Locked() && device_->ops.eject_request) device_->ops.eject_request(force);
    MoveMedium(MediumMove::kEject);
  }
  edge_.TakeOver(coming);
  TellOfRoot();
  MoveMedium(MediumMove::kLoad);
  return absl::OkStatus();
}

Task<absl::Status> BlockBackendImpl::ChangeMedium(NodeRef node, Force force) {
  if (absl::Status refused = CheckRemovable(); !refused.ok()) co_return refused;
  const ChangeSection section = co_await BeginChange(node);
  if (absl::Status refused = CheckRemovable(); !refused.ok()) co_return refused;
  if (absl::Status blocked = CheckNotBlocked(BlockOperation::kChange); !blocked.ok()) {
    co_return blocked;
  }
  // Before anything moves: from here on nothing waits, so no command of the guest comes between.
  if (root() != nullptr) co_await FlushRoot();
  co_return ChangeRoot(node, force);
}

}  // namespace platter

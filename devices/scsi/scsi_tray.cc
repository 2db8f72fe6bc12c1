// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_tray.h"

#include "devices/scsi/scsi_unit.h"

namespace platter {

BlockDevOps ScsiTray::Callbacks() {
  BlockDevOps ops;
  ops.change_media = [this](MediumMove move) { OnHostMove(move); };
  ops.eject_request = [this](Force force) { OnEjectRequest(force); };
  ops.is_tray_open = [this] { return open(); };
  ops.is_medium_locked = [this] { return locked(); };
  return ops;
}

void ScsiTray::OnAttached() {
  mechanism_.Restore({.medium = unit_.backend().is_inserted()});
  Publish();
}

void ScsiTray::LookAtMedium() { mechanism_.SetMedium(unit_.backend().is_inserted()); }

void ScsiTray::Publish() {
  ready_.store(mechanism_.ready(), std::memory_order_release);
  open_.store(mechanism_.open(), std::memory_order_release);
  reports_.store(mechanism_.report() != TrayReport::kNone, std::memory_order_release);
}

// --- The host. ---

void ScsiTray::OnHostMove(MediumMove move) {
  if (move == MediumMove::kEject) {
    mechanism_.TryOpen(Force::kNo);
  } else {
    LookAtMedium();
    mechanism_.Apply(TrayEvent::kHostClose);
  }
  Publish();
  unit_.TellNews(ScsiNews::kTray);
}

void ScsiTray::OnEjectRequest(Force force) {
  mechanism_.RequestEject(force);
  if (force == Force::kYes) unit_.backend().LockMedium(false);
  Publish();
  unit_.TellNews(ScsiNews::kTray);
}

// --- The guest. ---

TrayOutcome ScsiTray::Move(MediumMove move) {
  if (move == MediumMove::kLoad) LookAtMedium();
  const TrayOutcome outcome =
      mechanism_.Apply(move == MediumMove::kEject ? TrayEvent::kGuestOpen : TrayEvent::kGuestClose);
  Publish();
  if (outcome == TrayOutcome::kOpened || outcome == TrayOutcome::kClosed) {
    unit_.backend().TrayMoved(move);
  }
  return outcome;
}

void ScsiTray::Lock(bool locked) {
  mechanism_.Apply(locked ? TrayEvent::kGuestLock : TrayEvent::kGuestUnlock);
  unit_.backend().LockMedium(locked);
}

TrayNotice ScsiTray::TakeNotice() {
  const TrayNotice notice = mechanism_.notice();
  if (notice != TrayNotice::kNone) mechanism_.Apply(TrayEvent::kNotified);
  return notice;
}

bool ScsiTray::has_medium() const {
  return unit_.backend().is_inserted() && (mechanism_.open() || mechanism_.has_medium());
}

void ScsiTray::Reset() {
  mechanism_.Apply(TrayEvent::kDeviceReset);
  unit_.backend().LockMedium(false);
}

void ScsiTray::ResetMachine() {
  const TrayOutcome outcome = mechanism_.Apply(TrayEvent::kMachineReset);
  LookAtMedium();
  // A medium put in while open is no news to a new guest.
  mechanism_.Apply(TrayEvent::kMachineReset);
  Publish();
  unit_.backend().LockMedium(false);
  if (outcome == TrayOutcome::kClosed) unit_.backend().TrayMoved(MediumMove::kLoad);
}

// --- Admission. ---

std::optional<Sense> ScsiTray::Admit(const ScsiCommand& command) {
  if ((command.flags & kIgnoresAttention) != 0) return std::nullopt;
  const TrayReport report = mechanism_.report();
  if (report == TrayReport::kNone) return std::nullopt;
  mechanism_.Apply(TrayEvent::kReported);
  Publish();
  if (report == TrayReport::kGone) return removal_;
  return UnitAttention(SenseCode::kMediumMayHaveChanged);
}

Sense ScsiTray::Readiness() const {
  // The host may take the medium away beneath the tray, too.
  if (ready_.load(std::memory_order_acquire) && unit_.backend().is_inserted()) return {};
  return NotReady(open_.load(std::memory_order_acquire) ? SenseCode::kMediumNotPresentTrayOpen
                                                        : SenseCode::kMediumNotPresentTrayClosed);
}

}  // namespace platter

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
  const TraySnapshot found = {.medium = unit_.backend().is_inserted()};
  mechanism_.Restore(found);
  for (Tray& other : others_) other.Restore(found);
  Publish();
}

TrayOutcome ScsiTray::ForEveryNexus(absl::FunctionRef<TrayOutcome(Tray&)> action) {
  for (Tray& other : others_) action(other);
  return action(mechanism_);
}

void ScsiTray::LookAtMedium() {
  const bool medium = unit_.backend().is_inserted();
  ForEveryNexus([medium](Tray& tray) { return tray.SetMedium(medium); });
}

void ScsiTray::Publish() {
  ready_.store(mechanism_.ready(), std::memory_order_release);
  open_.store(mechanism_.open(), std::memory_order_release);
  uint32_t reports = 0;
  for (uint8_t nexus = 0; nexus < UnitAttentions::kMaxNexuses; ++nexus) {
    if (report(nexus) != TrayReport::kNone) reports |= uint32_t{1} << nexus;
  }
  reports_.store(reports, std::memory_order_release);
}

// --- The host. ---

void ScsiTray::OnHostMove(MediumMove move) {
  if (move == MediumMove::kEject) {
    ForEveryNexus([](Tray& tray) { return tray.TryOpen(Force::kNo); });
  } else {
    LookAtMedium();
    Apply(TrayEvent::kHostClose);
  }
  Publish();
  unit_.TellNews(ScsiNews::kTray);
}

void ScsiTray::OnEjectRequest(Force force) {
  ForEveryNexus([force](Tray& tray) { return tray.RequestEject(force); });
  if (force == Force::kYes) unit_.backend().LockMedium(false);
  Publish();
  unit_.TellNews(ScsiNews::kTray);
}

// --- The guest. ---

TrayOutcome ScsiTray::Move(MediumMove move) {
  if (move == MediumMove::kLoad) LookAtMedium();
  const TrayOutcome outcome =
      Apply(move == MediumMove::kEject ? TrayEvent::kGuestOpen : TrayEvent::kGuestClose);
  Publish();
  if (outcome == TrayOutcome::kOpened || outcome == TrayOutcome::kClosed) {
    unit_.backend().TrayMoved(move);
  }
  return outcome;
}

void ScsiTray::Lock(bool locked) {
  Apply(locked ? TrayEvent::kGuestLock : TrayEvent::kGuestUnlock);
  unit_.backend().LockMedium(locked);
}

TrayNotice ScsiTray::TakeNotice() {
  const TrayNotice notice = mechanism_.notice();
  if (notice != TrayNotice::kNone) Apply(TrayEvent::kNotified);
  return notice;
}

bool ScsiTray::has_medium() const {
  return unit_.backend().is_inserted() && (mechanism_.open() || mechanism_.has_medium());
}

void ScsiTray::Reset() {
  Apply(TrayEvent::kDeviceReset);
  unit_.backend().LockMedium(false);
}

void ScsiTray::ResetMachine() {
  const TrayOutcome outcome = Apply(TrayEvent::kMachineReset);
  LookAtMedium();
  // A medium put in while open is no news to a new guest.
  Apply(TrayEvent::kMachineReset);
  Publish();
  unit_.backend().LockMedium(false);
  if (outcome == TrayOutcome::kClosed) unit_.backend().TrayMoved(MediumMove::kLoad);
}

void ScsiTray::Restore(const TraySnapshot& snapshot) {
  mechanism_.Restore(snapshot);
  for (Tray& other : others_) other.Restore(snapshot);
  if (!mechanism_.open()) LookAtMedium();
  Publish();
  unit_.backend().LockMedium(mechanism_.locked());
}

void ScsiTray::RestoreReport(uint8_t nexus, TrayReport report) {
  Tray& tray = nexus == 0 ? mechanism_ : others_[nexus - 1];
  TraySnapshot snapshot = tray.snapshot();
  snapshot.report = report;
  tray.Restore(snapshot);
  Publish();
}

// --- Admission. ---

std::optional<Sense> ScsiTray::Admit(const ScsiCommand& command, uint8_t nexus) {
  if ((command.flags & kIgnoresAttention) != 0) return std::nullopt;
  return TakeReport(nexus);
}

std::optional<Sense> ScsiTray::TakeReport(uint8_t nexus) {
  Tray& tray = nexus == 0 ? mechanism_ : others_[nexus - 1];
  const TrayReport report = tray.report();
  if (report == TrayReport::kNone) return std::nullopt;
  tray.Apply(TrayEvent::kReported);
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

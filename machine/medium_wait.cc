// SPDX-License-Identifier: Apache-2.0

#include "machine/medium_wait.h"

namespace platter {

MediumWait::MediumWait(AioContext& control, BlockBackend& drive, Instant deadline)
    : drive_(drive),
      medium_(drive.root()),
      had_medium_(drive.root() != nullptr),
      device_(drive.attached_device()),
      timer_(control,
             [this] {
               expired_ = true;
               look_.Set();
             }),
      news_(drive.news_notifiers(), [this] { look_.Set(); }) {
  timer_.ArmAt(deadline);
}

void MediumWait::Cancel() {
  cancelled_ = true;
  look_.Set();
}

std::optional<MediumWait::Outcome> MediumWait::Look() const {
  if (cancelled_) return Outcome::kCancelled;
  if (drive_.attached_device() != device_) return Outcome::kDeviceGone;
  const NodeRef medium = medium_.lock();
  if (had_medium_ ? medium == nullptr || drive_.root() != medium : drive_.root() != nullptr) {
    return Outcome::kOtherMedium;
  }
  const bool unlocked = !drive_.medium_locked();
  // Who unlocks a tray is about to open it: it is not opened for him, or his own command would open
  // it a second time, with the new medium in it.
  if (drive_.has_tray() ? drive_.tray_open() : unlocked) return Outcome::kLetGo;
  if (!expired_) return std::nullopt;
  return unlocked ? Outcome::kLetGo : Outcome::kTimeout;
}

Task<MediumWait::Outcome> MediumWait::Wait() {
  for (;;) {
    if (const std::optional<Outcome> outcome = Look(); outcome.has_value()) co_return *outcome;
    look_.Reset();
    co_await look_.Wait();
  }
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "devices/tray/tray.h"

#include <cstdlib>

#include "base/check.h"

namespace platter {

// One row: in a state whose `care` bits are `want`, `event` sets and clears these bits.
struct TrayRule {
  using enum Tray::Bit;
  using enum TrayEvent;
  using enum TrayOutcome;

  TrayEvent event;
  uint8_t care;
  uint8_t want;
  uint8_t set;
  uint8_t clear;
  TrayOutcome outcome;

  static constexpr uint8_t kOnce = kGone | kArrived;  // The report.
  static constexpr uint8_t kDue = kRequest | kRemovalDue | kArrivalDue;

  static const TrayRule kTable[];
  static const TrayRule& For(uint8_t bits, TrayEvent event);
};

// For each event the first row that fits; the last row of each fits always.
constexpr TrayRule TrayRule::kTable[] = {
    // event, care, want, set, clear, outcome
    {kGuestOpen, kOpen, kOpen, 0, 0, kAlready},
    {kGuestOpen, kLock, kLock, 0, 0, kLocked},
    {kGuestOpen, kMedium, kMedium, kOpen | kRemovalDue, kRequest | kArrivalDue | kOnce, kOpened},
    {kGuestOpen, 0, 0, kOpen, kRequest | kOnce, kOpened},

    {kGuestClose, kOpen, 0, 0, 0, kAlready},
    {kGuestClose, kMedium, kMedium, kArrivalDue | kArrived, kOpen | kGone, kClosed},
    {kGuestClose, 0, 0, 0, kOpen, kClosed},

    {kGuestLock, kLock, kLock, 0, 0, kAlready},
    {kGuestLock, 0, 0, kLock, 0, kDone},
    {kGuestUnlock, kLock, 0, 0, 0, kAlready},
    {kGuestUnlock, 0, 0, 0, kLock, kDone},

    {kHostOpen, kOpen, kOpen, 0, 0, kAlready},
    {kHostOpen, kLock, kLock, kRequest, 0, kLocked},
    {kHostOpen, kMedium, kMedium, kOpen | kRemovalDue | kGone, kRequest | kArrivalDue | kArrived,
     kOpened},
    {kHostOpen, 0, 0, kOpen, kRequest, kOpened},

    {kHostClose, kOpen, 0, 0, 0, kAlready},
    {kHostClose, kMedium, kMedium, kArrivalDue | kGone, kOpen, kClosed},
    {kHostClose, 0, 0, 0, kOpen, kClosed},

    {kHostRequestEject, kOpen, kOpen, 0, 0, kAlready},
    {kHostRequestEject, 0, 0, kRequest, 0, kDone},
    {kHostBreakLock, kOpen, kOpen, 0, kLock, kAlready},
    {kHostBreakLock, 0, 0, kRequest, kLock, kDone},

    {kMediumIn, kMedium, kMedium, 0, 0, kAlready},
    {kMediumIn, kOpen, kOpen, kMedium, 0, kDone},
    {kMediumIn, 0, 0, kMedium | kArrivalDue | kGone, 0, kDone},
    {kMediumOut, kMedium, 0, 0, 0, kAlready},
    {kMediumOut, kOpen, kOpen, 0, kMedium, kDone},
    {kMediumOut, 0, 0, kRemovalDue | kGone, kMedium | kArrivalDue | kArrived | kRequest, kDone},

    {kReported, kGone | kMedium | kOpen, kGone | kMedium, kArrived, kGone, kDone},
    {kReported, kOnce, 0, 0, 0, kAlready},
    {kReported, 0, 0, 0, kOnce, kDone},

    {kNotified, kRemovalDue, kRemovalDue, 0, kRemovalDue, kDone},
    {kNotified, kArrivalDue, kArrivalDue, 0, kArrivalDue, kDone},
    {kNotified, kRequest, kRequest, 0, kRequest, kDone},
    {kNotified, 0, 0, 0, 0, kAlready},

    {kDeviceReset, 0, 0, 0, kLock, kDone},
    {kMachineReset, kOpen, kOpen, 0, kOpen | kLock | kDue | kOnce, kClosed},
    {kMachineReset, 0, 0, 0, kLock | kDue | kOnce, kDone},
};

const TrayRule& TrayRule::For(uint8_t bits, TrayEvent event) {
  for (const TrayRule& rule : kTable) {
    if (rule.event == event && (bits & rule.care) == rule.want) return rule;
  }
  PLATTER_CHECK(false);
  std::abort();
}

TrayOutcome Tray::Apply(TrayEvent event) {
  const TrayRule& rule = TrayRule::For(bits_, event);
  bits_ = static_cast<uint8_t>((bits_ & ~rule.clear) | rule.set);
  return rule.outcome;
}

TrayOutcome Tray::TryOpen(Force force) {
  if (force == Force::kYes && locked()) Apply(TrayEvent::kHostBreakLock);
  return Apply(TrayEvent::kHostOpen);
}

TrayOutcome Tray::RequestEject(Force force) {
  return Apply(force == Force::kYes ? TrayEvent::kHostBreakLock : TrayEvent::kHostRequestEject);
}

TrayOutcome Tray::Swap(Force force, bool medium) {
  if (TryOpen(force) == TrayOutcome::kLocked) return TrayOutcome::kLocked;
  SetMedium(medium);
  return Apply(TrayEvent::kHostClose);
}

TrayOutcome Tray::SetMedium(bool medium) {
  return Apply(medium ? TrayEvent::kMediumIn : TrayEvent::kMediumOut);
}

TrayReport Tray::report() const {
  if (Has(kGone)) return TrayReport::kGone;
  return Has(kArrived) ? TrayReport::kArrived : TrayReport::kNone;
}

TrayNotice Tray::notice() const {
  // A removal before an arrival: real drives do so, and Windows looks at the disc again only then.
  if (Has(kRemovalDue)) return TrayNotice::kMediaRemoval;
  if (Has(kArrivalDue)) return TrayNotice::kNewMedia;
  return Has(kRequest) ? TrayNotice::kEjectRequest : TrayNotice::kNone;
}

TraySnapshot Tray::snapshot() const {
  return {.open = Has(kOpen),
          .locked = Has(kLock),
          .medium = Has(kMedium),
          .eject_requested = Has(kRequest),
          .removal_due = Has(kRemovalDue),
          .arrival_due = Has(kArrivalDue),
          .report = report()};
}

void Tray::Restore(const TraySnapshot& snapshot) {
  const bool ready = snapshot.medium && !snapshot.open;
  unsigned bits = 0;
  if (snapshot.open) bits |= kOpen;
  if (snapshot.locked) bits |= kLock;
  if (snapshot.medium) bits |= kMedium;
  if (snapshot.eject_requested && !snapshot.open) bits |= kRequest;
  if (snapshot.removal_due) bits |= kRemovalDue;
  if (snapshot.arrival_due && ready) bits |= kArrivalDue;
  if (snapshot.report == TrayReport::kGone) bits |= kGone;
  if (snapshot.report == TrayReport::kArrived && ready) bits |= kArrived;
  bits_ = static_cast<uint8_t>(bits);
}

}  // namespace platter

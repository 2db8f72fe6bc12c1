// SPDX-License-Identifier: Apache-2.0
#include "devices/tray/tray.h"

#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

using Step = std::pair<TrayOutcome, TraySnapshot>;

std::vector<TraySnapshot> EverySnapshot() {
  std::vector<TraySnapshot> all;
  for (int bits = 0; bits < 64; ++bits) {
    for (TrayReport report : {TrayReport::kNone, TrayReport::kGone, TrayReport::kArrived}) {
      all.push_back({.open = (bits & 1) != 0,
                     .locked = (bits & 2) != 0,
                     .medium = (bits & 4) != 0,
                     .eject_requested = (bits & 8) != 0,
                     .removal_due = (bits & 16) != 0,
                     .arrival_due = (bits & 32) != 0,
                     .report = report});
    }
  }
  return all;
}

// Snapshots of states that can be.
std::vector<TraySnapshot> EveryState() {
  std::vector<TraySnapshot> states;
  for (const TraySnapshot& snapshot : EverySnapshot()) {
    Tray tray;
    tray.Restore(snapshot);
    if (tray.snapshot() == snapshot) states.push_back(snapshot);
  }
  return states;
}

// --- What each event does, in other words than the table's. ---

Step Opens(TraySnapshot s, TrayReport report) {
  s.open = true;
  s.eject_requested = s.arrival_due = false;
  if (s.medium) s.removal_due = true;
  s.report = report;
  return {TrayOutcome::kOpened, s};
}

Step Closes(TraySnapshot s, TrayReport report) {
  s.open = false;
  if (s.medium) {
    s.arrival_due = true;
    s.report = report;
  }
  return {TrayOutcome::kClosed, s};
}

Step OnLock(TraySnapshot s, bool locked) {
  const TrayOutcome outcome = s.locked == locked ? TrayOutcome::kAlready : TrayOutcome::kDone;
  s.locked = locked;
  return {outcome, s};
}

Step OnMedium(TraySnapshot s, bool medium) {
  if (s.medium == medium) return {TrayOutcome::kAlready, s};
  s.medium = medium;
  if (!s.open) {
    s.report = TrayReport::kGone;
    s.arrival_due = medium;
    if (!medium) {
      s.removal_due = true;
      s.eject_requested = false;
    }
  }
  return {TrayOutcome::kDone, s};
}

Step OnReported(TraySnapshot s) {
  if (s.report == TrayReport::kNone) return {TrayOutcome::kAlready, s};
  const bool arrives = s.report == TrayReport::kGone && s.medium && !s.open;
  s.report = arrives ? TrayReport::kArrived : TrayReport::kNone;
  return {TrayOutcome::kDone, s};
}

Step OnNotified(TraySnapshot s) {
  for (bool* due : {&s.removal_due, &s.arrival_due, &s.eject_requested}) {
    if (!*due) continue;
    *due = false;
    return {TrayOutcome::kDone, s};
  }
  return {TrayOutcome::kAlready, s};
}

Step OnHostAsks(TraySnapshot s, bool unlocks) {
  const TrayOutcome outcome = s.open ? TrayOutcome::kAlready : TrayOutcome::kDone;
  if (!s.open) s.eject_requested = true;
  if (unlocks) s.locked = false;
  return {outcome, s};
}

Step Expected(TraySnapshot s, TrayEvent event) {
  switch (event) {
    case TrayEvent::kGuestOpen:
      if (s.open) return {TrayOutcome::kAlready, s};
      if (s.locked) return {TrayOutcome::kLocked, s};
      return Opens(s, TrayReport::kNone);
    case TrayEvent::kHostOpen:
      if (s.open) return {TrayOutcome::kAlready, s};
      if (s.locked) return {TrayOutcome::kLocked, OnHostAsks(s, false).second};
      return Opens(s, s.medium ? TrayReport::kGone : s.report);
    case TrayEvent::kGuestClose:
      return s.open ? Closes(s, TrayReport::kArrived) : Step{TrayOutcome::kAlready, s};
    case TrayEvent::kHostClose:
      return s.open ? Closes(s, TrayReport::kGone) : Step{TrayOutcome::kAlready, s};
    case TrayEvent::kGuestLock:
      return OnLock(s, true);
    case TrayEvent::kGuestUnlock:
      return OnLock(s, false);
    case TrayEvent::kHostRequestEject:
      return OnHostAsks(s, false);
    case TrayEvent::kHostBreakLock:
      return OnHostAsks(s, true);
    case TrayEvent::kMediumIn:
      return OnMedium(s, true);
    case TrayEvent::kMediumOut:
      return OnMedium(s, false);
    case TrayEvent::kReported:
      return OnReported(s);
    case TrayEvent::kNotified:
      return OnNotified(s);
    case TrayEvent::kDeviceReset:
      s.locked = false;
      return {TrayOutcome::kDone, s};
    case TrayEvent::kMachineReset:
      return {s.open ? TrayOutcome::kClosed : TrayOutcome::kDone, {.medium = s.medium}};
  }
  return {};
}

TEST(TrayTest, EveryEventInEveryState) {
  const std::vector<TraySnapshot> states = EveryState();
  EXPECT_EQ(states.size(), 80u);
  for (const TraySnapshot& state : states) {
    for (int number = 0; number < kTrayEvents; ++number) {
      const auto event = static_cast<TrayEvent>(number);
      Tray tray;
      tray.Restore(state);
      const auto [outcome, after] = Expected(state, event);
      EXPECT_EQ(tray.Apply(event), outcome) << "event " << number;
      ASSERT_EQ(tray.snapshot(), after) << "event " << number;
      // The tray moved exactly if the outcome says so: the event to the host hangs on that.
      EXPECT_EQ(outcome == TrayOutcome::kOpened, !state.open && after.open);
      EXPECT_EQ(outcome == TrayOutcome::kClosed, state.open && !after.open);
    }
  }
}

TEST(TrayTest, NoEventLeadsOutOfTheStatesThatCanBe) {
  for (const TraySnapshot& state : EveryState()) {
    for (int number = 0; number < kTrayEvents; ++number) {
      Tray tray;
      tray.Restore(state);
      tray.Apply(static_cast<TrayEvent>(number));
      Tray again;
      again.Restore(tray.snapshot());
      EXPECT_EQ(again.snapshot(), tray.snapshot()) << "event " << number;
    }
  }
}

TEST(TrayTest, AnySnapshotCanBeRestored) {
  for (const TraySnapshot& snapshot : EverySnapshot()) {
    Tray tray;
    tray.Restore(snapshot);
    EXPECT_EQ(tray.open(), snapshot.open);
    EXPECT_EQ(tray.locked(), snapshot.locked);
    EXPECT_EQ(tray.has_medium(), snapshot.medium);
    if (!tray.ready()) {
      EXPECT_NE(tray.report(), TrayReport::kArrived);
      EXPECT_NE(tray.notice(), TrayNotice::kNewMedia);
    }
  }
}

Tray Loaded() {
  Tray tray;
  tray.Restore({.medium = true});
  return tray;
}

TEST(TrayTest, TheHostsChangeIsToldInTwoSteps) {
  Tray tray = Loaded();
  EXPECT_EQ(tray.Swap(Force::kNo, /*medium=*/true), TrayOutcome::kClosed);
  EXPECT_EQ(tray.report(), TrayReport::kGone);
  tray.Apply(TrayEvent::kReported);
  EXPECT_EQ(tray.report(), TrayReport::kArrived);
  tray.Apply(TrayEvent::kReported);
  EXPECT_EQ(tray.report(), TrayReport::kNone);
}

TEST(TrayTest, TheGuestsOwnCycleIsToldInOneStep) {
  Tray tray = Loaded();
  EXPECT_EQ(tray.Apply(TrayEvent::kGuestOpen), TrayOutcome::kOpened);
  EXPECT_EQ(tray.report(), TrayReport::kNone);
  EXPECT_EQ(tray.Apply(TrayEvent::kGuestClose), TrayOutcome::kClosed);
  EXPECT_EQ(tray.report(), TrayReport::kArrived);
}

TEST(TrayTest, ALockedTrayOpensOnlyByForce) {
  Tray tray = Loaded();
  tray.Apply(TrayEvent::kGuestLock);
  const TraySnapshot before = tray.snapshot();
  EXPECT_EQ(tray.Apply(TrayEvent::kGuestOpen), TrayOutcome::kLocked);
  EXPECT_EQ(tray.snapshot(), before);
  EXPECT_EQ(tray.TryOpen(Force::kNo), TrayOutcome::kLocked);
  EXPECT_EQ(tray.notice(), TrayNotice::kEjectRequest);
  EXPECT_EQ(tray.Swap(Force::kNo, true), TrayOutcome::kLocked);
  EXPECT_FALSE(tray.open());
  EXPECT_EQ(tray.TryOpen(Force::kYes), TrayOutcome::kOpened);
  EXPECT_FALSE(tray.locked());
}

TEST(TrayTest, AnEjectRequestIsGranted) {
  Tray tray = Loaded();
  tray.Apply(TrayEvent::kGuestLock);
  EXPECT_EQ(tray.RequestEject(Force::kNo), TrayOutcome::kDone);
  EXPECT_TRUE(tray.locked());
  tray.Apply(TrayEvent::kGuestUnlock);
  EXPECT_EQ(tray.notice(), TrayNotice::kEjectRequest);
  EXPECT_EQ(tray.Apply(TrayEvent::kGuestOpen), TrayOutcome::kOpened);
  EXPECT_FALSE(tray.snapshot().eject_requested);
  EXPECT_EQ(tray.RequestEject(Force::kYes), TrayOutcome::kAlready);
}

TEST(TrayTest, NoticesComeInTheOrderOfRealDrives) {
  Tray tray = Loaded();
  tray.Swap(Force::kNo, true);
  tray.RequestEject(Force::kNo);
  for (TrayNotice notice : {TrayNotice::kMediaRemoval, TrayNotice::kNewMedia,
                            TrayNotice::kEjectRequest, TrayNotice::kNone}) {
    EXPECT_EQ(tray.notice(), notice);
    tray.Apply(TrayEvent::kNotified);
  }
}

TEST(TrayTest, AMediumTakenOutWhileOpenIsMissedAtTheClose) {
  Tray tray = Loaded();
  tray.TryOpen(Force::kNo);
  EXPECT_EQ(tray.SetMedium(false), TrayOutcome::kDone);
  EXPECT_EQ(tray.Apply(TrayEvent::kHostClose), TrayOutcome::kClosed);
  EXPECT_EQ(tray.report(), TrayReport::kGone);  // Of the opening; nothing arrives after it.
  tray.Apply(TrayEvent::kReported);
  EXPECT_EQ(tray.report(), TrayReport::kNone);
  EXPECT_EQ(tray.notice(), TrayNotice::kMediaRemoval);
}

TEST(TrayTest, ADriveWithoutTrayIsToldToo) {
  Tray tray;
  EXPECT_EQ(tray.SetMedium(true), TrayOutcome::kDone);
  EXPECT_TRUE(tray.ready());
  EXPECT_EQ(tray.report(), TrayReport::kGone);
  EXPECT_EQ(tray.SetMedium(true), TrayOutcome::kAlready);
}

TEST(TrayTest, ADevicesResetLeavesTheTray) {
  Tray tray = Loaded();
  tray.Apply(TrayEvent::kGuestOpen);
  tray.Apply(TrayEvent::kGuestLock);
  EXPECT_EQ(tray.Apply(TrayEvent::kDeviceReset), TrayOutcome::kDone);
  EXPECT_TRUE(tray.open());
  EXPECT_FALSE(tray.locked());
  EXPECT_EQ(tray.Apply(TrayEvent::kMachineReset), TrayOutcome::kClosed);
  EXPECT_EQ(tray.snapshot(), (TraySnapshot{.medium = true}));
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// Device contract: medium, tray and lock. A device without one of them must refuse.

#include <cerrno>

#include "base/status.h"
#include "testing/contract/device_contract.h"

namespace platter {
namespace {

using testing::HasSubstr;

TEST_P(DeviceContractTest, EjectOpensTheTrayAndTakesTheMedium) {
  StartMachine();
  const absl::Status ejected = Await(backend().Eject(Force::kNo));
  if (!traits().removable) {
    EXPECT_EQ(ejected.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(MessageOf(ejected), HasSubstr("not removable"));
    EXPECT_NE(backend().root(), nullptr);
    ExpectWorks();
    return;
  }
  EXPECT_TRUE(ejected.ok()) << ejected;
  EXPECT_EQ(backend().root(), nullptr);
  EXPECT_EQ(world_.events.Count("DEVICE_TRAY_MOVED open"), traits().tray ? 1u : 0u);
  EXPECT_EQ(fixture_->TrayOpen(), traits().tray);
  EXPECT_TRUE(Wait([&] { return fixture_->MediumChanges() == 1; }));
  EXPECT_EQ(Run(GuestOp::kRead, 0), GuestOutcome::kFailed);

  // The next medium.
  ASSERT_TRUE(Await(backend().InsertMedium(world_.NewMedium("second", kDiskBytes))).ok());
  ASSERT_TRUE(Await(backend().CloseTray()).ok());
  EXPECT_EQ(world_.events.Count("DEVICE_TRAY_MOVED closed"), traits().tray ? 1u : 0u);
  EXPECT_FALSE(fixture_->TrayOpen());
  model_ = DiskModel(kDiskBytes);
  ExpectWorks();
}

TEST_P(DeviceContractTest, AnOccupiedDriveTakesNoSecondMedium) {
  StartMachine();
  const auto second = std::make_shared<FaultyDisk>("second", kDiskBytes);
  const absl::Status closed = Await(backend().InsertMedium(second));
  EXPECT_FALSE(closed.ok());
  if (traits().tray) {
    EXPECT_THAT(MessageOf(closed), HasSubstr("not open"));
    EXPECT_EQ(*Await(backend().OpenTray(Force::kNo)), TrayResult::kMoved);
    EXPECT_EQ(ErrnoOf(Await(backend().InsertMedium(second))), EBUSY);
    EXPECT_EQ(*Await(backend().CloseTray()), TrayResult::kMoved);
  }
  EXPECT_EQ(backend().root()->node_name(), "disk");
  ExpectWorks();
}

TEST_P(DeviceContractTest, ATrayThatIsThereAlreadyMakesNoEvent) {
  StartMachine();
  const auto opened = Await(backend().OpenTray(Force::kNo));
  if (!traits().removable) {
    EXPECT_THAT(MessageOf(opened.status()), HasSubstr("not removable"));
    return;
  }
  EXPECT_EQ(*opened, traits().tray ? TrayResult::kMoved : TrayResult::kAlready);
  EXPECT_EQ(*Await(backend().OpenTray(Force::kNo)), TrayResult::kAlready);
  EXPECT_EQ(world_.events.Count("DEVICE_TRAY_MOVED"), traits().tray ? 1u : 0u);
  Await(backend().CloseTray()).IgnoreError();
  EXPECT_EQ(*Await(backend().CloseTray()), TrayResult::kAlready);
  EXPECT_EQ(world_.events.Count("DEVICE_TRAY_MOVED"), traits().tray ? 2u : 0u);
  ExpectWorks();
}

TEST_P(DeviceContractTest, ALockedDriveAsksItsGuestFirst) {
  StartMachine();
  if (!traits().lock) {
    EXPECT_FALSE(backend().lockable());
    EXPECT_FALSE(fixture_->GuestLock());
    return;
  }
  ASSERT_TRUE(fixture_->GuestLock());
  const absl::Status refused = Await(backend().Eject(Force::kNo));
  EXPECT_EQ(ErrnoOf(refused), EBUSY) << refused;
  EXPECT_THAT(MessageOf(refused), HasSubstr("dut"));
  EXPECT_THAT(MessageOf(refused), HasSubstr("locked"));
  EXPECT_TRUE(Wait([&] { return fixture_->EjectRequests() == 1; }));
  EXPECT_TRUE(fixture_->Locked());
  EXPECT_NE(backend().root(), nullptr);
  EXPECT_EQ(world_.events.Count("DEVICE_TRAY_MOVED"), 0u);
  ExpectWorks();
  EXPECT_EQ(*Await(backend().OpenTray(Force::kNo)), TrayResult::kRequested);
  EXPECT_TRUE(Wait([&] { return fixture_->EjectRequests() == 2; }));

  // The guest grants it.
  ASSERT_TRUE(fixture_->GuestUnlock());
  ASSERT_TRUE(fixture_->GuestOpenTray());
  Settle();
  EXPECT_EQ(world_.events.Count("DEVICE_TRAY_MOVED open"), 1u);
  ASSERT_TRUE(Await(backend().RemoveMedium()).ok());
  EXPECT_EQ(backend().root(), nullptr);
}

TEST_P(DeviceContractTest, ForceTakesTheMediumAndTheLock) {
  StartMachine();
  if (!traits().lock) {
    EXPECT_EQ(Await(backend().Eject(Force::kYes)).ok(), traits().removable);
    return;
  }
  ASSERT_TRUE(fixture_->GuestLock());
  EXPECT_TRUE(Await(backend().Eject(Force::kYes)).ok());
  EXPECT_EQ(backend().root(), nullptr);
  EXPECT_TRUE(fixture_->TrayOpen());
  EXPECT_FALSE(fixture_->Locked());
  EXPECT_TRUE(Wait([&] {
    return (traits().polled ? fixture_->MediumChanges() : fixture_->EjectRequests()) == 1;
  }));
}

TEST_P(DeviceContractTest, TheGuestMovesItsOwnTray) {
  StartMachine();
  if (!traits().tray) {
    EXPECT_FALSE(fixture_->GuestOpenTray());
    EXPECT_FALSE(fixture_->TrayOpen());
    return;
  }
  ASSERT_TRUE(fixture_->GuestOpenTray());
  EXPECT_EQ(Run(GuestOp::kRead, 0), GuestOutcome::kFailed) << "the medium is out";
  ASSERT_TRUE(fixture_->GuestCloseTray());
  ASSERT_TRUE(fixture_->GuestCloseTray());  // Nothing moves.
  EXPECT_EQ(world_.events.lines(),
            (std::vector<std::string>{"DEVICE_TRAY_MOVED open", "DEVICE_TRAY_MOVED closed"}));
  ExpectWorks();
  if (!traits().lock) return;
  ASSERT_TRUE(fixture_->GuestLock());
  EXPECT_FALSE(fixture_->GuestOpenTray());
  EXPECT_FALSE(fixture_->TrayOpen());
}

TEST_P(DeviceContractTest, AnEmptyDriveWaitsForAMedium) {
  const absl::Status created = CreateDevice();
  if (!traits().removable) {
    // What can't be changed has to be there, or reads as an empty disk; it is never a crash.
    if (!created.ok()) {
      EXPECT_THAT(MessageOf(created), HasSubstr("dut"));
      return;
    }
  }
  ASSERT_TRUE(created.ok()) << created;
  ASSERT_TRUE(fixture_->Probe(*this).ok());
  probed_ = true;
  EXPECT_EQ(fixture_->Capacity(), 0u);
  EXPECT_EQ(Run(GuestOp::kRead, 0), GuestOutcome::kFailed);
  const absl::Status in_closed =
      Await(backend().InsertMedium(world_.NewMedium("disk", kDiskBytes)));
  if (!traits().removable) {
    EXPECT_FALSE(in_closed.ok());
    return;
  }
  if (traits().tray) {
    EXPECT_THAT(MessageOf(in_closed), HasSubstr("not open"));
    EXPECT_EQ(*Await(backend().OpenTray(Force::kNo)), TrayResult::kMoved);
    ASSERT_TRUE(Await(backend().InsertMedium(world_.NewMedium("disk2", kDiskBytes))).ok());
    EXPECT_EQ(*Await(backend().CloseTray()), TrayResult::kMoved);
  }
  EXPECT_TRUE(Wait([&] { return fixture_->Capacity() == kDiskBytes; }));
  ExpectWorks();
}

TEST_P(DeviceContractTest, EjectWaitsForTheRequestInFlight) {
  StartMachine();
  world_.disk().Hold(IoOpOf(Transfer()));
  const uint64_t held = Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return world_.disk().held() == 1; }));
  std::optional<absl::Status> ejected;
  StartTask(backend().Eject(Force::kNo), ejected);
  Settle();
  EXPECT_FALSE(fixture_->TrayOpen()) << "the tray moved while a request was in flight";
  world_.disk().Release();
  ASSERT_TRUE(Wait([&] { return ejected.has_value() && Finished(held); }));
  EXPECT_EQ(OutcomeOf(held), GuestOutcome::kOk);
  EXPECT_EQ(ejected->ok(), traits().removable);
  EXPECT_EQ(InFlight(), 0u);
}

TEST_P(DeviceContractTest, AResetClearsTheLockAndClosesTheTray) {
  StartMachine();
  if (traits().tray) {
    EXPECT_EQ(*Await(backend().OpenTray(Force::kNo)), TrayResult::kMoved);
  }
  if (traits().lock) {
    ASSERT_TRUE(fixture_->GuestLock());
  }
  world_.events.Clear();
  ResetDevice();
  Settle();
  EXPECT_FALSE(fixture_->Locked());
  EXPECT_FALSE(fixture_->TrayOpen());
  EXPECT_EQ(world_.events.Count("DEVICE_TRAY_MOVED closed"), traits().tray ? 1u : 0u);
  ASSERT_TRUE(fixture_->Probe(*this).ok());
  ExpectWorks();
}

TEST_P(DeviceContractTest, AnUnplugLeavesNoLockAndNoOpenTray) {
  StartMachine();
  if (traits().tray) {
    EXPECT_EQ(*Await(backend().OpenTray(Force::kNo)), TrayResult::kMoved);
  }
  if (traits().lock) {
    ASSERT_TRUE(fixture_->GuestLock());
  }
  world_.events.Clear();
  UnplugDevice();
  EXPECT_EQ(world_.events.Count("DEVICE_TRAY_MOVED closed"), 0u) << "it went as it was";
  fixture_->Destroy();

  fixture_ = GetParam().make();
  ASSERT_TRUE(CreateDevice().ok());
  ASSERT_TRUE(fixture_->Probe(*this).ok());
  EXPECT_FALSE(fixture_->Locked());
  EXPECT_FALSE(fixture_->TrayOpen());
  ExpectWorks();
}

}  // namespace
}  // namespace platter

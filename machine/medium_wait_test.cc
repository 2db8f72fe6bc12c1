// SPDX-License-Identifier: Apache-2.0
//
// A change of the medium that waits for the guest which has locked it in, on the virtual clock.

#include "machine/medium_wait.h"

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "machine/machine.h"
#include "machine/machine_fixture.h"
#include "testing/guest/atapi_driver.h"

namespace platter {
namespace {

using std::chrono_literals::operator""ms;
using Words = std::vector<std::string>;

class MediumWaitTest : public testing::Test {
 protected:
  static constexpr uint64_t kOld = 4096;
  static constexpr uint64_t kNew = 2048;

  MediumWaitTest() : rig_(world_), machine_(rig_.machine()) {
    const absl::Status built = rig_.Configure(R"(
        blockdevs { node_name: "a" read_only: true memory { size: 4096 } }
        blockdevs { node_name: "b" read_only: true memory { size: 8192 } }
        devices { id: "cd0" ide_cd { drive: "a" } })");
    EXPECT_TRUE(built.ok()) << built;
    medium_ = *ParseBlockdev("driver=memory,node-name=x,read-only=on,size=2048");
    guest_ = std::make_unique<AtapiDriver>(rig_.bus(), rig_.IdePlaceOf("cd0"));
    EXPECT_TRUE(guest_->ClearNews());
    EXPECT_TRUE(guest_->PreventAllow(AtapiLock::kLocked).ok());
  }
  BlockBackendRef Cd() { return machine_.BackendOfDevice("cd0"); }
  MediumPatience For(Duration wait) {
    return {.wait = wait, .begins = [this] { ++begun_; }, .ended = [this] { return CountEnd(); }};
  }
  Task<void> CountEnd() {
    ++ended_;
    co_return;
  }
  // Begins a change that waits so long.
  void Change(Duration wait) {
    rig_.Start(machine_.ChangeMedium(Cd(), medium_, Force::kNo, For(wait)), result_);
    Pass(1ms);
  }
  void Pass(Duration time) {
    rig_.Run([](Duration delay) -> Task<void> { co_await SleepFor(delay); }(time));
  }
  void GuestOpens() {
    ASSERT_TRUE(guest_->PreventAllow(AtapiLock::kUnlocked).ok());
    ASSERT_TRUE(guest_->StartStop(AtapiTray::kOpen).ok());
  }
  // It has failed with that, and the drive is as it was.
  std::string Failed(int error) {
    EXPECT_TRUE(result_.has_value());
    if (!result_.has_value()) return "";
    EXPECT_EQ(ErrnoOf(*result_), error) << *result_;
    EXPECT_EQ(Cd()->length(), kOld);
    EXPECT_FALSE(Cd()->tray_open());
    EXPECT_TRUE(Cd()->medium_locked());
    EXPECT_TRUE(rig_.events().empty());
    EXPECT_EQ(machine_.graph().Nodes().size(), 2u) << "the new medium is gone";
    return MessageOf(*result_);
  }
  static bool Has(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
    return true;
  }

  SimulatedWorld world_{1};
  Rig rig_;
  Machine& machine_;
  config::BlockdevOptions medium_;
  std::unique_ptr<AtapiDriver> guest_;
  std::optional<absl::Status> result_;
  int begun_ = 0;
  int ended_ = 0;
};

TEST_F(MediumWaitTest, AGuestThatOpensItsTrayInTimeGetsTheNewMedium) {
  Change(500ms);
  EXPECT_EQ(guest_->GetEventStatus()->code, 1) << "it was asked";
  Pass(400ms);
  EXPECT_FALSE(result_.has_value());
  EXPECT_EQ(begun_, 1);
  EXPECT_EQ(ended_, 0);
  EXPECT_EQ(Cd()->length(), kOld);
  GuestOpens();
  Pass(1ms);
  ASSERT_TRUE(result_.has_value()) << "it is not left waiting";
  EXPECT_TRUE(result_->ok()) << *result_;
  EXPECT_EQ(Cd()->length(), kNew);
  EXPECT_FALSE(Cd()->tray_open());
  EXPECT_EQ(rig_.events(), (Words{"DEVICE_TRAY_MOVED", "DEVICE_TRAY_MOVED"}));
  EXPECT_EQ(ended_, 1);
}

TEST_F(MediumWaitTest, ATooLateGuestKeepsTheOldOne) {
  Change(500ms);
  Pass(498ms);
  EXPECT_FALSE(result_.has_value());
  Pass(2ms);
  Has(Failed(EBUSY), "device 'cd0' is locked: eject requested from the guest, which has not");
  EXPECT_EQ(begun_ + ended_, 2);
  // What it does later is its own affair.
  GuestOpens();
  Pass(1000ms);
  EXPECT_EQ(Cd()->length(), kOld);
  EXPECT_TRUE(Cd()->tray_open());
}

TEST_F(MediumWaitTest, AGuestThatOnlyUnlocksIsGivenTheWholeTime) {
  Change(500ms);
  Pass(100ms);
  ASSERT_TRUE(guest_->PreventAllow(AtapiLock::kUnlocked).ok());
  Pass(300ms);
  EXPECT_FALSE(result_.has_value()) << "its command to open would open the tray a second time";
  Pass(100ms);
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->ok()) << *result_;
  EXPECT_EQ(Cd()->length(), kNew);
}

TEST_F(MediumWaitTest, AGuestMayChangeItsMind) {
  Change(500ms);
  ASSERT_TRUE(guest_->PreventAllow(AtapiLock::kUnlocked).ok());
  ASSERT_TRUE(guest_->PreventAllow(AtapiLock::kLocked).ok());
  Pass(100ms);
  EXPECT_FALSE(result_.has_value());
  GuestOpens();
  Pass(1ms);
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->ok()) << *result_;
}

TEST_F(MediumWaitTest, WithoutPatienceNobodyWaits) {
  for (const bool zero : {false, true}) {
    const Instant before = machine_.control().Now();
    result_ = rig_.Run(machine_.ChangeMedium(Cd(), medium_, Force::kNo,
                                             zero ? For(Duration{0}) : MediumPatience()));
    Has(Failed(EBUSY), "try again when its tray has opened, or use force");
    EXPECT_LT(machine_.control().Now() - before, 1ms);
  }
  EXPECT_EQ(begun_, 0);
}

TEST_F(MediumWaitTest, WhoIsNotLockedOutDoesNotWait) {
  const Instant before = machine_.control().Now();
  EXPECT_TRUE(rig_.Run(machine_.ChangeMedium(Cd(), medium_, Force::kYes, For(500ms))).ok());
  EXPECT_LT(machine_.control().Now() - before, 1ms);
  EXPECT_EQ(begun_, 0);
  EXPECT_EQ(Cd()->length(), kNew);
}

TEST_F(MediumWaitTest, AnErrorThatNoGuestCanMendIsToldAtOnce) {
  medium_.mutable_file()->set_filename("/nosuch/disc.iso");
  result_ = rig_.Run(machine_.ChangeMedium(Cd(), medium_, Force::kNo, For(500ms)));
  Has(Failed(ENOENT), "/nosuch/disc.iso");
  EXPECT_EQ(begun_, 0);
  medium_ = *ParseBlockdev("driver=memory,node-name=x,read-only=on,size=2048");
  const OpBlocker blocker(Cd()->op_blockers(), BlockOperation::kChange, "a test runs");
  result_ = rig_.Run(machine_.ChangeMedium(Cd(), medium_, Force::kNo, For(500ms)));
  Has(Failed(EBUSY), "a test runs");
  EXPECT_EQ(begun_, 0);
}

TEST_F(MediumWaitTest, ADriveThatGoesEndsTheWait) {
  Change(500ms);
  ASSERT_TRUE(rig_.Run(machine_.DeviceDel("cd0")).ok());
  Pass(1ms);
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(ErrnoOf(*result_), ECANCELED);
  Has(MessageOf(*result_),
      "device 'cd0' was waited for to let go of its medium: the device has gone");
  EXPECT_EQ(machine_.graph().Nodes().size(), 2u);
}

TEST_F(MediumWaitTest, AShutdownEndsTheWait) {
  Change(500ms);
  rig_.Run(machine_.Shutdown());
  ASSERT_TRUE(result_.has_value()) << "Shutdown waits for it";
  EXPECT_EQ(ErrnoOf(*result_), ECANCELED);
  EXPECT_TRUE(machine_.graph().Nodes().empty());
}

TEST_F(MediumWaitTest, WhoWaitsCanBeToldToStop) {
  Change(500ms);
  machine_.CancelMediumWaits();
  Pass(1ms);
  Has(Failed(ECANCELED), "nobody waits any more");
}

TEST_F(MediumWaitTest, OneChangeWaitsForADriveAtATime) {
  Change(500ms);
  const absl::Status second =
      rig_.Run(machine_.ChangeMedium(Cd(), medium_, Force::kNo, For(500ms)));
  EXPECT_EQ(ErrnoOf(second), ECANCELED);
  Has(MessageOf(second), "another change waits for it already");
  EXPECT_FALSE(result_.has_value());
  GuestOpens();
  Pass(1ms);
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->ok()) << *result_;
}

TEST_F(MediumWaitTest, AMediumThatSomebodyElseChangedStays) {
  // By force, an eject or a change.
  for (const bool change : {false, true}) {
    Change(500ms);
    if (change) {
      const config::BlockdevOptions other =
          *ParseBlockdev("driver=memory,node-name=x,read-only=on,size=6144");
      ASSERT_TRUE(rig_.Run(machine_.ChangeMedium(Cd(), other, Force::kYes)).ok());
    } else {
      ASSERT_TRUE(rig_.Run(Cd()->Eject(Force::kYes)).ok());
    }
    Pass(1ms);
    ASSERT_TRUE(result_.has_value());
    EXPECT_EQ(ErrnoOf(*result_), ECANCELED);
    Has(MessageOf(*result_), "its medium was changed meanwhile");
    EXPECT_EQ(Cd()->length(), change ? 6144u : 0u);
    result_.reset();
    if (change) continue;
    ASSERT_TRUE(rig_.Run(machine_.InsertMedium(Cd(), "b")).ok());
    ASSERT_TRUE(rig_.Run(Cd()->CloseTray()).ok());
    ASSERT_TRUE(guest_->ClearNews());
    ASSERT_TRUE(guest_->PreventAllow(AtapiLock::kLocked).ok());
  }
}

TEST_F(MediumWaitTest, ATrayThatSomebodyElseForcedOpenWillDo) {
  Change(500ms);
  ASSERT_TRUE(rig_.Run(Cd()->OpenTray(Force::kYes)).ok());
  Pass(1ms);
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->ok()) << *result_;
  EXPECT_EQ(Cd()->length(), kNew);
  EXPECT_FALSE(Cd()->tray_open());
}

TEST_F(MediumWaitTest, OtherCommandsOfTheDriveGoOn) {
  Change(500ms);
  EXPECT_EQ(ErrnoOf(rig_.Run(Cd()->Eject(Force::kNo))), EBUSY);
  EXPECT_EQ(*rig_.Run(Cd()->OpenTray(Force::kNo)), TrayResult::kRequested);
  EXPECT_FALSE(result_.has_value());
  rig_.Run(machine_.Stop());
  EXPECT_TRUE(rig_.Run(machine_.Cont()).ok());
  rig_.events().clear();
  Pass(500ms);
  Failed(EBUSY);
}

}  // namespace
}  // namespace platter

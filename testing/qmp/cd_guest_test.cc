// SPDX-License-Identifier: Apache-2.0

#include "testing/qmp/cd_guest.h"

#include <array>
#include <chrono>
#include <string>

#include "gtest/gtest.h"

#include "aio/await.h"
#include "aio/task.h"
#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

class CdGuestTest : public testing::Test {
 protected:
  std::unique_ptr<GuestCd> Drive(uint8_t unit = 0) {
    const auto at = rig_.machine().LocationOf<IdeLocation>("cd0");
    EXPECT_TRUE(at.ok()) << at.status();
    return MakeIdeCd(rig_.bus(),
                     {.command = at->command,
                      .control = at->control,
                      .bus_master = at->bus_master,
                      .line = at->irq,
                      .unit = unit},
                     [this] { return runs_; });
  }
  bool locked() { return rig_.machine().BackendOfDevice("cd0")->medium_locked(); }

  CdGuest::Did Begin() { return BlockOn(rig_.control(), guest_.Begin()); }
  CdGuest::Did Look() { return BlockOn(rig_.control(), guest_.Look()); }
  void Pass(Duration time) {
    constexpr auto kSleep = [](Duration delay) -> Task<void> { co_await SleepFor(delay); };
    BlockOn(rig_.control(), kSleep(time));
  }

  bool runs_ = true;
  MonitorRig rig_;
  CdGuest guest_{Drive()};
};

TEST_F(CdGuestTest, LocksGrantsAndLocksTheNextDisc) {
  EXPECT_EQ(Begin(), CdGuest::Did::kLocked);
  EXPECT_TRUE(locked());
  EXPECT_EQ(Look(), CdGuest::Did::kNothing);

  EXPECT_NE(rig_.Run("eject", R"({"id": "cd0"})").at(0).find("is locked"), std::string::npos);
  EXPECT_EQ(Look(), CdGuest::Did::kGranted);
  EXPECT_FALSE(locked());
  EXPECT_EQ(rig_.Say(""), Lines{MonitorRig::TrayEvent(true)});
  EXPECT_EQ(Look(), CdGuest::Did::kNothing);

  rig_.Run("blockdev-remove-medium", R"({"id": "cd0"})");
  rig_.Run("blockdev-insert-medium", R"({"id": "cd0", "node-name": "disc-b"})");
  EXPECT_EQ(Look(), CdGuest::Did::kNothing) << "the tray is open";
  rig_.Run("blockdev-close-tray", R"({"id": "cd0"})");
  EXPECT_EQ(Look(), CdGuest::Did::kLocked);
  EXPECT_TRUE(locked());
}

TEST_F(CdGuestTest, SeesADiscThatWasTakenByForce) {
  EXPECT_EQ(Begin(), CdGuest::Did::kLocked);
  EXPECT_EQ(rig_.Run("eject", R"({"id": "cd0", "force": true})").back(), MonitorRig::kDone);
  for (int i = 0; i < 3; ++i) EXPECT_NE(Look(), CdGuest::Did::kLocked);
  EXPECT_FALSE(locked());
}

// At each point of its commands: the guest stands for an hour, and then goes on as if nothing had
// been.
TEST_F(CdGuestTest, StandsStillWithItsMachine) {
  ASSERT_EQ(Begin(), CdGuest::Did::kLocked);
  int stood_within = 0;
  for (int at = 0; at < 30; ++at) {
    rig_.Run("eject", R"({"id": "cd0"})");
    Task<CdGuest::Did> look = guest_.Look();
    constexpr auto kRun = [](Task<CdGuest::Did> step, CdGuest::Did* did) -> Task<void> {
      *did = co_await std::move(step);
    };
    CdGuest::Did did = CdGuest::Did::kNothing;
    Task<void> step = kRun(std::move(look), &did);
    StartOwned(rig_.control(), step);
    Pass(std::chrono::microseconds(500 * at));
    runs_ = false;
    // What the drive has been told it does.
    Pass(std::chrono::milliseconds(5));
    const auto seen = [&] {
      const BlockBackendRef drive = rig_.machine().BackendOfDevice("cd0");
      return std::array{step.done(), locked(), drive->tray_open()};
    };
    const auto before = seen();
    stood_within += step.done() ? 0 : 1;
    Pass(std::chrono::hours(1));
    EXPECT_EQ(seen(), before) << at;
    runs_ = true;
    rig_.control().RunUntil([&] { return step.done(); });
    ASSERT_EQ(did, CdGuest::Did::kGranted) << at;
    rig_.Run("blockdev-close-tray", R"({"id": "cd0"})");
    ASSERT_EQ(Look(), CdGuest::Did::kLocked) << at;
    ASSERT_EQ(Look(), CdGuest::Did::kNothing) << "hears of the new disc";
  }
  EXPECT_GT(stood_within, 10);
}

TEST_F(CdGuestTest, GoesWhereItWaits) {
  for (int at = 0; at < 12; ++at) {
    constexpr auto kRun = [](CdGuest& guest) -> Task<void> { co_await guest.Look(); };
    {
      Task<void> step = kRun(guest_);
      StartOwned(rig_.control(), step);
      Pass(std::chrono::microseconds(500 * at));
    }
    guest_ = CdGuest(Drive());
  }
}

TEST_F(CdGuestTest, ADriveThatDoesNotAnswerIsAskedAgain) {
  CdGuest nobody(Drive(1));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(BlockOn(rig_.control(), nobody.Begin()), CdGuest::Did::kNothing);
    EXPECT_EQ(BlockOn(rig_.control(), nobody.Look()), CdGuest::Did::kNothing);
  }
  EXPECT_EQ(Begin(), CdGuest::Did::kLocked) << "the drive beside it is as it was";
}

}  // namespace
}  // namespace platter

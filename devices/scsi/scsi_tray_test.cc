// SPDX-License-Identifier: Apache-2.0
//
// The tray of a unit, without commands: which of them go to the control context, what they hear
// there, and what host and backend see.

#include "devices/scsi/scsi_tray.h"

#include <optional>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

constexpr ScsiCommand kPlain = {};
constexpr ScsiCommand kMoves = {.flags = kInControl};
constexpr ScsiCommand kQuiet = {.flags = kIgnoresAttention};

// The same tray in both kinds of units.
enum class Kind : uint8_t { kCd, kDisk };

class ScsiTrayTest : public testing::TestWithParam<Kind>, protected ScsiFixture {
 protected:
  ScsiTrayTest() {
    if (GetParam() == Kind::kCd) {
      StartCd();
    } else {
      StartRemovable();
    }
  }
  ScsiUnit& unit() {
    return GetParam() == Kind::kCd ? static_cast<ScsiUnit&>(*drive) : static_cast<ScsiUnit&>(*disk);
  }
  ScsiTray& tray() { return *unit().tray(); }
};

TEST_P(ScsiTrayTest, OnlyWhatMovesItOrHasToReportGoesToTheControlContext) {
  EXPECT_EQ(&tray().control(), &context);
  EXPECT_FALSE(tray().GoesToControl(kPlain));
  EXPECT_TRUE(tray().GoesToControl(kMoves));
  backend.ops.change_media(MediumMove::kEject);
  EXPECT_TRUE(tray().GoesToControl(kPlain));
  EXPECT_FALSE(tray().GoesToControl(kQuiet));
  EXPECT_EQ(tray().Admit(kQuiet), std::nullopt);
  EXPECT_EQ(tray().Admit(kPlain), UnitAttention(SenseCode::kMediumNotPresent));
  EXPECT_EQ(tray().Admit(kPlain), std::nullopt) << "told once";
  EXPECT_FALSE(tray().GoesToControl(kPlain));
}

TEST_P(ScsiTrayTest, AChangeIsARemovalAndAnArrival) {
  backend.ops.change_media(MediumMove::kEject);
  backend.ops.change_media(MediumMove::kLoad);
  EXPECT_EQ(tray().Admit(kMoves), UnitAttention(SenseCode::kMediumNotPresent));
  EXPECT_TRUE(tray().GoesToControl(kPlain));
  EXPECT_EQ(tray().Admit(kPlain), UnitAttention(SenseCode::kMediumMayHaveChanged));
  EXPECT_EQ(tray().Admit(kPlain), std::nullopt);
}

TEST_P(ScsiTrayTest, ReadinessFollowsTrayAndMedium) {
  EXPECT_TRUE(tray().Readiness().ok());
  EXPECT_EQ(tray().Move(MediumMove::kEject), TrayOutcome::kOpened);
  EXPECT_EQ(tray().Readiness(), NotReady(SenseCode::kMediumNotPresentTrayOpen));
  EXPECT_TRUE(tray().has_medium()) << "on the tray, for all to see";
  backend.inserted = false;
  EXPECT_FALSE(tray().has_medium());
  EXPECT_EQ(tray().Move(MediumMove::kLoad), TrayOutcome::kClosed);
  EXPECT_EQ(tray().Readiness(), NotReady(SenseCode::kMediumNotPresentTrayClosed));
  backend.inserted = true;
  EXPECT_FALSE(tray().has_medium()) << "nobody put it in through the tray";
}

TEST_P(ScsiTrayTest, TheBackendHearsOfTheGuestsMovesAndLocks) {
  EXPECT_EQ(tray().Move(MediumMove::kLoad), TrayOutcome::kAlready);
  EXPECT_TRUE(backend.tray_moves.empty());
  tray().Lock(true);
  EXPECT_TRUE(backend.medium_locked);
  EXPECT_EQ(tray().Move(MediumMove::kEject), TrayOutcome::kLocked);
  EXPECT_TRUE(backend.tray_moves.empty());
  tray().Lock(false);
  EXPECT_FALSE(backend.medium_locked);
  EXPECT_EQ(tray().Move(MediumMove::kEject), TrayOutcome::kOpened);
  EXPECT_EQ(backend.tray_moves, std::vector{MediumMove::kEject});
}

TEST_P(ScsiTrayTest, TheHostsWishIsANoticeOnce) {
  tray().Lock(true);
  backend.ops.eject_request(Force::kNo);
  EXPECT_TRUE(tray().locked());
  EXPECT_EQ(tray().TakeNotice(), TrayNotice::kEjectRequest);
  EXPECT_EQ(tray().TakeNotice(), TrayNotice::kNone);
  backend.ops.eject_request(Force::kYes);
  EXPECT_FALSE(tray().locked());
  EXPECT_FALSE(backend.medium_locked);
}

TEST_P(ScsiTrayTest, ResetsOfUnitAndMachine) {
  tray().Move(MediumMove::kEject);
  tray().Lock(true);
  unit().Reset(SenseCode::kBusDeviceReset);
  EXPECT_FALSE(tray().locked());
  EXPECT_FALSE(backend.medium_locked);
  EXPECT_TRUE(tray().open());
  backend.ops.change_media(MediumMove::kLoad);
  backend.ops.change_media(MediumMove::kEject);
  unit().ResetMachine();
  EXPECT_FALSE(tray().open());
  EXPECT_EQ(backend.tray_moves.back(), MediumMove::kLoad);
  EXPECT_FALSE(tray().GoesToControl(kPlain)) << "a new guest has no old news";
  EXPECT_TRUE(tray().Readiness().ok());
}

INSTANTIATE_TEST_SUITE_P(Units, ScsiTrayTest, testing::Values(Kind::kCd, Kind::kDisk),
                         [](const testing::TestParamInfo<Kind>& kind) {
                           return std::string(kind.param == Kind::kCd ? "Cd" : "Disk");
                         });

}  // namespace
}  // namespace platter

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
  EXPECT_FALSE(tray().GoesToControl(kPlain, 0));
  EXPECT_TRUE(tray().GoesToControl(kMoves, 0));
  backend.ops.change_media(MediumMove::kEject);
  EXPECT_TRUE(tray().GoesToControl(kPlain, 0));
  EXPECT_FALSE(tray().GoesToControl(kQuiet, 0));
  EXPECT_EQ(tray().Admit(kQuiet, 0), std::nullopt);
  EXPECT_EQ(tray().Admit(kPlain, 0), UnitAttention(SenseCode::kMediumNotPresent));
  EXPECT_EQ(tray().Admit(kPlain, 0), std::nullopt) << "told once";
  EXPECT_FALSE(tray().GoesToControl(kPlain, 0));
}

TEST_P(ScsiTrayTest, AChangeIsARemovalAndAnArrival) {
  backend.ops.change_media(MediumMove::kEject);
  backend.ops.change_media(MediumMove::kLoad);
  EXPECT_EQ(tray().Admit(kMoves, 0), UnitAttention(SenseCode::kMediumNotPresent));
  EXPECT_TRUE(tray().GoesToControl(kPlain, 0));
  EXPECT_EQ(tray().Admit(kPlain, 0), UnitAttention(SenseCode::kMediumMayHaveChanged));
  EXPECT_EQ(tray().Admit(kPlain, 0), std::nullopt);
}

// SPC-4, 6.39: REQUEST SENSE tells what the next command would have been told, oldest first.
TEST_P(ScsiTrayTest, RequestSenseTellsOfAChange) {
  const auto sense = [this] {
    const ScsiResult result = Execute({0x03, 0, 0, 0, 18, 0}, {}, 18);
    EXPECT_TRUE(result.good());
    return result.Number(2, 1) << 16 | result.Number(12, 2);
  };
  unit().attentions().EstablishFor(SenseCode::kModeParametersChanged, 0);
  backend.ops.change_media(MediumMove::kEject);
  backend.ops.change_media(MediumMove::kLoad);
  EXPECT_EQ(sense(), 0x062a01u);
  EXPECT_EQ(sense() & 0xffff, 0x3a00u);
  EXPECT_EQ(sense(), 0x062800u);
  EXPECT_EQ(sense(), 0u);
  EXPECT_TRUE(Execute({0x00}).good());
}

// SAM-5, 5.14: each initiator is told by itself, in both steps, whoever asked first.
TEST_P(ScsiTrayTest, EachInitiatorIsToldOfAChange) {
  const auto ready = [this](uint8_t nexus) { return Execute({0x00}, {}, 0, nexus).sense; };
  const Sense gone = UnitAttention(SenseCode::kMediumNotPresent);
  const Sense changed = UnitAttention(SenseCode::kMediumMayHaveChanged);
  backend.ops.change_media(MediumMove::kEject);
  EXPECT_EQ(ready(0), gone);
  backend.ops.change_media(MediumMove::kLoad);
  for (const uint8_t nexus : {0, 3, 15}) {
    EXPECT_TRUE(tray().GoesToControl(kPlain, nexus));
    EXPECT_EQ(ready(nexus), gone) << int{nexus};
    EXPECT_EQ(ready(nexus), changed) << int{nexus};
    EXPECT_TRUE(ready(nexus).ok()) << int{nexus};
    EXPECT_FALSE(tray().GoesToControl(kPlain, nexus));
  }
  EXPECT_TRUE(tray().GoesToControl(kPlain, 4));
  // Who ejects it himself is told of the next one; so are the others.
  EXPECT_EQ(ready(4), gone);
  EXPECT_TRUE(Execute({0x1b, 0, 0, 0, 2, 0}).good());
  EXPECT_TRUE(Execute({0x1b, 0, 0, 0, 3, 0}).good());
  EXPECT_EQ(ready(3), changed);
  EXPECT_EQ(ready(0), changed);
  EXPECT_EQ(ready(4), changed);
}

// What is told once is not taken for a buffer that can't have it.
TEST_P(ScsiTrayTest, AnOverrunTakesNothing) {
  backend.ops.eject_request(Force::kNo);
  EXPECT_TRUE(Execute({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0}, {}, 4).overrun);
  EXPECT_EQ(Execute({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0}, {}, 8).Number(4, 1), 1u);
  backend.ops.change_media(MediumMove::kEject);
  backend.ops.change_media(MediumMove::kLoad);
  EXPECT_TRUE(Execute({0x03, 0, 0, 0, 18, 0}, {}, 8).overrun);
  EXPECT_TRUE(Execute({0x03, 1, 0, 0, 18, 0}, {}, 7).overrun);
  EXPECT_EQ(Execute({0x00}).sense, UnitAttention(SenseCode::kMediumNotPresent));
  EXPECT_EQ(Execute({0x03, 1, 0, 0, 18, 0}, {}, 8).Number(1, 3), 0x062800u);
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
  EXPECT_FALSE(tray().GoesToControl(kPlain, 0)) << "a new guest has no old news";
  EXPECT_TRUE(tray().Readiness().ok());
}

INSTANTIATE_TEST_SUITE_P(Units, ScsiTrayTest, testing::Values(Kind::kCd, Kind::kDisk),
                         [](const testing::TestParamInfo<Kind>& kind) {
                           return std::string(kind.param == Kind::kCd ? "Cd" : "Disk");
                         });

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "devices/scsi/scsi_unit_state.h"

#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

// A unit of the same kind, restored from the first.
class ScsiUnitStateTest : public testing::Test, protected ScsiFixture {
 protected:
  state::ScsiUnit Saved(const ScsiUnit& unit) {
    state::ScsiUnit state;
    SaveUnit(unit, state);
    return state;
  }
  void MoveTo(ScsiFixture& other, ScsiUnit& from, ScsiUnit& to) {
    other.backend.data = backend.data;
    const state::ScsiUnit state = Saved(from);
    ASSERT_TRUE(CheckUnit(state, to).ok());
    RestoreUnit(state, to);
    EXPECT_EQ(Saved(to).SerializeAsString(), state.SerializeAsString());
  }

  ScsiFixture other_;
};

TEST_F(ScsiUnitStateTest, AttentionsReservationAndParametersOfEachInitiator) {
  Start();
  other_.Start();
  disk->attentions().EstablishForOthers(SenseCode::kModeParametersChanged, 1);
  disk->attentions().EstablishFor(SenseCode::kCapacityDataChanged, 1);
  ASSERT_TRUE(disk->Reserve(3));
  disk->set_descriptor_sense(true);
  disk->backend().set_write_cache_enabled(false);
  MoveTo(other_, *disk, *other_.disk);

  EXPECT_EQ(other_.disk->reserved_by(), 3);
  EXPECT_EQ(other_.disk->sense_format(), SenseFormat::kDescriptor);
  EXPECT_FALSE(other_.backend.write_cache);
  EXPECT_EQ(other_.Execute({0x00}, {}, 0, 1).sense, UnitAttention(SenseCode::kCapacityDataChanged));
  EXPECT_EQ(other_.Execute({0x00}, {}, 0, 1).status, ScsiStatus::kReservationConflict);
  EXPECT_EQ(other_.Execute({0x00}, {}, 0, 3).sense,
            UnitAttention(SenseCode::kModeParametersChanged));
  EXPECT_TRUE(other_.Execute({0x00}, {}, 0, 3).good());
}

// C-13.
TEST_F(ScsiUnitStateTest, C_13_ATrayStaysOpenLockedAndWithItsNews) {
  StartCd();
  other_.StartCd();
  EXPECT_TRUE(Execute({0x1e, 0, 0, 0, 1, 0}).good());
  backend.ops.eject_request(Force::kNo);
  MoveTo(other_, *drive, *other_.drive);
  EXPECT_TRUE(other_.backend.medium_locked);
  EXPECT_EQ(other_.Execute({0x1b, 0, 0, 0, 2, 0}).sense,
            IllegalRequest(SenseCode::kMediumRemovalPrevented));
  const ScsiResult event = other_.Execute({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0}, {}, 8);
  EXPECT_EQ(event.Number(4, 1), 1u) << "the eject request";

  EXPECT_TRUE(other_.Execute({0x1e, 0, 0, 0, 0, 0}).good());
  EXPECT_TRUE(other_.Execute({0x1b, 0, 0, 0, 2, 0}).good());
  ScsiFixture third;
  third.StartCd();
  other_.backend.data.swap(backend.data);
  MoveTo(third, *other_.drive, *third.drive);
  EXPECT_TRUE(third.drive->tray()->open());
  EXPECT_EQ(third.Execute({0x00}).sense, NotReady(SenseCode::kMediumNotPresentTrayOpen));
  EXPECT_TRUE(third.backend.tray_moves.empty()) << "restored, not moved";
}

TEST_F(ScsiUnitStateTest, C_13_EachInitiatorHasItsOwnNewsOfAChange) {
  StartCd();
  other_.StartCd();
  backend.ops.change_media(MediumMove::kEject);
  backend.ops.change_media(MediumMove::kLoad);
  for (int told = 0; told < 2; ++told) EXPECT_FALSE(Execute({0x00}).good());
  EXPECT_FALSE(Execute({0x00}, {}, 0, 7).good());
  MoveTo(other_, *drive, *other_.drive);
  EXPECT_TRUE(other_.Execute({0x00}).good());
  EXPECT_EQ(other_.Execute({0x00}, {}, 0, 7).sense,
            UnitAttention(SenseCode::kMediumMayHaveChanged));
  EXPECT_EQ(other_.Execute({0x00}, {}, 0, 1).sense, UnitAttention(SenseCode::kMediumNotPresent));
}

TEST_F(ScsiUnitStateTest, WhatNoUnitCanHaveIsRefused) {
  Start();
  other_.StartCd();
  const auto refused = [this](const ScsiUnit& unit, auto change) {
    state::ScsiUnit state = Saved(unit);
    change(state);
    return !CheckUnit(state, unit).ok();
  };
  using State = state::ScsiUnit;
  EXPECT_FALSE(refused(*disk, [](State&) {}));
  EXPECT_TRUE(refused(*disk, [](State& state) { state.set_reserved_by(16); }));
  EXPECT_TRUE(refused(*disk, [](State& state) { state.mutable_tray(); }));
  EXPECT_TRUE(refused(*disk, [](State& state) { state.add_attentions()->set_nexus(16); }));
  EXPECT_TRUE(refused(*disk, [](State& state) { state.add_attentions()->set_code(0x2000); }));
  EXPECT_TRUE(refused(*other_.drive, [](State& state) { state.clear_tray(); }));
  EXPECT_TRUE(refused(*other_.drive, [](State& state) { state.mutable_tray()->set_report(3); }));
  EXPECT_TRUE(
      refused(*other_.drive, [](State& state) { state.add_tray_reports()->set_nexus(16); }));
  EXPECT_TRUE(
      refused(*other_.drive, [](State& state) { state.add_tray_reports()->set_report(3); }));
  EXPECT_TRUE(refused(*disk, [](State& state) { state.add_tray_reports()->set_nexus(1); }));
}

TEST(SenseState, ComesBackWhenThereIsSuch) {
  const Sense sense = {
      .key = SenseKey::kMediumError, .code = SenseCode::kUnrecoveredReadError, .information = 77};
  state::Sense saved;
  SaveSense(sense, saved);
  Sense back;
  ASSERT_TRUE(RestoreSense(saved, back));
  EXPECT_EQ(back, sense);
  saved.set_key(16);
  EXPECT_FALSE(RestoreSense(saved, back));
  saved.set_key(0);
  saved.set_code(65536);
  EXPECT_FALSE(RestoreSense(saved, back));
}

}  // namespace
}  // namespace platter

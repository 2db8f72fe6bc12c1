// SPDX-License-Identifier: Apache-2.0
//
// The drive's tray: what guest and host do to it, and what the guest is told, in a lane of the
// control context and in one of its own.

#include "devices/scsi/scsi_cd.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

constexpr Sense kRemoved = UnitAttention(SenseCode::kMediumNotPresent);
constexpr Sense kChanged = UnitAttention(SenseCode::kMediumMayHaveChanged);
constexpr Sense kOpen = NotReady(SenseCode::kMediumNotPresentTrayOpen);
constexpr Sense kEmpty = NotReady(SenseCode::kMediumNotPresentTrayClosed);

enum class Lane : uint8_t { kControl, kOwn };

class ScsiCdTest : public testing::TestWithParam<Lane>, protected ScsiFixture {
 protected:
  ScsiCdTest() { Begin(MmcInterface::kScsi); }

  void Begin(MmcInterface interface) {
    Stop();
    StartCd(interface, GetParam() == Lane::kOwn ? &world.NewContext("lane") : nullptr);
    backend.tray_moves.clear();
  }
  ScsiResult Ready() { return Execute({0x00}); }
  ScsiResult Eject() { return Execute({0x1b, 0, 0, 0, 2, 0}); }
  ScsiResult Load() { return Execute({0x1b, 0, 0, 0, 3, 0}); }
  ScsiResult Prevent(bool on) { return Execute({0x1e, 0, 0, 0, on ? uint8_t{1} : uint8_t{0}, 0}); }
  // The event code and the state of GET EVENT STATUS NOTIFICATION.
  std::pair<int, int> Event() {
    const ScsiResult result = Execute({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0}, {}, 8);
    EXPECT_TRUE(result.good());
    return {result.data[4], result.data[5]};
  }
  void HostMoves(MediumMove move) { backend.ops.change_media(move); }
};

TEST_P(ScsiCdTest, TheGuestOpensAndCloses) {
  EXPECT_TRUE(Ready().good());
  EXPECT_TRUE(Eject().good());
  EXPECT_EQ(backend.tray_moves, std::vector{MediumMove::kEject});
  EXPECT_EQ(Ready().sense, kOpen);
  EXPECT_TRUE(Eject().good());
  EXPECT_EQ(backend.tray_moves.size(), 1u) << "it was open already";
  EXPECT_TRUE(Load().good());
  EXPECT_EQ(backend.tray_moves, (std::vector{MediumMove::kEject, MediumMove::kLoad}));
  EXPECT_EQ(Ready().sense, kChanged);
  EXPECT_TRUE(Ready().good());
}

TEST_P(ScsiCdTest, ALockedTrayStays) {
  EXPECT_TRUE(Prevent(true).good());
  EXPECT_TRUE(backend.medium_locked);
  EXPECT_TRUE(backend.ops.is_medium_locked());
  EXPECT_EQ(Eject().sense, IllegalRequest(SenseCode::kMediumRemovalPrevented));
  EXPECT_TRUE(backend.tray_moves.empty());
  EXPECT_TRUE(Ready().good());
  backend.ops.eject_request(Force::kNo);
  EXPECT_EQ(Event(), std::pair(1, 2));
  EXPECT_EQ(Event(), std::pair(0, 2));
  EXPECT_TRUE(Prevent(false).good());
  EXPECT_TRUE(Eject().good());
  EXPECT_EQ(Event(), std::pair(3, 3)) << "removal; open, with a medium";
  backend.inserted = false;
  EXPECT_EQ(Event(), std::pair(0, 1)) << "the host has taken it out";
  backend.inserted = true;
  EXPECT_EQ(Event(), std::pair(0, 3));
}

TEST_P(ScsiCdTest, TheHostForcesALockedTray) {
  EXPECT_TRUE(Prevent(true).good());
  backend.ops.eject_request(Force::kYes);
  HostMoves(MediumMove::kEject);
  EXPECT_TRUE(backend.ops.is_tray_open());
  EXPECT_FALSE(backend.ops.is_medium_locked());
  EXPECT_TRUE(backend.tray_moves.empty()) << "the backend tells of what the host does";
}

TEST_P(ScsiCdTest, TheHostsChangeComesInTwoSteps) {
  HostMoves(MediumMove::kEject);
  HostMoves(MediumMove::kLoad);
  // These neither see nor take it.
  EXPECT_TRUE(Execute({0x12, 0, 0, 0, 36, 0}, {}, 36).good());
  EXPECT_TRUE(Execute({0x46, 0, 0, 0, 0, 0, 0, 0, 255, 0}, {}, 255).good());
  EXPECT_EQ(Event(), std::pair(3, 2));
  EXPECT_EQ(Event(), std::pair(2, 2));
  EXPECT_EQ(Ready().sense, kRemoved);
  EXPECT_EQ(Execute({0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0}, {}, 20).sense, kChanged);
  EXPECT_TRUE(Ready().good());
}

TEST_P(ScsiCdTest, AMediumThatGoesBeneathTheTrayIsNotThere) {
  backend.inserted = false;
  EXPECT_EQ(Ready().sense, kEmpty);
  EXPECT_EQ(Execute({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {}, 2048).sense, kEmpty);
}

TEST_P(ScsiCdTest, AChangeComesBeforeAnUnknownCommandsRefusal) {
  HostMoves(MediumMove::kEject);
  HostMoves(MediumMove::kLoad);
  EXPECT_EQ(Execute({0xff}).sense, kRemoved);
  EXPECT_EQ(Execute({0xff}).sense, kChanged);
  EXPECT_EQ(Execute({0xff}).sense, IllegalRequest(SenseCode::kInvalidOpcode));
}

TEST_P(ScsiCdTest, AtapiDriversSeeADriveThatIsNotReady) {
  Begin(MmcInterface::kAtapi);
  HostMoves(MediumMove::kEject);
  HostMoves(MediumMove::kLoad);
  EXPECT_EQ(Execute({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {}, 2048).sense,
            NotReady(SenseCode::kMediumNotPresent));
  EXPECT_EQ(Ready().sense, kChanged);
  EXPECT_TRUE(Ready().good());
}

TEST_P(ScsiCdTest, AnEmptyDrive) {
  HostMoves(MediumMove::kEject);
  backend.inserted = false;
  HostMoves(MediumMove::kLoad);
  EXPECT_EQ(Ready().sense, kRemoved);
  EXPECT_EQ(Ready().sense, kEmpty);
  EXPECT_TRUE(Prevent(true).good());
  EXPECT_EQ(Eject().sense, IllegalRequest(SenseCode::kMediumRemovalPrevented));
  EXPECT_TRUE(Prevent(false).good());
  EXPECT_TRUE(Eject().good());
  backend.inserted = true;
  EXPECT_TRUE(Load().good());
  EXPECT_EQ(Ready().sense, kChanged);
  EXPECT_TRUE(Ready().good());
}

TEST_P(ScsiCdTest, PowerConditionsAndPlainStopsMoveNothing) {
  for (int byte = 0; byte < 256; ++byte) {
    if ((byte >> 4) == 0 && (byte & 2) != 0) continue;
    EXPECT_TRUE(Execute({0x1b, 0, 0, 0, static_cast<uint8_t>(byte), 0}).good()) << byte;
  }
  EXPECT_TRUE(backend.tray_moves.empty());
}

TEST_P(ScsiCdTest, ResetsUnlockAndOnlyTheMachinesCloses) {
  EXPECT_TRUE(Eject().good());
  EXPECT_TRUE(Prevent(true).good());
  drive->Reset(SenseCode::kBusDeviceReset);
  EXPECT_TRUE(drive->tray()->open());
  EXPECT_FALSE(drive->tray()->locked());
  EXPECT_FALSE(backend.medium_locked);
  EXPECT_EQ(Ready().sense, UnitAttention(SenseCode::kBusDeviceReset));
  backend.tray_moves.clear();
  drive->ResetMachine();
  EXPECT_EQ(backend.tray_moves, std::vector{MediumMove::kLoad});
  EXPECT_EQ(Ready().sense, UnitAttention(SenseCode::kPowerOnOrReset));
  EXPECT_TRUE(Ready().good());
}

TEST_P(ScsiCdTest, NewsAreTold) {
  int news = 0;
  drive->set_on_news([&](ScsiNews what) {
    EXPECT_EQ(what, ScsiNews::kTray);
    ++news;
  });
  backend.ops.eject_request(Force::kNo);
  HostMoves(MediumMove::kEject);
  HostMoves(MediumMove::kLoad);
  EXPECT_EQ(news, 3);
}

// As a drive of another bus has it: that attaches, and its channel is the lane's.
TEST(ScsiCdUnattachedTest, GoesThroughTheChannelOfItsDrive) {
  ScsiFixture fixture;
  auto created = ScsiCd::CreateUnattached({.id = "cd0"}, fixture.backend, fixture.context);
  ASSERT_TRUE(created.ok());
  fixture.drive = *std::move(created);
  EXPECT_FALSE(fixture.backend.attached);
  EXPECT_EQ(fixture.drive->attachment().device_id, "cd0");
  ASSERT_TRUE(fixture.backend.Attach(fixture.drive->attachment(), fixture.drive->callbacks()).ok());
  fixture.drive->OnAttached();
  auto channel = fixture.backend.OpenChannel(fixture.context, fixture.client);
  fixture.lane = std::make_unique<ScsiLane>(*fixture.drive, *channel);
  EXPECT_EQ(&fixture.lane->channel(), channel.get());
  EXPECT_EQ(fixture.Execute({0x00}).sense, UnitAttention(SenseCode::kPowerOnOrReset));
  EXPECT_TRUE(fixture.Execute({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {}, 2048).good());
  fixture.backend.ops.change_media(MediumMove::kEject);
  EXPECT_TRUE(fixture.drive->tray()->open());
  fixture.Stop();
  EXPECT_TRUE(fixture.backend.attached) << "whoever attached detaches";
  channel.reset();
  fixture.backend.Detach();
}

INSTANTIATE_TEST_SUITE_P(Lanes, ScsiCdTest, testing::Values(Lane::kControl, Lane::kOwn),
                         [](const testing::TestParamInfo<Lane>& lane) {
                           return std::string(lane.param == Lane::kControl ? "Control" : "Own");
                         });

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// Tray, lock and changes of the medium as a guest of an ATAPI drive sees them.

#include <optional>

#include "gtest/gtest.h"

#include "devices/ide/atapi_cd_fixture.h"

namespace platter {
namespace {

class AtapiCdTrayTest : public AtapiCdTest {
 protected:
  using Event = AtapiDriver::Event;

  void HostMoves(MediumMove move) { backend_.ops.change_media(move); }
  void HostSwaps() {
    HostMoves(MediumMove::kEject);
    HostMoves(MediumMove::kLoad);
  }
  Event Poll() {
    const auto event = driver().GetEventStatus();
    EXPECT_TRUE(event.has_value());
    return event.value_or(Event{});
  }
  uint64_t Interrupts() { return bus_.Interrupt(kPlace.line).raised; }
};

TEST_F(AtapiCdTrayTest, TheGuestOpensAndCloses) {
  EXPECT_TRUE(driver().StartStop(AtapiTray::kOpen).ok());
  EXPECT_TRUE(drive_->tray().open());
  EXPECT_EQ(backend_.tray_moves, std::vector{MediumMove::kEject});
  EXPECT_EQ(driver().TestUnitReady().sense, kOpen);
  EXPECT_FALSE(driver().ReadCapacity().has_value());
  EXPECT_TRUE(driver().StartStop(AtapiTray::kOpen).ok());
  EXPECT_EQ(backend_.tray_moves.size(), 1u) << "it was open already";
  EXPECT_TRUE(driver().StartStop(AtapiTray::kClose).ok());
  EXPECT_EQ(backend_.tray_moves, (std::vector{MediumMove::kEject, MediumMove::kLoad}));
  EXPECT_EQ(driver().TestUnitReady().sense, kChanged);
  ExpectWorks();
}

TEST_F(AtapiCdTrayTest, ALockedTrayStaysUntilItIsUnlocked) {
  EXPECT_TRUE(driver().PreventAllow(AtapiLock::kLocked).ok());
  EXPECT_TRUE(backend_.medium_locked);
  EXPECT_TRUE(backend_.ops.is_medium_locked());
  EXPECT_EQ(driver().StartStop(AtapiTray::kOpen).sense, kLocked);
  EXPECT_TRUE(backend_.tray_moves.empty());
  ExpectWorks();
  EXPECT_TRUE(driver().PreventAllow(AtapiLock::kUnlocked).ok());
  EXPECT_FALSE(backend_.medium_locked);
  EXPECT_TRUE(driver().StartStop(AtapiTray::kOpen).ok());
}

TEST_F(AtapiCdTrayTest, AnEmptyLockedTrayStaysToo) {
  backend_.inserted = false;
  HostSwaps();
  EXPECT_TRUE(driver().ClearNews());
  EXPECT_TRUE(driver().PreventAllow(AtapiLock::kLocked).ok());
  EXPECT_EQ(driver().StartStop(AtapiTray::kOpen).sense, kLocked);
}

TEST_F(AtapiCdTrayTest, EachGuestsResetUnlocksAndLeavesTheTray) {
  for (const bool software : {true, false}) {
    EXPECT_TRUE(driver().StartStop(AtapiTray::kOpen).ok());
    EXPECT_TRUE(driver().PreventAllow(AtapiLock::kLocked).ok());
    backend_.tray_moves.clear();
    ASSERT_TRUE(software ? ide().SoftReset() : driver().DeviceReset());
    EXPECT_TRUE(drive_->tray().open());
    EXPECT_FALSE(drive_->tray().locked());
    EXPECT_FALSE(backend_.medium_locked);
    EXPECT_TRUE(backend_.tray_moves.empty());
    EXPECT_TRUE(driver().ClearNews());
  }
}

TEST_F(AtapiCdTrayTest, ADiagnosticLeavesTheLock) {
  EXPECT_TRUE(driver().PreventAllow(AtapiLock::kLocked).ok());
  ide().Set(guest::kIdeCommand, ata::kExecuteDeviceDiagnostic);
  Settle();
  ide().Get(guest::kIdeStatus);
  EXPECT_TRUE(drive_->tray().locked());
}

TEST_F(AtapiCdTrayTest, TheMachinesResetClosesItAndTellsOfIt) {
  EXPECT_TRUE(driver().StartStop(AtapiTray::kOpen).ok());
  EXPECT_TRUE(driver().PreventAllow(AtapiLock::kLocked).ok());
  backend_.tray_moves.clear();
  Await(&Device::Reset);
  EXPECT_FALSE(drive_->tray().open());
  EXPECT_FALSE(drive_->tray().locked());
  EXPECT_EQ(backend_.tray_moves, std::vector{MediumMove::kLoad});
  EXPECT_EQ(driver().TestUnitReady().sense, kReset);
  EXPECT_TRUE(driver().TestUnitReady().ok()) << "no news of the medium for a new guest";
}

// The tray goes with its drive: it has not moved.
TEST_F(AtapiCdTrayTest, AnUnplugTellsOfNoMove) {
  EXPECT_TRUE(driver().StartStop(AtapiTray::kOpen).ok());
  backend_.tray_moves.clear();
  Await(&Device::Unplug);
  EXPECT_TRUE(backend_.tray_moves.empty());
  EXPECT_FALSE(backend_.attached);
  drive_.reset();
}

// The two steps of ATAPI, whatever command asks first.
TEST_F(AtapiCdTrayTest, C_13_AChangeIsNotReadyAndThenChanged) {
  const AtapiPacket kAsking[] = {
      {},     AtapiDriver::MakeRead10(0, 1),   {0x43, 0, 0, 0, 0, 0, 0, 0, 20},
      {0x1e}, AtapiDriver::MakeReadCapacity(), {0xff}};
  for (const AtapiPacket& packet : kAsking) {
    SCOPED_TRACE(int{packet[0]});
    HostSwaps();
    ExpectCheck(Packet(packet, kBlock), kGone);
    ExpectCheck(Packet(packet, kBlock), kChanged);
    ExpectWorks();
  }
}

TEST_F(AtapiCdTrayTest, ByDmaTheStepsAreTheSame) {
  HostSwaps();
  const AtapiPacket read = AtapiDriver::MakeRead10(0, 1);
  ExpectCheck(Packet(read, kBlock, IdeWay::kDma), kGone);
  ExpectCheck(Packet(read, kBlock, IdeWay::kDma), kChanged);
  ExpectGood(Packet(read, kBlock, IdeWay::kDma));
}

TEST_F(AtapiCdTrayTest, SomeCommandsNeitherSeeNorTakeTheSteps) {
  HostSwaps();
  ExpectGood(Packet({0x12, 0, 0, 0, 36}, 36));
  ExpectGood(Packet({0x46, 0, 0, 0, 0, 0, 0, 0, 255}, 255));
  Poll();
  EXPECT_EQ(driver().TestUnitReady().sense, kGone);
  EXPECT_EQ(driver().TestUnitReady().sense, kChanged);
}

// SPC-4, 6.39: what the next command would be told, REQUEST SENSE tells.
TEST_F(AtapiCdTrayTest, RequestSenseTellsTheStepsToo) {
  HostSwaps();
  EXPECT_EQ(driver().RequestSense(), kGone);
  EXPECT_EQ(driver().RequestSense(), kChanged);
  EXPECT_EQ(driver().RequestSense(), kNoSense);
  EXPECT_TRUE(driver().TestUnitReady().ok());
}

TEST_F(AtapiCdTrayTest, WhileTheTrayIsOpenThereIsOneStepAndTheOtherFollows) {
  HostMoves(MediumMove::kEject);
  EXPECT_EQ(driver().TestUnitReady().sense, kGone);
  EXPECT_EQ(driver().TestUnitReady().sense, kOpen);
  HostMoves(MediumMove::kLoad);
  EXPECT_EQ(driver().TestUnitReady().sense, kGone);
  EXPECT_EQ(driver().TestUnitReady().sense, kChanged);
  ExpectWorks();
}

TEST_F(AtapiCdTrayTest, AMediumThatIsTakenOutForGood) {
  HostMoves(MediumMove::kEject);
  backend_.inserted = false;
  HostMoves(MediumMove::kLoad);
  EXPECT_EQ(driver().TestUnitReady().sense, kGone);
  EXPECT_EQ(driver().TestUnitReady().sense, kEmpty);
  EXPECT_EQ(Poll(), (Event{.code = 3}));
  EXPECT_EQ(Poll(), (Event{.code = 0}));
}

TEST_F(AtapiCdTrayTest, EventsOneAPollTheRemovalFirst) {
  EXPECT_EQ(Poll(), (Event{.code = 0, .medium = true}));
  HostMoves(MediumMove::kEject);
  EXPECT_EQ(Poll(), (Event{.code = 3, .tray_open = true, .medium = true}));
  EXPECT_EQ(Poll(), (Event{.code = 0, .tray_open = true, .medium = true}));
  HostMoves(MediumMove::kLoad);
  EXPECT_EQ(Poll(), (Event{.code = 2, .medium = true}));
  EXPECT_EQ(Poll(), (Event{.code = 0, .medium = true}));
}

TEST_F(AtapiCdTrayTest, TheHostsWishIsAnEvent) {
  EXPECT_TRUE(driver().PreventAllow(AtapiLock::kLocked).ok());
  backend_.ops.eject_request(Force::kNo);
  EXPECT_EQ(Poll(), (Event{.code = 1, .medium = true}));
  EXPECT_EQ(Poll(), (Event{.code = 0, .medium = true}));
  EXPECT_TRUE(drive_->tray().locked());
  backend_.ops.eject_request(Force::kYes);
  EXPECT_FALSE(drive_->tray().locked());
}

// A driver takes an interrupt without a command for a fault of the drive.
TEST_F(AtapiCdTrayTest, NoNewsInterrupts) {
  const uint64_t before = Interrupts();
  EXPECT_EQ(ide().AlternateStatus(), ata::kStatusGood);
  backend_.ops.eject_request(Force::kNo);
  HostSwaps();
  backend_.inserted = false;
  HostSwaps();
  Settle();
  EXPECT_EQ(Interrupts(), before);
  EXPECT_EQ(ide().AlternateStatus(), ata::kStatusGood);
  EXPECT_EQ(driver().faults(), 0u);
}

// R-IDE-01: a power condition moves nothing, and the command ends all the same.
TEST_F(AtapiCdTrayTest, R_IDE_01_EveryStartStopUnitEnds) {
  for (int byte = 0; byte < 256; ++byte) {
    SCOPED_TRACE(byte);
    const bool moves = (byte >> 4) == 0 && (byte & 2) != 0;
    backend_.tray_moves.clear();
    ExpectGood(Packet({0x1b, 0, 0, 0, static_cast<uint8_t>(byte)}));
    EXPECT_EQ(ide().AlternateStatus() & ata::kStatusDrq, 0);
    EXPECT_EQ(backend_.tray_moves.size(), moves && (byte & 1) == 0 ? 1u : 0u);
    if (!moves) continue;
    driver().StartStop(AtapiTray::kClose);
    EXPECT_TRUE(driver().ClearNews());
  }
  ExpectWorks();
}

TEST_F(AtapiCdTrayTest, ADriveWithoutAMediumFromTheStart) {
  Unplug();
  backend_.inserted = false;
  MakeDrive({.id = "cd0"});
  EXPECT_EQ(driver().TestUnitReady().sense, kReset);
  EXPECT_EQ(driver().TestUnitReady().sense, kEmpty);
  EXPECT_TRUE(driver().StartStop(AtapiTray::kOpen).ok());
  backend_.inserted = true;
  EXPECT_TRUE(driver().StartStop(AtapiTray::kClose).ok());
  EXPECT_EQ(driver().TestUnitReady().sense, kChanged);
  ExpectWorks();
}

// Between two parts of a long read the medium goes: the rest does not come from another one.
TEST_F(AtapiCdTrayTest, AChangeBetweenTwoPartsEndsTheRead) {
  const uint32_t bytes = 2 * AtapiCd::kBufferBytes;
  driver().Start({.packet = AtapiDriver::MakeRead12(0, bytes / kBlock),
                  .buffer = *bus_.Allocate(bytes, 4096),
                  .bytes = bytes,
                  .limit = 32768});
  std::optional<PacketAnswer> answer;
  for (int looks = 0; !answer.has_value() && looks < 20; ++looks) {
    Settle();
    answer = driver().Poll();
    if (looks == 1) HostSwaps();
  }
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->moved, AtapiCd::kBufferBytes);
  ExpectCheck(*answer, kGone);
  EXPECT_EQ(backend_.asked.size(), 1u);
  EXPECT_EQ(driver().TestUnitReady().sense, kChanged);
  ExpectWorks();
}

}  // namespace
}  // namespace platter

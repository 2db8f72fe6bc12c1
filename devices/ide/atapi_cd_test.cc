// SPDX-License-Identifier: Apache-2.0
//
// What the drive is, its ATA commands, and resets.

#include "devices/ide/atapi_cd.h"

#include <string>

#include "gtest/gtest.h"

#include "devices/ide/atapi_cd_fixture.h"

namespace platter {
namespace {

class AtapiCdCommandTest : public AtapiCdTest {
 protected:
  void ExpectAtaAbort(const IdeAnswer& answer) {
    EXPECT_EQ(answer.status, ata::kStatusGood | ata::kStatusErr);
    EXPECT_EQ(answer.error, ata::kErrorAbrt);
  }
  void ExpectSignatureRegisters() {
    EXPECT_EQ(ide().Get(guest::kIdeCount), 1);
    EXPECT_EQ(ide().Get(guest::kIdeLbaLow), 1);
    EXPECT_EQ(ide().Get(guest::kIdeLbaMid), 0x14);
    EXPECT_EQ(ide().Get(guest::kIdeLbaHigh), 0xeb);
  }
  IdeAnswer Set(uint8_t feature, uint16_t count = 0) {
    return Ata({.code = ata::kSetFeatures, .features = feature, .count = count});
  }
  uint16_t Word(unsigned word) { return driver().IdentifyPacket().value().words[word]; }
};

TEST_F(AtapiCdCommandTest, SaysWhatItIs) {
  EXPECT_EQ(drive_->id(), "cd0");
  EXPECT_STREQ(drive_->model(), "ide-cd");
  EXPECT_EQ(backend_.attachment.device_id, "cd0");
  EXPECT_EQ(backend_.attachment.guest_block_size, kBlock);
  EXPECT_FALSE(backend_.attachment.needs_write);
  EXPECT_TRUE(backend_.ops.change_media && backend_.ops.is_tray_open &&
              backend_.ops.is_medium_locked && backend_.ops.eject_request);
}

TEST_F(AtapiCdCommandTest, MistakesOfTheHostAreRefused) {
  const auto none =
      AtapiCd::Create({.id = "cd1", .ver = "123456789"}, channel_.port(1), backend_, control_);
  EXPECT_EQ(none.status().code(), absl::StatusCode::kInvalidArgument);
  FakeBlockDevice other(kBlock);
  const auto taken = AtapiCd::Create({.id = "cd1"}, channel_.port(0), other, control_);
  EXPECT_EQ(taken.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(other.attached);
  const auto busy = AtapiCd::Create({.id = "cd1"}, channel_.port(1), backend_, control_);
  EXPECT_FALSE(busy.ok());
  ExpectWorks();
}

TEST_F(AtapiCdCommandTest, IdentifyPacketDevice) {
  const auto identity = driver().IdentifyPacket();
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->words[0], 0x8580);
  EXPECT_EQ(identity->serial, "SERIAL-1");
  EXPECT_EQ(identity->model, "PLATTER DVD-ROM");
  EXPECT_EQ(identity->firmware, "1.0");
  EXPECT_TRUE(backend_.asked.empty());
}

TEST_F(AtapiCdCommandTest, ADriverThatTakesItForADiskGetsTheSignature) {
  for (const uint8_t code : {ata::kIdentifyDevice, ata::kReadSectors}) {
    ExpectAtaAbort(Ata({.code = code, .count = 5, .lba = 0x123456}));
    ExpectSignatureRegisters();
  }
}

TEST_F(AtapiCdCommandTest, TheSignatureIsThereFromTheStartAndAfterEachReset) {
  const auto expect = [&] {
    ExpectSignatureRegisters();
    EXPECT_EQ(ide().AlternateStatus(), 0) << "9.12: DRDY comes with the first command";
    EXPECT_EQ(ide().Get(guest::kIdeError), 1);
  };
  Await(&Device::Reset);
  expect();
  driver().ClearNews();
  ASSERT_TRUE(ide().SoftReset());
  expect();
  driver().ClearNews();
  ASSERT_TRUE(driver().DeviceReset());
  expect();
  driver().ClearNews();
  ide().Set(guest::kIdeCommand, ata::kExecuteDeviceDiagnostic);
  Settle();
  EXPECT_TRUE(bus_.Interrupt(kPlace.line).high);
  expect();
  ide().Get(guest::kIdeStatus);
  ExpectWorks();
}

TEST_F(AtapiCdCommandTest, ResetsGiveAnAttentionAndADiagnosticDoesNot) {
  Await(&Device::Reset);
  EXPECT_EQ(driver().TestUnitReady().sense, kReset);
  ASSERT_TRUE(ide().SoftReset());
  EXPECT_EQ(driver().TestUnitReady().sense, kReset);
  ASSERT_TRUE(driver().DeviceReset());
  EXPECT_EQ(driver().TestUnitReady().sense, kReset);
  EXPECT_TRUE(driver().TestUnitReady().ok());
  ide().Set(guest::kIdeCommand, ata::kExecuteDeviceDiagnostic);
  Settle();
  ide().Get(guest::kIdeStatus);
  EXPECT_TRUE(driver().TestUnitReady().ok());
}

TEST_F(AtapiCdCommandTest, TransferModes) {
  for (const uint8_t mode : {0x00, 0x0c, 0x22, 0x45}) {
    EXPECT_TRUE(Set(ata::kFeatureTransferMode, mode).ok()) << int{mode};
  }
  for (const uint8_t mode : {0x02, 0x0d, 0x23, 0x46, 0xff}) {
    ExpectAtaAbort(Set(ata::kFeatureTransferMode, mode));
  }
  EXPECT_TRUE(Set(ata::kFeatureTransferMode, 0x22).ok());
  EXPECT_EQ(Word(63), 0x0407);
  EXPECT_EQ(Word(88), 0x003f);
  ASSERT_TRUE(driver().DeviceReset());
  EXPECT_EQ(Word(63), 0x0407) << "the guest's reset keeps settings";
  Await(&Device::Reset);
  EXPECT_EQ(Word(63), 0x0007);
  EXPECT_EQ(Word(88), 0x203f);
}

TEST_F(AtapiCdCommandTest, OtherFeaturesAreAborted) {
  for (int feature = 0; feature < 256; ++feature) {
    const auto code = static_cast<uint8_t>(feature);
    const IdeAnswer answer = Set(code);
    if (code == ata::kFeatureTransferMode || code == ata::kFeatureKeepOverReset) {
      EXPECT_TRUE(answer.ok()) << feature;
    } else {
      ExpectAtaAbort(answer);
    }
  }
}

TEST_F(AtapiCdCommandTest, PowerModes) {
  const auto mode = [&] { return Ata({.code = ata::kCheckPowerMode}).count; };
  EXPECT_EQ(mode(), 0xff);
  for (const uint8_t code : {ata::kStandby, ata::kStandbyImmediate}) {
    EXPECT_TRUE(Ata({.code = code}).ok());
    EXPECT_EQ(mode(), 0x00);
    for (const uint8_t wakes : {ata::kIdle, ata::kIdleImmediate}) {
      EXPECT_TRUE(Ata({.code = wakes}).ok());
      EXPECT_EQ(mode(), 0xff);
    }
  }
  EXPECT_TRUE(Ata({.code = ata::kStandby}).ok());
  EXPECT_TRUE(driver().TestUnitReady().ok()) << "a packet wakes it";
  EXPECT_EQ(mode(), 0xff);
}

TEST_F(AtapiCdCommandTest, AsleepItWaitsForAReset) {
  EXPECT_TRUE(Ata({.code = ata::kSleep}).ok());
  ExpectAtaAbort(Ata({.code = ata::kCheckPowerMode}));
  ExpectAbort(Packet({}));
  ASSERT_TRUE(driver().DeviceReset());
  ExpectWorks();
}

TEST_F(AtapiCdCommandTest, FlushCacheHasNothingToDo) {
  EXPECT_TRUE(Ata({.code = ata::kFlushCache}).ok());
  EXPECT_TRUE(backend_.asked.empty());
}

// The two drives of a channel.
TEST_F(AtapiCdCommandTest, AsDeviceOne) {
  Unplug();
  MakeDrive({.id = "cd1"}, 1);
  driver_.emplace(bus_, IdeDriver::Place{.unit = 1});
  EXPECT_EQ(driver().IdentifyPacket()->serial, "cd1");
  EXPECT_EQ(Word(93), 0x6b00);
  ExpectWorks();
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// Commands of an ATA disk that move no data of the medium, and what the disk is.

#include "devices/ide/ata_disk.h"

#include <string>

#include "gtest/gtest.h"

#include "devices/ide/ata_disk_fixture.h"

namespace platter {
namespace {

class AtaDiskCommandTest : public AtaDiskTest {
 protected:
  IdeAnswer Set(uint8_t feature, uint16_t count = 0) {
    return Run({.code = ata::kSetFeatures, .features = feature, .count = count});
  }
  IdeAnswer Smart(uint8_t feature, uint64_t key = 0xc24f00) {
    return Run({.code = ata::kSmart, .features = feature, .lba = key});
  }
  uint16_t Word(unsigned word) { return driver().Identify().value().words[word]; }
};

TEST_F(AtaDiskCommandTest, Identify) {
  const auto identity = driver().Identify();
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->serial, "SERIAL-1");
  EXPECT_EQ(identity->model, "PLATTER HARDDISK");
  EXPECT_EQ(identity->firmware, "1.0");
  EXPECT_EQ(identity->sectors, kSectors);
  EXPECT_TRUE(backend_.asked.empty());
}

TEST_F(AtaDiskCommandTest, ALiveResizeIsInTheNextIdentify) {
  backend_.Resize(2 * kSectors * 512);
  EXPECT_EQ(driver().Identify()->sectors, 2 * kSectors);
  EXPECT_EQ(Word(60), 2 * kSectors);
  const std::vector<uint8_t> data(512, 1);
  ExpectGood(*driver().Write(IdeWay::kDma, 2 * kSectors - 1, data));
  backend_.Resize(kSectors * 512);
  ExpectError(*driver().Write(IdeWay::kDma, kSectors, data), ata::kErrorIdnf);
}

TEST_F(AtaDiskCommandTest, IdentifyPacketDevicePacketAndDeviceResetAreAborted) {
  for (const uint8_t code : {ata::kIdentifyPacketDevice, ata::kPacket, ata::kDeviceReset}) {
    ExpectError(Run({.code = code}), ata::kErrorAbrt);
  }
}

TEST_F(AtaDiskCommandTest, SetMultipleModeTakesPowersOfTwo) {
  for (uint16_t count = 0; count < 256; ++count) {
    const IdeAnswer answer = Run({.code = ata::kSetMultipleMode, .count = count});
    const bool good = count == 0 || (count <= 16 && (count & (count - 1)) == 0);
    if (good) {
      ExpectGood(answer);
      EXPECT_EQ(Word(59), count == 0 ? 0 : 0x0100 | count);
    } else {
      ExpectError(answer, ata::kErrorAbrt);
    }
  }
}

TEST_F(AtaDiskCommandTest, TransferModes) {
  struct Row {
    uint8_t mode;
    uint16_t word63, word88;
  };
  for (const Row& row :
       {Row{0x00, 0x0007, 0x203f}, Row{0x01, 0x0007, 0x203f}, Row{0x0c, 0x0007, 0x203f},
        Row{0x22, 0x0407, 0x003f}, Row{0x40, 0x0007, 0x013f}, Row{0x45, 0x0007, 0x203f}}) {
    ExpectGood(Set(ata::kFeatureTransferMode, row.mode));
    EXPECT_EQ(Word(63), row.word63);
    EXPECT_EQ(Word(88), row.word88);
  }
  for (const uint8_t mode : {0x02, 0x0d, 0x10, 0x23, 0x46, 0x80, 0xff}) {
    ExpectError(Set(ata::kFeatureTransferMode, mode), ata::kErrorAbrt);
  }
  EXPECT_EQ(Word(88), 0x203f);
}

TEST_F(AtaDiskCommandTest, TheWriteCacheIsTheBackends) {
  EXPECT_NE(Word(85) & 0x20, 0);
  ExpectGood(Set(ata::kFeatureDisableWriteCache));
  EXPECT_FALSE(backend_.write_cache);
  EXPECT_EQ(backend_.asked, (std::vector<Asked>{{IoOp::kFlush, 0, 0, IoFlags::kNone}}));
  EXPECT_EQ(Word(85) & 0x20, 0);
  ExpectGood(Set(ata::kFeatureEnableWriteCache));
  EXPECT_TRUE(backend_.write_cache);
  Set(ata::kFeatureDisableWriteCache);
  EXPECT_TRUE(driver().SoftReset());
  EXPECT_FALSE(backend_.write_cache) << "the guest's reset keeps settings";
  Await(&Device::Reset);
  EXPECT_TRUE(backend_.write_cache);
}

TEST_F(AtaDiskCommandTest, OtherFeatures) {
  for (int feature = 0; feature < 256; ++feature) {
    const auto code = static_cast<uint8_t>(feature);
    const IdeAnswer answer = Set(code);
    switch (code) {
      case ata::kFeatureEnableWriteCache:
      case ata::kFeatureDisableWriteCache:
      case ata::kFeatureTransferMode:
      case ata::kFeatureEnableLookAhead:
      case ata::kFeatureDisableLookAhead:
      case ata::kFeatureKeepOverReset:
        ExpectGood(answer);
        break;
      default:
        ExpectError(answer, ata::kErrorAbrt);
    }
  }
  Set(ata::kFeatureDisableLookAhead);
  EXPECT_EQ(Word(85) & 0x40, 0);
  Set(ata::kFeatureEnableLookAhead);
  EXPECT_EQ(Word(85) & 0x40, 0x40);
}

TEST_F(AtaDiskCommandTest, ReadNativeMaxInEachForm) {
  EXPECT_EQ(Run({.code = ata::kReadNativeMax}).lba, kSectors - 1);
  EXPECT_EQ(Run({.code = ata::kReadNativeMaxExt, .form = IdeForm::k48}).lba, kSectors - 1);
  const IdeAnswer chs = Run({.code = ata::kReadNativeMax, .device = 0});
  ExpectGood(chs);
  EXPECT_EQ(chs.lba & 0xff, (kSectors - 1) % 63 + 1);
  backend_.announced_length = uint64_t{0x123456789} * 512;
  EXPECT_EQ(Run({.code = ata::kReadNativeMax}).lba, 0x0ffffffeu) << "as words 60 and 61 have it";
  EXPECT_EQ(Run({.code = ata::kReadNativeMaxExt, .form = IdeForm::k48}).lba, 0x123456788u);
}

TEST_F(AtaDiskCommandTest, SeekAndRecalibrate) {
  ExpectGood(Run({.code = ata::kRecalibrate}));
  ExpectGood(Run({.code = ata::kSeek, .lba = kSectors - 1}));
  ExpectError(Run({.code = ata::kSeek, .lba = kSectors}), ata::kErrorIdnf);
  ExpectError(Run({.code = ata::kSeek, .lba = 0, .device = 0}), ata::kErrorIdnf);  // Sector 0.
}

TEST_F(AtaDiskCommandTest, InitializeDeviceParametersChangesTheTranslation) {
  ExpectGood(Run({.code = ata::kInitializeDeviceParameters, .count = 32, .device = 7}));
  EXPECT_EQ(Word(54), kSectors / (8 * 32));
  EXPECT_EQ(Word(55), 8);
  EXPECT_EQ(Word(56), 32);
  EXPECT_EQ(Word(6), 63) << "the default one stays";
  ExpectError(Run({.code = ata::kInitializeDeviceParameters, .count = 0}), ata::kErrorAbrt);
  ExpectGood(Run({.code = ata::kInitializeDeviceParameters, .count = 255, .device = 15}));
  EXPECT_EQ(Word(54), 1);
}

TEST_F(AtaDiskCommandTest, PowerModes) {
  EXPECT_EQ(Run({.code = ata::kCheckPowerMode}).count, 0xff);
  for (const uint8_t code : {ata::kStandby, ata::kStandbyImmediate}) {
    ExpectGood(Run({.code = code}));
    EXPECT_EQ(Run({.code = ata::kCheckPowerMode}).count, 0);
    for (const uint8_t wake : {ata::kIdle, ata::kIdleImmediate}) {
      ExpectGood(Run({.code = wake}));
      EXPECT_EQ(Run({.code = ata::kCheckPowerMode}).count, 0xff);
    }
  }
  Run({.code = ata::kStandby});
  ExpectWorks();
  EXPECT_EQ(Run({.code = ata::kCheckPowerMode}).count, 0xff) << "a transfer wakes it";
}

TEST_F(AtaDiskCommandTest, AsleepOnlyAResetWakesIt) {
  ExpectGood(Run({.code = ata::kSleep}));
  EXPECT_EQ(backend_.asked.size(), 1u) << "the cache is written first";
  ExpectError(Run({.code = ata::kCheckPowerMode}), ata::kErrorAbrt);
  ExpectError(Run({.code = ata::kIdle}), ata::kErrorAbrt);
  ASSERT_TRUE(driver().SoftReset());
  EXPECT_EQ(Run({.code = ata::kCheckPowerMode}).count, 0xff);
  ExpectWorks();
}

TEST_F(AtaDiskCommandTest, Smart) {
  ExpectError(Smart(ata::kSmartReturnStatus, 0xc24e00), ata::kErrorAbrt);  // Not the key.
  const IdeAnswer status = Smart(ata::kSmartReturnStatus);
  ExpectGood(status);
  EXPECT_EQ(status.lba, 0xc24f00u) << "all is well";
  for (const uint8_t feature : {ata::kSmartReadData, ata::kSmartReadThresholds}) {
    ExpectGood(Run({.code = ata::kSmart,
                    .protocol = IdeProtocol::kPioIn,
                    .features = feature,
                    .lba = 0xc24f00,
                    .buffer = driver().scratch(),
                    .bytes = 512}));
    uint8_t version = 0;
    bus_.Read(driver().scratch(), {&version, 1});
    EXPECT_EQ(version, 0x10);
  }
  ExpectGood(Smart(ata::kSmartAutosave));
  ExpectGood(Smart(ata::kSmartDisable));
  EXPECT_EQ(Word(85) & 1, 0);
  ExpectError(Smart(ata::kSmartReturnStatus), ata::kErrorAbrt);
  ExpectGood(Smart(ata::kSmartEnable));
  EXPECT_EQ(Word(85) & 1, 1);
  // R-IDE-11: there is no self-test log to run over.
  for (int i = 0; i < 30; ++i) ExpectError(Smart(0xd4), ata::kErrorAbrt);
}

TEST_F(AtaDiskCommandTest, WhatCanBeWrongAtCreationIsNamed) {
  Unplug();
  const auto create = [this](const AtaDiskOptions& options) {
    return AtaDisk::Create(options, channel_.port(0), backend_, control_, control_).status();
  };
  EXPECT_EQ(create({.id = ""}).code(), absl::StatusCode::kInvalidArgument);
  backend_.announced_length = 1000;
  const absl::Status length = create({.id = "hd9"});
  EXPECT_EQ(length.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(length.message().find("hd9"), std::string::npos);
  EXPECT_FALSE(backend_.attached);
  backend_.announced_length = 0;

  MakeDisk({.id = "hd0"});
  FakeBlockDevice second(512);
  const auto taken =
      AtaDisk::Create({.id = "hd1"}, channel_.port(0), second, control_, control_).status();
  EXPECT_EQ(taken.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(second.attached);
  EXPECT_TRUE(backend_.attachment.needs_write);
  EXPECT_EQ(backend_.attachment.guest_block_size, 512u);
}

TEST_F(AtaDiskCommandTest, AsDevice1) {
  Unplug();
  MakeDisk({.id = "hd1", .serial = "S"}, 1);
  IdeDriver slave(bus_, {.unit = 1});
  EXPECT_EQ(slave.Identify()->sectors, kSectors);
  EXPECT_EQ(slave.Identify()->words[93], 0x6b00);
  std::vector<uint8_t> data(512);
  EXPECT_TRUE(slave.Read(IdeWay::kDma, 5, data)->ok());
  EXPECT_EQ(data, DataAt(5, 1));
  EXPECT_TRUE(slave.Read(IdeWay::kPio, 6, data)->ok());
  EXPECT_EQ(data, DataAt(6, 1));
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// Errors and their sense: what the registers say, how long the sense is kept, every errno of the
// backend, ranges.

#include <cerrno>

#include "gtest/gtest.h"

#include "devices/ide/atapi_cd_fixture.h"

namespace platter {
namespace {

class AtapiCdSenseTest : public AtapiCdTest {};

constexpr AtapiPacket kInquiry = {0x12, 0, 0, 0, 36};

TEST_F(AtapiCdSenseTest, TheRegistersHaveTheKeyAndThatACommandWasInvalid) {
  EXPECT_EQ(Packet({0xff}).error, 0x54);
  EXPECT_EQ(Packet(AtapiDriver::MakeRead10(kBlocks, 1), kBlock).error, 0x54);
  backend_.next_error = -EIO;
  EXPECT_EQ(Packet(AtapiDriver::MakeRead10(0, 1), kBlock).error, 0x30);
  driver().StartStop(AtapiTray::kOpen);
  EXPECT_EQ(Packet({}).error, 0x20);
  ASSERT_TRUE(driver().DeviceReset());
  EXPECT_EQ(Packet({}).error, 0x60);
}

TEST_F(AtapiCdSenseTest, SenseStaysUntilItIsAskedForAndIsGoneThen) {
  Packet({0xff});
  Settle();
  EXPECT_EQ(driver().RequestSense(), kBadOpcode);
  EXPECT_EQ(driver().RequestSense(), kNoSense);
}

TEST_F(AtapiCdSenseTest, AnotherCommandTakesItsPlace) {
  Packet({0xff});
  ExpectGood(Packet({}));
  EXPECT_EQ(driver().RequestSense(), kNoSense);
  Packet({0xff});
  ExpectGood(Packet(kInquiry, 36));
  EXPECT_EQ(driver().RequestSense(), kNoSense);
  Packet({0xff});
  ExpectCheck(Packet(AtapiDriver::MakeRead10(kBlocks, 1), kBlock), kOutOfRange);
}

TEST_F(AtapiCdSenseTest, ATAcommandsLeaveIt) {
  Packet({0xff});
  Ata({.code = ata::kCheckPowerMode});
  Ata({.code = ata::kIdentifyDevice});
  EXPECT_TRUE(driver().IdentifyPacket().ok());
  EXPECT_EQ(driver().RequestSense(), kBadOpcode);
}

TEST_F(AtapiCdSenseTest, AResetTakesIt) {
  Packet({0xff});
  ASSERT_TRUE(driver().DeviceReset());
  EXPECT_EQ(driver().TestUnitReady().sense, kReset);
  Packet({0xff});
  ASSERT_TRUE(driver().DeviceReset());
  EXPECT_EQ(driver().RequestSense(), kReset) << "asked for first, it is the attention itself";
  EXPECT_TRUE(driver().TestUnitReady().ok());
}

TEST_F(AtapiCdSenseTest, ALimitThatLetsNothingThroughLeavesIt) {
  Packet({0xff});
  ExpectAbort(Packet(AtapiDriver::MakeRequestSense(), 18, IdeWay::kPio, 0));
  EXPECT_EQ(driver().RequestSense(), kBadOpcode);
}

TEST_F(AtapiCdSenseTest, TheDataOfRequestSense) {
  Packet({0xff});
  const PacketAnswer answer = Packet({0x03, 0, 0, 0, 255}, 255);
  EXPECT_EQ(answer.moved, 18u);
  const std::vector<uint8_t> data = Scratch(18);
  EXPECT_EQ(data[0], 0x70);
  EXPECT_EQ(data[2], 5);
  EXPECT_EQ(data[7], 10);
  EXPECT_EQ(data[12], 0x20);
  // In descriptor format, and cut off.
  Packet({0xff});
  EXPECT_EQ(Packet({0x03, 1, 0, 0, 255}, 255).moved, 8u);
  EXPECT_EQ(Scratch(8)[0], 0x72);
  EXPECT_EQ(Scratch(8)[2], 0x20);
  Packet({0xff});
  EXPECT_EQ(Packet({0x03, 0, 0, 0, 5}, 5).moved, 5u);
  Packet({0xff});
  ExpectGood(Packet({0x03, 0, 0, 0, 0}));
  EXPECT_EQ(driver().RequestSense(), kNoSense);
}

TEST_F(AtapiCdSenseTest, RequestSenseByDma) {
  Packet({0xff});
  ExpectGood(Packet(AtapiDriver::MakeRequestSense(), 18, IdeWay::kDma));
  EXPECT_EQ(AtapiDriver::ParseSense(Scratch(18)), kBadOpcode);
}

TEST_F(AtapiCdSenseTest, WithoutAnErrorItSaysWhatTheDriveLacks) {
  EXPECT_EQ(driver().RequestSense(), kNoSense);
  EXPECT_TRUE(driver().StartStop(AtapiTray::kOpen).ok());
  EXPECT_EQ(driver().RequestSense(), kOpen);
}

// R-IDE-02: no address is special, and the whole range is checked before anything is read.
TEST_F(AtapiCdSenseTest, R_IDE_02_NoRangeLeavesTheMedium) {
  for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
    for (const AtapiPacket& packet :
         {AtapiDriver::MakeRead10(0xffffffff, 1), AtapiDriver::MakeRead10(kBlocks - 1, 2),
          AtapiDriver::MakeRead10(kBlocks, 1), AtapiDriver::MakeRead12(0xffffffff, 1),
          AtapiDriver::MakeRead12(kBlocks - 1, 2),
          AtapiPacket{0xbe, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0x10},
          AtapiPacket{0xbe, 0, 0, 0, 1, 0xff, 0, 0, 2, 0x10},
          AtapiPacket{0xb9, 0, 0, 0, 8, 61, 0, 8, 63, 0x10}}) {
      const PacketAnswer answer = Packet(packet, kBlock, way);
      EXPECT_EQ(answer.moved, 0u);
      ExpectCheck(answer, kOutOfRange);
    }
  }
  EXPECT_TRUE(backend_.asked.empty());
}

// R-IDE-02b: lengths whose product with the block size wraps in 32 bits, or whose sum does.
TEST_F(AtapiCdSenseTest, R_IDE_02b_LengthsThatWrap) {
  for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
    for (const AtapiPacket& packet :
         {AtapiDriver::MakeRead12(0, 0x00200000), AtapiDriver::MakeRead12(0, 0x00200001),
          AtapiDriver::MakeRead12(0, 0x80000000), AtapiDriver::MakeRead12(1, 0xffffffff),
          AtapiDriver::MakeRead12(0xffffffff, 0xffffffff),
          AtapiDriver::MakeRead12(2, 0xfffffffe)}) {
      ExpectCheck(Packet(packet, kBlock, way), kOutOfRange);
    }
  }
  EXPECT_TRUE(backend_.asked.empty());
}

// R-IDE-17: above 4 GiB nothing is cut off.
TEST_F(AtapiCdSenseTest, R_IDE_17_AddressesAbove4GiB) {
  backend_.announced_length = uint64_t{9} << 30;
  const uint64_t lba = (uint64_t{9} << 30) / kBlock - 2;
  backend_.hold = true;
  driver().Start({.packet = AtapiDriver::MakeRead10(lba, 2),
                  .way = IdeWay::kDma,
                  .buffer = ide().scratch(),
                  .bytes = 2 * kBlock});
  for (int i = 0; i < 3; ++i) {
    driver().Poll();
    Settle();
  }
  ASSERT_EQ(backend_.asked.size(), 1u);
  EXPECT_EQ(backend_.asked[0].offset, lba * kBlock);
  ASSERT_TRUE(driver().DeviceReset());
  backend_.announced_length = 0;
  backend_.Release();
  ExpectWorks();
}

// C-04: any errno ends the command, with sense.
TEST_F(AtapiCdSenseTest, C_04_EveryErrorIsAnAnswer) {
  struct Row {
    int error;
    AtapiSense sense;
  };
  for (const Row& row :
       {Row{EIO, {.key = 3, .code = 0x1100}}, Row{ENOMEDIUM, {.key = 2, .code = 0x3a00}},
        Row{EINVAL, {.key = 5, .code = 0x2400}}, Row{ENOMEM, {.key = 4, .code = 0x4400}},
        Row{ECANCELED, {.key = 0xb}}, Row{EAGAIN, {.key = 0xb}}, Row{EBADE, {.key = 0xb}},
        Row{ENOTCONN, {.key = 3, .code = 0x1100}}}) {
    for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
      SCOPED_TRACE(row.error);
      backend_.next_error = -row.error;
      ExpectCheck(Packet(AtapiDriver::MakeRead10(0, 1), kBlock, way), row.sense);
      ExpectWorks();
    }
  }
}

}  // namespace
}  // namespace platter

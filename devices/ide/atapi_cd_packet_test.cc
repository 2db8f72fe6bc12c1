// SPDX-License-Identifier: Apache-2.0
//
// Packets and their data by PIO: the phases, every class of byte count limit, parts of the medium,
// packets that come in pieces, resets amid a phase.

#include <algorithm>
#include <array>
#include <numeric>

#include "gtest/gtest.h"

#include "devices/ide/atapi_cd_fixture.h"
#include "devices/ide/atapi_commands.h"
#include "devices/scsi/cd_sector.h"

namespace platter {
namespace {

class AtapiCdPacketTest : public AtapiCdTest {
 protected:
  // PACKET, and until the drive asks for the packet.
  void BeginPacket(uint16_t limit = 0xfffe, uint8_t features = 0) {
    ide().Set(guest::kIdeDevice, 0);
    ide().Set(guest::kIdeFeatures, features);
    ide().Set(guest::kIdeLbaMid, static_cast<uint8_t>(limit));
    ide().Set(guest::kIdeLbaHigh, static_cast<uint8_t>(limit >> 8));
    ide().Set(guest::kIdeCommand, guest::kIdePacket);
    Settle();
  }
  void SendBytes(std::vector<uint8_t> bytes) { channel_.WriteData(bytes); }
  static std::vector<uint8_t> BytesOf(const AtapiPacket& packet) {
    return {packet.begin(), packet.end()};
  }
};

TEST_F(AtapiCdPacketTest, ThePhasesOfACommandWithData) {
  const uint64_t raised = bus_.Interrupt(kPlace.line).raised;
  BeginPacket(2048);
  EXPECT_EQ(ide().AlternateStatus(), ata::kStatusGood | ata::kStatusDrq);
  EXPECT_EQ(ide().Get(guest::kIdeCount), kAtapiReasonCommand);
  EXPECT_EQ(bus_.Interrupt(kPlace.line).raised, raised) << "word 0: no interrupt for the packet";
  SendBytes(BytesOf(AtapiDriver::MakeRead10(3, 1)));
  EXPECT_EQ(ide().AlternateStatus(), ata::kStatusBsy);
  Settle();
  EXPECT_EQ(bus_.Interrupt(kPlace.line).raised, raised + 1);
  EXPECT_EQ(ide().Get(guest::kIdeCount), kAtapiReasonDataIn);
  EXPECT_EQ(ide().Get(guest::kIdeLbaMid) | ide().Get(guest::kIdeLbaHigh) << 8, 2048);
  EXPECT_EQ(ide().Get(guest::kIdeStatus), ata::kStatusGood | ata::kStatusDrq);
  std::vector<uint8_t> data(kBlock);
  channel_.ReadData(data);
  EXPECT_EQ(data, DataAt(3, 1));
  Settle();
  EXPECT_EQ(bus_.Interrupt(kPlace.line).raised, raised + 2) << "for the status";
  EXPECT_EQ(ide().Get(guest::kIdeCount), kAtapiReasonStatus);
  EXPECT_EQ(ide().Get(guest::kIdeStatus), ata::kStatusGood);
  EXPECT_FALSE(bus_.Interrupt(kPlace.line).high);
}

TEST_F(AtapiCdPacketTest, ACommandWithoutDataEndsWithOneInterrupt) {
  const uint64_t raised = bus_.Interrupt(kPlace.line).raised;
  ExpectGood(Packet({}));
  EXPECT_EQ(bus_.Interrupt(kPlace.line).raised, raised + 1);
}

// Each class of limit, on a read of the medium and on a reply of an odd length.
TEST_F(AtapiCdPacketTest, R_IDE_10_EveryByteCountLimit) {
  constexpr uint32_t kBytes = 5 * kBlock;
  const AtapiPacket read = AtapiDriver::MakeRead10(9, 5);
  const AtapiPacket odd = {0x12, 0, 0, 0, 35};  // INQUIRY with an odd allocation length.
  for (const uint32_t limit :
       {0u,    1u,    2u,    3u,     34u,    35u,    36u,    511u,   512u,   2046u,  2047u,
        2048u, 2049u, 4096u, 10238u, 10239u, 10240u, 10241u, 32768u, 65533u, 65534u, 65535u}) {
    SCOPED_TRACE(limit);
    for (const AtapiPacket& packet : {read, odd}) {
      const uint32_t length = packet == read ? kBytes : 35;
      const PacketAnswer answer =
          Packet(packet, length, IdeWay::kPio, static_cast<uint16_t>(limit));
      if (limit < 2) {
        ExpectAbort(answer);
        EXPECT_EQ(driver().RequestSense(), kNoSense);
        continue;
      }
      ExpectGood(answer);
      ASSERT_EQ(answer.moved, length);
      for (size_t i = 0; i < answer.blocks.size(); ++i) {
        EXPECT_LE(answer.blocks[i], std::min(limit, kAtapiMaxByteCount));
        if (i + 1 == answer.blocks.size()) break;
        EXPECT_EQ(answer.blocks[i], limit & ~1u);
      }
      if (packet != read) continue;
      EXPECT_EQ(Scratch(kBytes), DataAt(9, 5));
    }
  }
  EXPECT_EQ(driver().faults(), 0u);
  ExpectWorks();
}

TEST_F(AtapiCdPacketTest, ALimitOf0IsNothingToACommandWithoutData) {
  ExpectGood(Packet({}, 0, IdeWay::kPio, 0));
  ExpectGood(Packet(AtapiDriver::MakeRead10(0, 0), 0, IdeWay::kPio, 0));
  ExpectGood(Packet({0x12, 0, 0, 0, 0}, 0, IdeWay::kPio, 0));
}

// What a drive tells once it tells to a guest that lets it.
TEST_F(AtapiCdPacketTest, ALimitThatLetsNothingThroughLosesNoNews) {
  driver().PreventAllow(AtapiLock::kLocked);
  backend_.ops.eject_request(Force::kNo);
  ExpectAbort(Packet(AtapiDriver::MakeGetEventStatus(), 8, IdeWay::kPio, 0));
  ExpectAbort(Packet(AtapiDriver::MakeGetEventStatus(), 8, IdeWay::kPio, 1));
  EXPECT_EQ(driver().GetEventStatus()->code, 1);
  EXPECT_EQ(driver().GetEventStatus()->code, 0);

  Await(&Device::Reset);  // An attention, which REQUEST SENSE would tell too.
  ExpectAbort(Packet(AtapiDriver::MakeRequestSense(), 18, IdeWay::kPio, 0));
  EXPECT_EQ(driver().TestUnitReady().sense, kReset);
}

// A medium is read a part of the buffer's size at a time: no part is asked for before the guest has
// taken the one before.
TEST_F(AtapiCdPacketTest, LongReadsComeInPartsOfTheBuffer) {
  const uint32_t blocks = 2 * AtapiCd::kBufferBytes / kBlock + 3;
  const uint32_t bytes = blocks * kBlock;
  const uint64_t buffer = *bus_.Allocate(bytes, 4096);
  for (const uint16_t limit : {uint16_t{0xffff}, uint16_t{63 * 1024}, uint16_t{2048}}) {
    SCOPED_TRACE(limit);
    backend_.asked.clear();
    const auto answer = driver().Run({.packet = AtapiDriver::MakeRead12(1, blocks),
                                      .buffer = buffer,
                                      .bytes = bytes,
                                      .limit = limit});
    ASSERT_TRUE(answer.has_value());
    ExpectGood(*answer);
    EXPECT_EQ(answer->moved, bytes);
    std::vector<uint8_t> data(bytes);
    bus_.Read(buffer, data);
    EXPECT_EQ(data, DataAt(1, blocks));
    EXPECT_EQ(backend_.asked,
              (std::vector<Asked>{
                  {IoOp::kRead, uint64_t{1} * kBlock, AtapiCd::kBufferBytes, IoFlags::kNone},
                  {IoOp::kRead, uint64_t{33} * kBlock, AtapiCd::kBufferBytes, IoFlags::kNone},
                  {IoOp::kRead, uint64_t{65} * kBlock, uint64_t{3} * kBlock, IoFlags::kNone}}));
  }
  EXPECT_EQ(driver().faults(), 0u);
}

TEST_F(AtapiCdPacketTest, EveryWayToReadGivesTheBlocks) {
  for (const AtapiPacket& packet : {AtapiDriver::MakeRead10(5, 2), AtapiDriver::MakeRead12(5, 2),
                                    AtapiPacket{0xbe, 0, 0, 0, 0, 5, 0, 0, 2, 0x10},
                                    AtapiPacket{0xb9, 0, 0, 0, 2, 5, 0, 2, 7, 0x10}}) {
    for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
      ExpectGood(Packet(packet, 2 * kBlock, way));
      EXPECT_EQ(Scratch(2 * kBlock), DataAt(5, 2)) << int{packet[0]};
    }
  }
}

TEST_F(AtapiCdPacketTest, AnAllocationLengthCutsTheReplyOff) {
  for (const uint8_t length : {1, 4, 5, 20, 36, 95}) {
    const PacketAnswer answer = Packet({0x12, 0, 0, 0, length}, 96);
    ExpectGood(answer);
    EXPECT_LE(answer.moved, length);
    EXPECT_EQ(answer.moved, std::min<uint32_t>(length, Scratch(96)[4] + 5)) << "as long as it is";
  }
}

// An error amid the parts: what came before it is the guest's, the rest does not come.
TEST_F(AtapiCdPacketTest, AnErrorInALaterPart) {
  BeginPacket(0xfffe);
  SendBytes(BytesOf(AtapiDriver::MakeRead12(0, 64)));
  Settle();
  std::vector<uint8_t> data(65534);
  channel_.ReadData(data);
  Settle();
  backend_.next_error = -EIO;
  ide().Get(guest::kIdeStatus);
  channel_.ReadData(std::span(data).first(2));
  Settle();
  EXPECT_EQ(ide().Get(guest::kIdeCount), kAtapiReasonStatus);
  EXPECT_EQ(ide().Get(guest::kIdeError) >> 4, 3);
  EXPECT_EQ(ide().Get(guest::kIdeStatus), ata::kStatusGood | ata::kStatusErr);
  EXPECT_EQ(driver().RequestSense(), (AtapiSense{.key = 3, .code = 0x1100}));
  ExpectWorks();
}

TEST_F(AtapiCdPacketTest, PacketsInPiecesOfAnyWidth) {
  const std::vector<uint8_t> packet = BytesOf(AtapiDriver::MakeReadCapacity());
  for (const size_t piece : {1, 2, 3, 5, 7, 11, 12}) {
    SCOPED_TRACE(piece);
    BeginPacket();
    for (size_t at = 0; at < packet.size(); at += piece) {
      EXPECT_EQ(ide().AlternateStatus(), ata::kStatusGood | ata::kStatusDrq);
      const size_t end = std::min(packet.size(), at + piece);
      SendBytes({packet.begin() + static_cast<ptrdiff_t>(at),
                 packet.begin() + static_cast<ptrdiff_t>(end)});
      Settle();
    }
    ide().Get(guest::kIdeStatus);
    std::vector<uint8_t> data(8);
    channel_.ReadData(data);
    EXPECT_EQ(AtapiDriver::ParseCapacity(data),
              (AtapiDriver::Capacity{.blocks = kBlocks, .block_bytes = kBlock}));
    Settle();
    EXPECT_EQ(ide().Get(guest::kIdeStatus), ata::kStatusGood);
  }
}

// What is more than a packet belongs to nothing.
TEST_F(AtapiCdPacketTest, ALongPacketIsCutOff) {
  std::vector<uint8_t> packet = BytesOf(AtapiDriver::MakeRead10(0, 1));
  packet.resize(512, 0xff);
  BeginPacket();
  SendBytes(packet);
  Settle();
  ide().Get(guest::kIdeStatus);
  std::vector<uint8_t> data(kBlock);
  channel_.ReadData(data);
  EXPECT_EQ(data, DataAt(0, 1));
  Settle();
  EXPECT_EQ(ide().Get(guest::kIdeStatus), ata::kStatusGood);
  ExpectWorks();
}

// R-IDE-04: by SRST and by DEVICE RESET, while the packet is due, amid it, while data are due, amid
// them; taken while the drive is at rest, and right behind the access before.
TEST_F(AtapiCdPacketTest, ThePhasesOfACommandThatTakesData) {
  const uint64_t raised = bus_.Interrupt(kPlace.line).raised;
  BeginPacket(16);
  SendBytes(BytesOf(AtapiDriver::MakeSetStreaming()));
  for (const int block : {16, 12}) {
    EXPECT_EQ(ide().AlternateStatus(), ata::kStatusBsy);
    Settle();
    EXPECT_EQ(ide().Get(guest::kIdeCount), kAtapiReasonDataOut);
    EXPECT_EQ(ide().Get(guest::kIdeLbaMid) | ide().Get(guest::kIdeLbaHigh) << 8, block);
    EXPECT_EQ(bus_.Interrupt(kPlace.line).raised, raised + (block == 16 ? 1 : 2));
    EXPECT_EQ(ide().Get(guest::kIdeStatus), ata::kStatusGood | ata::kStatusDrq);
    EXPECT_FALSE(bus_.Interrupt(kPlace.line).high);
    // Beyond the block nothing is taken.
    SendBytes(std::vector<uint8_t>(block == 16 ? 16 : 100, 0));
  }
  Settle();
  EXPECT_EQ(bus_.Interrupt(kPlace.line).raised, raised + 3) << "for the status";
  EXPECT_EQ(ide().Get(guest::kIdeCount), kAtapiReasonStatus);
  EXPECT_EQ(ide().Get(guest::kIdeStatus), ata::kStatusGood);
}

// Each class of limit; the last field of the list decides, so all of it came, in its order.
TEST_F(AtapiCdPacketTest, R_IDE_10_EveryByteCountLimitOfDataThatAreTaken) {
  std::vector<uint8_t> list(28);
  list[0] = 2;    // Exact.
  list[11] = 99;  // To block 99.
  for (const uint8_t time : {100, 101}) {
    list[14] = 1108 >> 8;  // 1108000 bytes in that time.
    list[15] = 1108 & 0xff;
    list[19] = time;
    for (const uint32_t limit :
         {0u, 1u, 2u, 3u, 13u, 14u, 26u, 27u, 28u, 29u, 512u, 65534u, 65535u}) {
      SCOPED_TRACE(limit);
      bus_.Write(ide().scratch(), list);
      const auto answer = driver().Run({.packet = AtapiDriver::MakeSetStreaming(),
                                        .buffer = ide().scratch(),
                                        .bytes = 28,
                                        .limit = static_cast<uint16_t>(limit),
                                        .data = PacketData::kToDrive});
      ASSERT_TRUE(answer.has_value());
      if (limit < 2) {
        ExpectAbort(*answer);
        EXPECT_EQ(driver().RequestSense(), kNoSense);
        continue;
      }
      EXPECT_EQ(answer->moved, 28u);
      for (size_t i = 0; i + 1 < answer->blocks.size(); ++i) {
        EXPECT_EQ(answer->blocks[i], limit & ~1u);
      }
      if (time == 100) {
        ExpectGood(*answer);
      } else {
        ExpectCheck(*answer, {.key = 5, .code = 0x2600});
      }
    }
  }
  EXPECT_EQ(driver().faults(), 0u);
  ExpectWorks();
}

// What is refused before the data are looked at has no data phase.
TEST_F(AtapiCdPacketTest, ACommandThatIsRefusedTakesNoData) {
  const std::vector<uint8_t> list(28);
  for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
    const auto refused = [&](const AtapiPacket& packet, const AtapiSense& sense) {
      const AtapiResult result = driver().Send(packet, list, way);
      EXPECT_EQ(result.sense, sense);
      EXPECT_TRUE(result.answer->blocks.empty());
    };
    refused({0xb6, 0, 0, 0, 0, 0, 0, 0, 5, 0, 28}, {.key = 5, .code = 0x2400});
    refused({0xb6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 27}, {.key = 5, .code = 0x1a00});
    refused({0xb6, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, {.key = 5, .code = 0x1a00});
    EXPECT_TRUE(driver().Send({0xb6}, {}, way).ok()) << "no list, no error";
    ASSERT_TRUE(driver().DeviceReset());
    refused(AtapiDriver::MakeSetStreaming(), kReset);
    EXPECT_TRUE(driver().Send(AtapiDriver::MakeSetStreaming(), list, way).ok()) << "told once";
    ASSERT_TRUE(driver().StartStop(AtapiTray::kOpen).ok());
    refused(AtapiDriver::MakeSetStreaming(), kOpen);
    ASSERT_TRUE(driver().StartStop(AtapiTray::kClose).ok());
    ASSERT_TRUE(driver().ClearNews());
  }
  EXPECT_EQ(driver().faults(), 0u);
  ExpectWorks();
}

TEST_F(AtapiCdPacketTest, TheMediumMayGoWhileTheGuestSendsData) {
  BeginPacket();
  SendBytes(BytesOf(AtapiDriver::MakeSetStreaming()));
  Settle();
  SendBytes(std::vector<uint8_t>(10));
  backend_.inserted = false;
  backend_.ops.change_media(MediumMove::kEject);
  Settle();
  SendBytes(std::vector<uint8_t>(18));
  Settle();
  EXPECT_EQ(ide().Get(guest::kIdeStatus), ata::kStatusGood | ata::kStatusErr);
  EXPECT_EQ(driver().RequestSense()->key, 2);
}

TEST_F(AtapiCdPacketTest, R_IDE_04_ResetsAmidDataThatAreTaken) {
  for (const size_t sent : {0, 1, 10, 27, 28}) {
    for (int way = 0; way < 4; ++way) {
      SCOPED_TRACE(testing::Message() << sent << " bytes, way " << way);
      BeginPacket(way / 2 == 0 ? 28 : 10);
      SendBytes(BytesOf(AtapiDriver::MakeSetStreaming()));
      Settle();
      SendBytes(std::vector<uint8_t>(sent, 0xff));
      if (sent % 2 != 0) Settle();
      ASSERT_TRUE(way % 2 == 0 ? driver().DeviceReset() : ide().SoftReset());
      EXPECT_EQ(ide().AlternateStatus(), 0);
      EXPECT_FALSE(bus_.Interrupt(kPlace.line).high);
      SendBytes(std::vector<uint8_t>(28, 0xff));  // Too late.
      Settle();
      EXPECT_EQ(driver().TestUnitReady().sense, kReset);
      ExpectWorks();
    }
  }
}

TEST_F(AtapiCdPacketTest, TheMachinesResetAndAPauseAmidDataThatAreTaken) {
  BeginPacket(10);
  SendBytes(BytesOf(AtapiDriver::MakeSetStreaming()));
  Settle();
  Await(&Device::Pause);
  SendBytes(std::vector<uint8_t>(10));
  Settle();
  EXPECT_EQ(ide().AlternateStatus(), ata::kStatusBsy) << "paused, it takes no block";
  drive_->Resume();
  Settle();
  EXPECT_EQ(ide().AlternateStatus(), ata::kStatusGood | ata::kStatusDrq);
  Await(&Device::Reset);
  EXPECT_EQ(ide().AlternateStatus(), 0);
  ExpectWorks();
}

TEST_F(AtapiCdPacketTest, R_IDE_04_ResetsAmidEachPhase) {
  for (const size_t sent : {0, 5, 12}) {
    for (const size_t read : {0, 100}) {
      SCOPED_TRACE(testing::Message()
                   << sent << " bytes of the packet, " << read << " of the data");
      std::vector<uint8_t> packet = BytesOf(AtapiDriver::MakeRead10(0, 2));
      packet.resize(sent);
      for (int way = 0; way < 4; ++way) {
        BeginPacket(2048);
        SendBytes(packet);
        if (way / 2 == 0) Settle();
        std::vector<uint8_t> data(read);
        channel_.ReadData(data);
        ASSERT_TRUE(way % 2 == 0 ? driver().DeviceReset() : ide().SoftReset());
        EXPECT_EQ(ide().AlternateStatus(), 0);
        EXPECT_FALSE(bus_.Interrupt(kPlace.line).high);
        EXPECT_EQ(driver().TestUnitReady().sense, kReset);
        ExpectWorks();
      }
    }
  }
}

TEST_F(AtapiCdPacketTest, DeviceResetWithAReadHeldWaitsForIt) {
  backend_.hold = true;
  backend_.on_cancel = FakeBlockDevice::OnCancel::kStays;
  for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
    driver().Start({.packet = AtapiDriver::MakeRead10(0, 1),
                    .way = way,
                    .buffer = ide().scratch(),
                    .bytes = kBlock});
    driver().Poll();
    Settle();
    driver().Poll();
    Settle();
    ASSERT_EQ(backend_.held(), 1u);
    ide().Set(guest::kIdeCommand, guest::kIdeDeviceReset);
    driver().Forget();
    Settle();
    EXPECT_EQ(ide().AlternateStatus(), ata::kStatusBsy);
    backend_.Release();
    Settle();
    EXPECT_EQ(ide().AlternateStatus(), 0);
    EXPECT_FALSE(bus_.Interrupt(kPlace.line).high);
    ExpectWorks();
    backend_.hold = true;
  }
  backend_.Release();
}

// READ CD of whole sectors, more than the drive's buffer takes, both ways.
TEST_F(AtapiCdPacketTest, WholeSectorsByPioAndDma) {
  constexpr uint8_t kSectors = 27;
  const AtapiPacket packet = {0xbe, 0, 0, 0, 0, 3, 0, 0, kSectors, 0xf8, 0, 0};
  std::vector<uint8_t> want;
  for (uint32_t i = 0; i < kSectors; ++i) {
    std::array<uint8_t, kCdRawBytes> sector{};
    const std::vector<uint8_t> data = DataAt(3 + i, 1);
    std::copy(data.begin(), data.end(), sector.begin() + 16);
    CompleteCdSector(3 + i, sector);
    want.insert(want.end(), sector.begin(), sector.end());
  }
  const auto bytes = static_cast<uint32_t>(want.size());
  ASSERT_LE(bytes, IdeDriver::kBounceBytes);
  for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
    const PacketAnswer answer = Packet(packet, bytes, way);
    ExpectGood(answer);
    EXPECT_EQ(Scratch(bytes), want);
  }
}

TEST_F(AtapiCdPacketTest, WholeSectorsOfMoreThanTheBufferComeInParts) {
  constexpr uint8_t kSectors = 60;
  const AtapiPacket packet = {0xbe, 0, 0, 0, 0, 3, 0, 0, kSectors, 0xf8, 0, 0};
  const uint64_t memory = *bus_.Allocate(kSectors * kCdRawBytes, 4096);
  const auto answer =
      driver().Run({.packet = packet, .buffer = memory, .bytes = kSectors * kCdRawBytes});
  ASSERT_TRUE(answer.has_value());
  ExpectGood(*answer);
  EXPECT_EQ(answer->moved, kSectors * kCdRawBytes);
  std::vector<uint8_t> seen(kSectors * kCdRawBytes);
  ASSERT_TRUE(bus_.Read(memory, seen));
  for (uint32_t i = 0; i < kSectors; ++i) {
    const auto user = seen.begin() + i * kCdRawBytes + 16;
    EXPECT_EQ(std::vector<uint8_t>(user, user + 2048), DataAt(3 + i, 1)) << i;
    EXPECT_EQ(seen[i * kCdRawBytes + 14], (i + 3) % 10 + (i + 3) / 10 * 16) << "frame, in BCD";
  }
}

}  // namespace
}  // namespace platter

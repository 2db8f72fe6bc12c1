// SPDX-License-Identifier: Apache-2.0
//
// Packets whose data go by the bus master: one request of the backend straight into the guest's
// memory, tables of every length, the engine's register amid it all, errors, dirty memory.

#include <algorithm>
#include <numeric>

#include "gtest/gtest.h"

#include "devices/ide/atapi_cd_fixture.h"

namespace platter {
namespace {

constexpr uint8_t kActive = guest::kBmActive;
constexpr uint8_t kInterrupt = guest::kBmInterrupt;
constexpr uint8_t kError = guest::kBmError;
constexpr uint8_t kStates = kActive | kInterrupt | kError;

class AtapiCdDmaTest : public AtapiCdTest {
 protected:
  // A read of `blocks` from block 3 on, to the scratch memory, with the table that is there.
  void BeginRead(uint32_t blocks) { BeginPacket(AtapiDriver::MakeRead10(3, blocks)); }
  void BeginPacket(const AtapiPacket& packet) {
    ide().PrepareBm(IdeProtocol::kDmaIn);
    ide().Set(guest::kIdeDevice, 0);
    ide().Set(guest::kIdeFeatures, guest::kPacketByDma);
    ide().Set(guest::kIdeLbaMid, 0);
    ide().Set(guest::kIdeLbaHigh, 0);
    ide().Set(guest::kIdeCommand, guest::kIdePacket);
    Settle();
    channel_.WriteData(packet);
    Settle();
  }
  void Arm() { ide().SetBm(guest::kBmCommand, guest::kBmStart | guest::kBmToMemory); }
  uint8_t BmState() { return ide().GetBm(guest::kBmStatus) & kStates; }
  // The status, with the interrupt acknowledged and the engine stopped.
  uint8_t End() {
    ide().SetBm(guest::kBmCommand, 0);
    ide().SetBm(guest::kBmStatus, kError | kInterrupt);
    return ide().Get(guest::kIdeStatus);
  }
};

TEST_F(AtapiCdDmaTest, OneRequestStraightIntoTheGuestsMemory) {
  constexpr uint32_t kBytes = 128 * 1024;
  const uint64_t buffer = *bus_.Allocate(kBytes, 4096);
  const auto answer = driver().Run({.packet = AtapiDriver::MakeRead10(3, kBytes / kBlock),
                                    .way = IdeWay::kDma,
                                    .buffer = buffer,
                                    .bytes = kBytes});
  ASSERT_TRUE(answer.has_value());
  ExpectGood(*answer);
  EXPECT_EQ(answer->bus_master & kStates, kInterrupt) << "the table fits exactly";
  EXPECT_EQ(backend_.asked,
            (std::vector<Asked>{{IoOp::kRead, uint64_t{3} * kBlock, kBytes, IoFlags::kNone}}));
  std::vector<uint8_t> data(kBytes);
  bus_.Read(buffer, data);
  EXPECT_EQ(data, DataAt(3, kBytes / kBlock));
}

// It is the guest's own memory that the backend gets, not a buffer of the drive's.
TEST_F(AtapiCdDmaTest, TheBackendWritesToTheGuestsPages) {
  backend_.hold = true;
  ide().WritePrd(0, ide().scratch(), kBlock, guest::kPrdLast);
  bus_.Write(ide().scratch(), std::vector<uint8_t>(kBlock, 0));
  BeginRead(1);
  Arm();
  Settle();
  ASSERT_EQ(backend_.held(), 1u);
  EXPECT_EQ(Scratch(kBlock), std::vector<uint8_t>(kBlock, 0));
  backend_.hold = false;
  backend_.Release();  // It has copied by now; the drive was not told yet.
  EXPECT_EQ(Scratch(kBlock), DataAt(3, 1));
  Settle();
  EXPECT_EQ(End(), ata::kStatusGood);
}

TEST_F(AtapiCdDmaTest, ScatteredOverManyRegions) {
  constexpr uint32_t kPieces = 64;
  for (uint32_t i = 0; i < kPieces; ++i) {
    ide().WritePrd(i, ide().scratch() + uint64_t{i} * 512, 64,
                   i + 1 == kPieces ? guest::kPrdLast : 0);
  }
  BeginRead(2);
  Arm();
  Settle();
  EXPECT_EQ(BmState(), kInterrupt);
  EXPECT_EQ(End(), ata::kStatusGood);
  const std::vector<uint8_t> expected = DataAt(3, 2);
  const std::vector<uint8_t> memory = Scratch(kPieces * 512);
  for (size_t i = 0; i < kPieces; ++i) {
    EXPECT_TRUE(std::equal(&expected[i * 64], &expected[i * 64] + 64, &memory[i * 512])) << i;
  }
}

// R-IDE-06: the truth table of a transfer's end, for data of the medium and for a reply.
TEST_F(AtapiCdDmaTest, R_IDE_06_TablesOfEachLength) {
  struct Row {
    uint32_t bytes;
    uint8_t bus_master;
    bool good;
  };
  const AtapiPacket toc = {0x43, 0, 0, 0, 0, 0, 0, 0, 20};
  for (const AtapiPacket& packet : {AtapiDriver::MakeRead10(3, 1), toc}) {
    const uint32_t exact = packet == toc ? 20 : kBlock;
    for (const Row& row :
         {Row{exact, kInterrupt, true}, Row{exact + 2, kActive | kInterrupt, true},
          Row{65536, kActive | kInterrupt, true}, Row{exact - 2, 0, false}, Row{2, 0, false}}) {
      SCOPED_TRACE(testing::Message() << int{packet[0]} << ", " << row.bytes);
      backend_.asked.clear();
      const uint64_t raised = bus_.Interrupt(kPlace.line).raised;
      ide().WritePrd(0, ide().scratch(), row.bytes, guest::kPrdLast);
      BeginPacket(packet);
      Arm();
      Settle();
      EXPECT_EQ(BmState(), row.bus_master);
      EXPECT_EQ(bus_.Interrupt(kPlace.line).raised, raised + (row.good ? 1 : 0));
      EXPECT_EQ(End(), row.good ? ata::kStatusGood : ata::kStatusGood | ata::kStatusErr);
      if (row.good) continue;
      EXPECT_TRUE(backend_.asked.empty()) << "nothing has moved";
      EXPECT_EQ(driver().RequestSense(), (AtapiSense{.key = 0xb, .code = 0x4b00}));
      ExpectWorks();
    }
  }
}

// The same of what the guest sends: its memory is read, not written, and not at all when the table
// is too short.
TEST_F(AtapiCdDmaTest, R_IDE_06_TablesOfEachLengthOfDataThatAreTaken) {
  struct Row {
    uint32_t bytes;
    uint8_t bus_master;
    bool moves;
  };
  for (const uint8_t flags : {0x04, 0x08}) {  // Taken, and refused when it is looked at.
    for (const Row& row :
         {Row{28, kInterrupt, true}, Row{30, kActive | kInterrupt, true},
          Row{65536, kActive | kInterrupt, true}, Row{26, 0, false}, Row{2, 0, false}}) {
      SCOPED_TRACE(testing::Message() << int{flags} << ", " << row.bytes);
      std::vector<uint8_t> list(28);
      list[0] = flags;
      bus_.Write(ide().scratch(), list);
      const uint64_t raised = bus_.Interrupt(kPlace.line).raised;
      ide().WritePrd(0, ide().scratch(), row.bytes, guest::kPrdLast);
      BeginPacket(AtapiDriver::MakeSetStreaming());
      EXPECT_EQ(ide().AlternateStatus(), ata::kStatusBsy) << "it waits for the engine";
      Arm();
      Settle();
      EXPECT_EQ(BmState(), row.bus_master);
      EXPECT_EQ(bus_.Interrupt(kPlace.line).raised, raised + (row.moves ? 1 : 0));
      const bool good = row.moves && flags == 0x04;
      EXPECT_EQ(End(), good ? ata::kStatusGood : ata::kStatusGood | ata::kStatusErr);
      EXPECT_EQ(Scratch(28), list);
      if (good) continue;
      EXPECT_EQ(driver().RequestSense(), row.moves ? (AtapiSense{.key = 5, .code = 0x2600})
                                                   : (AtapiSense{.key = 0xb, .code = 0x4b00}));
      ExpectWorks();
    }
  }
}

TEST_F(AtapiCdDmaTest, ScatteredDataThatAreTaken) {
  // Every second pair of bytes; those between would be refused.
  std::vector<uint8_t> memory(56, 0xff);
  for (uint32_t i = 0; i < 14; ++i) {
    memory[i * 4] = memory[i * 4 + 1] = 0;
    ide().WritePrd(i, ide().scratch() + uint64_t{i} * 4, 2, i == 13 ? guest::kPrdLast : 0);
  }
  bus_.Write(ide().scratch(), memory);
  BeginPacket(AtapiDriver::MakeSetStreaming());
  Arm();
  Settle();
  EXPECT_EQ(BmState(), kInterrupt);
  EXPECT_EQ(End(), ata::kStatusGood);
}

// R-IDE-07: regions of no whole block, of 2 bytes, and of 64 KiB (a count of 0).
TEST_F(AtapiCdDmaTest, R_IDE_07_SmallAndLargestRegions) {
  ide().WritePrd(0, ide().scratch(), 2, 0);
  ide().WritePrd(1, ide().scratch() + 2, 1, 0);  // The lowest bit is 0: 64 KiB, but less is left.
  BeginRead(1);
  Arm();
  Settle();
  EXPECT_EQ(BmState(), kActive | kInterrupt);
  EXPECT_EQ(End(), ata::kStatusGood);
  EXPECT_EQ(Scratch(kBlock), DataAt(3, 1));
  ExpectWorks();
}

TEST_F(AtapiCdDmaTest, ATableOrABufferThatIsNoMemory) {
  for (const bool table : {true, false}) {
    ide().WritePrd(0, table ? ide().scratch() : 0x1000, kBlock, guest::kPrdLast);
    BeginRead(1);
    if (table) bus_.WriteRegister(RegisterSpace::kPort, kPlace.bus_master + 4, 4, 0x1000);
    Arm();
    Settle();
    EXPECT_EQ(BmState(), kError);
    EXPECT_EQ(End(), ata::kStatusGood | ata::kStatusErr);
    EXPECT_TRUE(backend_.asked.empty());
    ExpectWorks();
    backend_.asked.clear();
  }
}

TEST_F(AtapiCdDmaTest, TheEngineMayBeArmedBeforeThePacket) {
  ide().WritePrd(0, ide().scratch(), kBlock, guest::kPrdLast);
  ide().PrepareBm(IdeProtocol::kDmaIn);
  Arm();
  ide().Set(guest::kIdeFeatures, guest::kPacketByDma);
  ide().Set(guest::kIdeCommand, guest::kIdePacket);
  Settle();
  channel_.WriteData(AtapiDriver::MakeRead10(3, 1));
  Settle();
  EXPECT_EQ(BmState(), kInterrupt);
  EXPECT_EQ(End(), ata::kStatusGood);
  EXPECT_EQ(Scratch(kBlock), DataAt(3, 1));
}

TEST_F(AtapiCdDmaTest, WithoutTheEngineItWaitsAndAResetEndsIt) {
  for (const AtapiPacket& packet : {AtapiDriver::MakeRead10(3, 1), AtapiPacket{0x12, 0, 0, 0, 36},
                                    AtapiDriver::MakeSetStreaming()}) {
    ide().WritePrd(0, ide().scratch(), kBlock, guest::kPrdLast);
    BeginPacket(packet);
    EXPECT_EQ(ide().AlternateStatus(), ata::kStatusBsy);
    EXPECT_TRUE(backend_.asked.empty());
    ASSERT_TRUE(driver().DeviceReset());
    Arm();
    Settle();
    EXPECT_TRUE(backend_.asked.empty()) << "what waited is over";
    End();
    ExpectWorks();
    backend_.asked.clear();
  }
}

TEST_F(AtapiCdDmaTest, StoppingTheEngineAmidATransferDoesNotStopIt) {
  backend_.hold = true;
  ide().WritePrd(0, ide().scratch(), kBlock, guest::kPrdLast);
  BeginRead(1);
  Arm();
  Settle();
  ide().SetBm(guest::kBmCommand, 0);
  EXPECT_EQ(BmState(), kActive);
  backend_.Release();
  Settle();
  EXPECT_EQ(BmState(), kInterrupt);
  EXPECT_EQ(End(), ata::kStatusGood);
  EXPECT_EQ(Scratch(kBlock), DataAt(3, 1));
}

// Whole sectors are read piece by piece: a reset waits for the piece that is under way, and no
// other follows it, though the backend does not cancel.
TEST_F(AtapiCdDmaTest, I4_AResetAmidWholeSectorsStartsNoFurtherPiece) {
  constexpr uint32_t kSectors = 400;
  constexpr uint32_t kBytes = kSectors * 2352;
  const uint64_t memory = *bus_.Allocate(kBytes, 65536);
  for (uint32_t at = 0, n = 0; at < kBytes; at += 65536, ++n) {
    const uint32_t rest = std::min<uint32_t>(65536, kBytes - at);
    const bool last = at + rest == kBytes;
    ide().WritePrd(n, memory + at, static_cast<uint16_t>(rest), last ? guest::kPrdLast : 0);
  }
  const std::vector<uint8_t> before(kBytes, 0x5a);
  bus_.Write(memory, before);
  backend_.hold = true;
  backend_.on_cancel = FakeBlockDevice::OnCancel::kStays;
  BeginPacket({0xbe, 0, 0, 0, 0, 0, 0, kSectors >> 8, kSectors & 0xff, 0xf8, 0, 0});
  Arm();
  Settle();
  ASSERT_EQ(backend_.asked.size(), 1u);
  driver().Forget();
  ide().Forget();
  ide().SetControl(guest::kIdeSoftReset);
  Settle();
  EXPECT_EQ(ide().AlternateStatus(), ata::kStatusBsy);
  backend_.Release();
  Settle();
  EXPECT_EQ(backend_.asked.size(), 1u);
  std::vector<uint8_t> after(kBytes);
  bus_.Read(memory, after);
  EXPECT_TRUE(std::equal(before.end() - kBytes / 2, before.end(), after.end() - kBytes / 2));
  ide().SetControl(0);
  Settle();
  EXPECT_EQ(ide().AlternateStatus() & ata::kStatusBsy, 0);
  EXPECT_TRUE(driver().ClearNews());
}

TEST_F(AtapiCdDmaTest, ACommandWithoutDataNeedsNoEngine) {
  BeginPacket({});
  EXPECT_EQ(BmState(), kInterrupt);
  EXPECT_EQ(End(), ata::kStatusGood);
  // Armed all the same, as drivers do that arm before they know.
  BeginPacket({0xff});
  Arm();
  Settle();
  EXPECT_EQ(End(), ata::kStatusGood | ata::kStatusErr);
  EXPECT_EQ(driver().RequestSense(), kBadOpcode);
  ExpectWorks();
}

TEST_F(AtapiCdDmaTest, AnErrorInterruptsAmidTheTable) {
  backend_.next_error = -EIO;
  ide().WritePrd(0, ide().scratch(), kBlock, guest::kPrdLast);
  BeginRead(1);
  Arm();
  Settle();
  EXPECT_EQ(BmState(), kActive | kInterrupt);
  EXPECT_EQ(End(), ata::kStatusGood | ata::kStatusErr);
  EXPECT_EQ(driver().RequestSense(), (AtapiSense{.key = 3, .code = 0x1100}));
  ExpectWorks();
}

TEST_F(AtapiCdDmaTest, TheMediumMayGoWhileTheCommandWaitsForTheEngine) {
  ide().WritePrd(0, ide().scratch(), kBlock, guest::kPrdLast);
  BeginRead(1);
  backend_.ops.change_media(MediumMove::kEject);
  Arm();
  Settle();
  EXPECT_EQ(End(), ata::kStatusGood | ata::kStatusErr);
  EXPECT_EQ(driver().RequestSense(), kGone);
  EXPECT_TRUE(backend_.asked.empty());
}

TEST_F(AtapiCdDmaTest, RepliesByDma) {
  for (const AtapiPacket& packet :
       {AtapiPacket{0x12, 0, 0, 0, 36}, AtapiPacket{0x43, 0, 0, 0, 0, 0, 0, 0, 20},
        AtapiPacket{0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8}, AtapiPacket{0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 30},
        AtapiPacket{0x25}}) {
    const PacketAnswer by_pio = Packet(packet, 64);
    ExpectGood(by_pio);
    const std::vector<uint8_t> expected = Scratch(by_pio.moved);
    bus_.Write(ide().scratch(), std::vector<uint8_t>(64, 0xee));
    ExpectGood(Packet(packet, 64, IdeWay::kDma));
    EXPECT_EQ(Scratch(by_pio.moved), expected) << int{packet[0]};
    EXPECT_EQ(Scratch(64)[by_pio.moved], 0xee) << "nothing behind it";
  }
}

TEST_F(AtapiCdDmaTest, AReplyOfAnOddLength) {
  bus_.Write(ide().scratch(), std::vector<uint8_t>(16, 0xee));
  ExpectGood(Packet({0x12, 0, 0, 0, 5}, 8, IdeWay::kDma));
  EXPECT_NE(Scratch(8)[4], 0xee);
  EXPECT_EQ(Scratch(8)[5], 0xee);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// A guest that keeps to nothing: every ATA command and every packet in every state of the drive,
// the data port at any time, random mixtures. Nothing aborts, nothing but reads of the medium is
// asked for, and after a reset the drive works.

#include <cerrno>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "devices/ide/atapi_cd_fixture.h"
#include "devices/ide/atapi_commands.h"
#include "devices/scsi/scsi_cd_commands.h"
#include "testing/model/random.h"

namespace platter {
namespace {

enum class Drive : uint8_t { kWithMedium, kEmpty, kOpen, kLocked };

std::string NameOf(const testing::TestParamInfo<Drive>& state) {
  static constexpr const char* kNames[] = {"WithMedium", "Empty", "Open", "Locked"};
  return kNames[static_cast<size_t>(state.param)];
}

class AtapiCdHostileTest : public AtapiCdTest {
 protected:
  void HammerDataPort() {
    std::vector<uint8_t> many(8192, 0xa5);
    for (int i = 0; i < 4; ++i) {
      channel_.WriteData(many);
      channel_.ReadData(many);
    }
    for (const unsigned width : {1u, 2u, 4u, 8u}) {
      bus_.ReadRegister(RegisterSpace::kPort, kPlace.command, width);
      bus_.WriteRegister(RegisterSpace::kPort, kPlace.command, width, UINT64_MAX);
    }
  }
  // As the host and the guest would make it.
  void Put(Drive state) {
    backend_.ops.eject_request(Force::kYes);  // Unlocks.
    backend_.inserted = state != Drive::kEmpty;
    backend_.ops.change_media(MediumMove::kEject);
    backend_.ops.change_media(MediumMove::kLoad);
    ASSERT_TRUE(driver().ClearNews());
    if (state == Drive::kOpen) {
      ASSERT_TRUE(driver().StartStop(AtapiTray::kOpen).ok());
    } else if (state == Drive::kLocked) {
      ASSERT_TRUE(driver().PreventAllow(AtapiLock::kLocked).ok());
    }
    backend_.asked.clear();
  }
  void ExpectRecovers() {
    backend_.Release();
    ASSERT_TRUE(driver().DeviceReset());
    ide().SetBm(guest::kBmCommand, 0);
    Put(Drive::kWithMedium);
    ExpectWorks();
  }
};

class AtapiCdEachState : public AtapiCdHostileTest, public testing::WithParamInterface<Drive> {};

// R-IDE-08, R-IDE-20: only what has a row is taken; the rest is ABRT.
TEST_P(AtapiCdEachState, R_IDE_08_EveryAtaCommand) {
  Put(GetParam());
  for (int code = 0; code < 256; ++code) {
    SCOPED_TRACE(code);
    const auto byte = static_cast<uint8_t>(code);
    const AtapiCommand* row = FindAtapiCommand(byte);
    ide().Set(guest::kIdeDevice, 0);
    ide().Set(guest::kIdeFeatures, 0);
    ide().Set(guest::kIdeCount, 1);
    ide().Set(guest::kIdeLbaMid, 0);
    ide().Set(guest::kIdeLbaHigh, 8);
    ide().Set(guest::kIdeCommand, byte);
    Settle();
    const uint8_t status = ide().AlternateStatus();
    if (byte == ata::kExecuteDeviceDiagnostic || byte == ata::kDeviceReset) {
      EXPECT_EQ(status, 0) << "the signature";
    } else if (row == nullptr || row->action == AtapiAction::kSignature ||
               row->action == AtapiAction::kSetFeatures) {
      EXPECT_EQ(status, ata::kStatusGood | ata::kStatusErr);
      EXPECT_EQ(ide().Get(guest::kIdeError), ata::kErrorAbrt);
    } else {
      EXPECT_EQ(status & (ata::kStatusBsy | ata::kStatusErr), 0) << row->name;
    }
    HammerDataPort();
    ASSERT_TRUE(driver().DeviceReset());
    ide().Get(guest::kIdeStatus);
  }
  EXPECT_TRUE(backend_.asked.empty());
  ExpectRecovers();
}

// Every packet opcode ends in exactly one of: data, good status, CHECK CONDITION with sense.
TEST_P(AtapiCdEachState, EveryPacketOpcodeByBothWays) {
  const ScsiCommandTable& table = ScsiCdCommands();
  for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
    for (int code = 0; code < 256; ++code) {
      SCOPED_TRACE(code);
      Put(GetParam());
      const auto opcode = static_cast<uint8_t>(code);
      // Allocation lengths wherever they are, and a block where that is it.
      const AtapiPacket packet = {opcode, 0, 0, 0, 1, 0, 0, 0, 1, 0x10};
      const PacketAnswer answer = Packet(packet, 65536, way);
      EXPECT_EQ(ide().AlternateStatus() & (ata::kStatusBsy | ata::kStatusDrq), 0);
      if (table.FirstOf(opcode) == nullptr) {
        ExpectCheck(answer, kBadOpcode);
      } else if (!answer.ok()) {
        EXPECT_NE(answer.key(), 0);
        EXPECT_EQ(driver().RequestSense()->key, answer.key());
      }
    }
  }
  EXPECT_EQ(driver().faults(), 0u);
  ExpectRecovers();
}

// Packets of one byte's values everywhere.
TEST_P(AtapiCdEachState, PacketsOfAllOnesAndOtherPatterns) {
  for (const ScsiCommand& row : ScsiCdCommands().rows()) {
    for (const uint8_t fill : {0x01, 0x7f, 0x80, 0xff}) {
      SCOPED_TRACE(row.name);
      Put(GetParam());
      AtapiPacket packet;
      packet.fill(fill);
      packet[0] = static_cast<uint8_t>(row.opcode);
      for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
        const PacketAnswer answer = Packet(packet, 65536, way);
        EXPECT_EQ(ide().AlternateStatus() & (ata::kStatusBsy | ata::kStatusDrq), 0);
        if (answer.ok()) continue;
        EXPECT_EQ(driver().RequestSense()->key, answer.key());
      }
    }
  }
  ExpectRecovers();
}

INSTANTIATE_TEST_SUITE_P(States, AtapiCdEachState,
                         testing::Values(Drive::kWithMedium, Drive::kEmpty, Drive::kOpen,
                                         Drive::kLocked),
                         NameOf);

// What takes data, in every state: data at any time and of any kind, and the next command works.
TEST_P(AtapiCdEachState, DataThatNobodyAskedFor) {
  const bool ready = GetParam() == Drive::kWithMedium || GetParam() == Drive::kLocked;
  for (const uint8_t fill : {0x00, 0x04, 0xff}) {
    SCOPED_TRACE(int{fill});
    Put(GetParam());
    const std::vector<uint8_t> list(28, fill);
    for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
      const AtapiResult result = driver().Send(AtapiDriver::MakeSetStreaming(), list, way);
      ASSERT_TRUE(result.answer.has_value());
      EXPECT_EQ(result.ok(), ready) << "0, 4 and FFh are wishes that are granted";
      HammerDataPort();
    }
  }
  EXPECT_EQ(driver().faults(), 0u);
  ExpectRecovers();
}

// R-IDE-01, R-IDE-19: the data port before, amid and after each command; and the next one works.
TEST_F(AtapiCdHostileTest, R_IDE_01_DataPortNeverPassesDataEnd) {
  // Lengths of 4 where each group of operation codes has its own, and blocks that are there.
  for (const AtapiPacket& form :
       {AtapiPacket{0, 0, 0, 0, 4}, AtapiPacket{0, 0, 0, 0, 0, 1, 0, 0, 4, 0x10},
        AtapiPacket{0, 0, 0, 0, 0, 1, 0, 0, 0, 4}}) {
    for (const ScsiCommand& row : ScsiCdCommands().rows()) {
      SCOPED_TRACE(row.name);
      Put(Drive::kWithMedium);
      HammerDataPort();
      ide().Set(guest::kIdeFeatures, 0);
      ide().Set(guest::kIdeLbaMid, 0);
      ide().Set(guest::kIdeLbaHigh, 8);
      ide().Set(guest::kIdeCommand, guest::kIdePacket);
      Settle();
      AtapiPacket packet = form;
      packet[0] = static_cast<uint8_t>(row.opcode);
      channel_.WriteData(packet);
      for (int i = 0; i < 8; ++i) {
        HammerDataPort();
        Settle();
      }
      HammerDataPort();
      EXPECT_EQ(ide().AlternateStatus() & (ata::kStatusBsy | ata::kStatusDrq), 0);
      ide().Get(guest::kIdeStatus);
    }
  }
  ExpectRecovers();
}

// R-IDE-16: the answer of an empty drive is on its way when the reset comes.
TEST_F(AtapiCdHostileTest, R_IDE_16_AResetBehindACommandToAnEmptyDrive) {
  for (const uint8_t code : {ata::kFlushCache, guest::kIdePacket}) {
    for (const bool software : {true, false}) {
      Put(Drive::kEmpty);
      ide().Set(guest::kIdeCommand, code);
      if (code == guest::kIdePacket) Settle();
      channel_.WriteData(AtapiDriver::MakeRead10(0, 1));
      ASSERT_TRUE(software ? ide().SoftReset() : driver().DeviceReset());
      EXPECT_EQ(ide().AlternateStatus(), 0);
      EXPECT_FALSE(bus_.Interrupt(kPlace.line).high);
    }
  }
  ExpectRecovers();
}

// There is nothing to flush, and nothing is looked at for it.
TEST_P(AtapiCdEachState, R_IDE_20_AFlushIsDoneInEveryState) {
  Put(GetParam());
  for (const uint8_t code : {ata::kFlushCache, guest::kIdeFlushExt}) {
    const auto answer = ide().Run({.code = code});
    ASSERT_TRUE(answer.has_value());
    // FLUSH CACHE EXT is a disk's.
    const bool done = code == ata::kFlushCache;
    EXPECT_EQ(answer->ok(), done);
    EXPECT_EQ(answer->error, done ? 0 : ata::kErrorAbrt);
  }
  EXPECT_TRUE(backend_.asked.empty());
  ExpectRecovers();
}

// R-IDE-19: what is read beyond the end is all ones, and changes nothing.
TEST_F(AtapiCdHostileTest, R_IDE_19_ReadsBeyondTheEndAreOnes) {
  ide().Set(guest::kIdeFeatures, 0);
  ide().Set(guest::kIdeLbaHigh, 8);
  ide().Set(guest::kIdeCommand, guest::kIdePacket);
  Settle();
  channel_.WriteData(AtapiDriver::MakeRead10(0, 1));
  Settle();
  std::vector<uint8_t> data(size_t{2} * kBlock);
  channel_.ReadData(data);
  std::vector<uint8_t> expected = DataAt(0, 1);
  expected.resize(size_t{2} * kBlock, 0xff);
  EXPECT_EQ(data, expected);
  Settle();
  channel_.ReadData(data);
  EXPECT_EQ(data, std::vector<uint8_t>(size_t{2} * kBlock, 0xff));
  EXPECT_EQ(ide().Get(guest::kIdeStatus), ata::kStatusGood);
  ExpectWorks();
}

// While the drive is busy, or data are due, only DEVICE RESET is taken.
TEST_F(AtapiCdHostileTest, R_IDE_04_EveryCommandWhileBusy) {
  backend_.hold = true;
  driver().Start({.packet = AtapiDriver::MakeRead10(0, 1), .bytes = kBlock});
  for (int i = 0; i < 3; ++i) {
    driver().Poll();
    Settle();
  }
  ASSERT_EQ(backend_.held(), 1u);
  for (int code = 0; code < 256; ++code) {
    if (code == ata::kDeviceReset) continue;
    ide().Set(guest::kIdeCommand, static_cast<uint8_t>(code));
    HammerDataPort();
    EXPECT_EQ(ide().AlternateStatus(), ata::kStatusBsy);
  }
  Settle();
  EXPECT_EQ(backend_.asked.size(), 1u);
  driver().Forget();
  ExpectRecovers();
}

TEST_F(AtapiCdHostileTest, R_IDE_04_EveryCommandWhileDataAreDue) {
  ide().Set(guest::kIdeLbaHigh, 8);
  ide().Set(guest::kIdeCommand, guest::kIdePacket);
  Settle();
  for (const bool packet_sent : {false, true}) {
    if (packet_sent) channel_.WriteData(AtapiDriver::MakeRead10(0, 2));
    Settle();
    for (int code = 0; code < 256; ++code) {
      if (code == ata::kDeviceReset) continue;
      ide().Set(guest::kIdeCommand, static_cast<uint8_t>(code));
      EXPECT_EQ(ide().AlternateStatus(), ata::kStatusGood | ata::kStatusDrq);
    }
  }
  ExpectRecovers();
}

// Random accesses with a backend that sometimes holds and fails, and a host that moves the medium.
TEST_F(AtapiCdHostileTest, RandomAccesses) {
  constexpr uint64_t kSeed = 20261126;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  backend_.record = false;
  const auto rows = ScsiCdCommands().rows();
  for (int i = 0; i < 20000; ++i) {
    const auto value = static_cast<uint8_t>(random.Below(256));
    switch (random.Below(14)) {
      case 0:
      case 1:
        ide().Set(guest::kIdeCommand, guest::kIdePacket);
        break;
      case 2:
        ide().Set(guest::kIdeCommand, value);
        break;
      case 3:
      case 4: {
        AtapiPacket packet{};
        for (uint8_t& byte : packet) byte = random.OneIn(4) ? value : uint8_t{0};
        packet[0] = static_cast<uint8_t>(rows[random.Below(rows.size())].opcode);
        channel_.WriteData(packet);
        break;
      }
      case 5:
        ide().Set(guest::kIdeFeatures, random.OneIn(2) ? 1 : 0);
        ide().Set(guest::kIdeLbaMid, value);
        ide().Set(guest::kIdeLbaHigh, random.OneIn(2) ? value : uint8_t{0});
        break;
      case 6:
        ide().SetControl(random.OneIn(8) ? value : uint8_t{0});
        ide().Set(guest::kIdeDevice, random.OneIn(16) ? value : uint8_t{0});
        break;
      case 7:
        ide().WritePrd(static_cast<uint32_t>(random.Below(4)),
                       ide().scratch() + random.Below(70000),
                       static_cast<uint32_t>(random.Below(65536)), random.OneIn(2) ? 0x8000 : 0);
        break;
      case 8:
        ide().PrepareBm(IdeProtocol::kDmaIn);
        ide().SetBm(guest::kBmCommand, random.OneIn(3) ? 0 : 1);
        break;
      case 9:
        HammerDataPort();
        break;
      case 10:
        backend_.hold = random.OneIn(4);
        if (!backend_.hold) backend_.Release();
        backend_.next_error = random.OneIn(8) ? -EIO : 0;
        break;
      case 11:
        if (!random.OneIn(8) || backend_.held() != 0) break;
        backend_.ops.change_media(random.OneIn(2) ? MediumMove::kEject : MediumMove::kLoad);
        break;
      case 12:
        ide().Get(static_cast<unsigned>(random.Below(8)));
        break;
      default:
        bus_.RunFor(std::chrono::microseconds(random.Below(3)));
    }
  }
  ide().SetControl(0);
  backend_.next_error = 0;
  ExpectRecovers();
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// A guest that keeps to nothing: every command code, every register at every width, the data port
// in every state, and random mixtures. Nothing aborts, nothing outside of a range changes, and
// after a reset the disk works.

#include <vector>

#include "gtest/gtest.h"

#include "devices/ide/ata_disk_fixture.h"
#include "testing/model/random.h"

namespace platter {
namespace {

class AtaDiskHostileTest : public AtaDiskTest {
 protected:
  void HammerDataPort() {
    std::vector<uint8_t> many(8192, 0xa5);
    for (int i = 0; i < 4; ++i) {
      channel_.WriteData(many);
      channel_.ReadData(many);
    }
    for (const unsigned width : {1u, 2u, 4u, 8u}) {
      bus_.ReadRegister(RegisterSpace::kPort, kCommandBase, width);
      bus_.WriteRegister(RegisterSpace::kPort, kCommandBase, width, UINT64_MAX);
    }
  }
  void ExpectRecovers() {
    backend_.Release();
    ASSERT_TRUE(driver().SoftReset());
    ASSERT_TRUE(driver().Identify().ok());
    ExpectWorks();
  }
};

// R-IDE-08, R-IDE-20: only what has a row is accepted; the rest is ABRT, or nothing at all where
// there is no drive.
TEST_F(AtaDiskHostileTest, R_IDE_08_EveryCommandOnDiskAndAbsentDrive) {
  for (int code = 0; code < 256; ++code) {
    SCOPED_TRACE(code);
    const auto byte = static_cast<uint8_t>(code);
    const AtaCommand* row = FindAtaCommand(byte);
    // An absent device 1: nothing is done, and the status is 0.
    driver().Set(guest::kIdeDevice, guest::kIdeDeviceOne | guest::kIdeLbaBit);
    if (byte != ata::kExecuteDeviceDiagnostic) {
      driver().Set(guest::kIdeCommand, byte);
      Settle();
      EXPECT_EQ(driver().AlternateStatus(), 0);
    }
    driver().Set(guest::kIdeDevice, guest::kIdeLbaBit);
    EXPECT_EQ(driver().AlternateStatus(), ata::kStatusGood);

    driver().Set(guest::kIdeCount, 1);
    driver().Set(guest::kIdeFeatures, 0);
    driver().Set(guest::kIdeCommand, byte);
    Settle();
    const uint8_t status = driver().AlternateStatus();
    if (row == nullptr && byte != ata::kExecuteDeviceDiagnostic) {
      EXPECT_EQ(status, ata::kStatusGood | ata::kStatusErr);
      EXPECT_EQ(driver().Get(guest::kIdeError), ata::kErrorAbrt);
    } else if (row != nullptr &&
               (row->protocol == AtaProtocol::kDmaIn || row->protocol == AtaProtocol::kDmaOut)) {
      EXPECT_TRUE(status == ata::kStatusBsy || (status & ata::kStatusErr) != 0);
    } else {
      EXPECT_EQ(status & ata::kStatusBsy, 0);
    }
    HammerDataPort();
    ASSERT_TRUE(driver().SoftReset());
    driver().Get(guest::kIdeStatus);
    // WRITE SECTORS took a sector of the hammer's; nothing else may have changed.
    std::copy_n(DataAt(0, 1).begin(), 512, backend_.data.begin());
    driver().Set(guest::kIdeLbaLow, 0);
  }
  EXPECT_EQ(OnDisk(2, kSectors - 2), DataAt(2, kSectors - 2));
  ExpectRecovers();
}

TEST_F(AtaDiskHostileTest, R_IDE_20_AFlushOfAnAbsentDriveOrAnAbsentMedium) {
  for (const uint8_t code : {ata::kFlushCache, guest::kIdeFlushExt}) {
    SCOPED_TRACE(int{code});
    driver().Set(guest::kIdeDevice, guest::kIdeDeviceOne | guest::kIdeLbaBit);
    driver().Set(guest::kIdeCommand, code);
    Settle();
    EXPECT_EQ(driver().AlternateStatus(), 0) << "nobody is there";
    EXPECT_FALSE(bus_.Interrupt(kLine).high);
    EXPECT_TRUE(backend_.asked.empty());
    driver().Set(guest::kIdeDevice, guest::kIdeLbaBit);

    backend_.inserted = false;
    backend_.next_error = -ENOMEDIUM;
    const auto answer = driver().Run({.code = code});
    ASSERT_TRUE(answer.has_value());
    EXPECT_FALSE(answer->ok());
    EXPECT_EQ(answer->error, ata::kErrorAbrt);
    backend_.inserted = true;
    backend_.next_error = 0;
    backend_.asked.clear();
  }
  ExpectRecovers();
}

// The same on a command that is held: all writes are ignored, whatever the code.
TEST_F(AtaDiskHostileTest, EveryCommandWhileBusy) {
  backend_.hold = true;
  driver().Start({.code = ata::kFlushCache});
  Settle();
  for (int code = 0; code < 256; ++code) {
    driver().Set(guest::kIdeDevice, code % 2 == 0 ? guest::kIdeDeviceOne : uint8_t{0});
    driver().Set(guest::kIdeCommand, static_cast<uint8_t>(code));
    HammerDataPort();
    EXPECT_EQ(driver().AlternateStatus(), ata::kStatusBsy);
  }
  Settle();
  EXPECT_EQ(backend_.asked.size(), 1u);
  ExpectRecovers();
}

// Asleep a disk does nothing but wait for a reset; held in one, it does nothing at all; and a
// command that waits for the bus master is not overtaken.
TEST_F(AtaDiskHostileTest, EveryCommandOfADiskThatWaits) {
  const auto every = [&](uint8_t mask, uint8_t status) {
    for (int code = 0; code < 256; ++code) {
      // A diagnostic is a reset of a kind.
      if (code == ata::kExecuteDeviceDiagnostic) continue;
      driver().Set(guest::kIdeDevice, guest::kIdeLbaBit);
      driver().Set(guest::kIdeCommand, static_cast<uint8_t>(code));
      Settle();
      EXPECT_EQ(driver().AlternateStatus() & mask, status) << "command " << code;
    }
    EXPECT_TRUE(backend_.asked.empty());
    ASSERT_TRUE(driver().SoftReset());
  };
  ASSERT_TRUE(driver().Run({.code = ata::kSleep})->ok());
  backend_.asked.clear();
  every(ata::kStatusBsy | ata::kStatusErr, ata::kStatusErr);
  driver().SetControl(guest::kIdeSoftReset);
  Settle();
  every(ata::kStatusBsy, ata::kStatusBsy);
  driver().Start({.code = ata::kReadDma, .protocol = IdeProtocol::kPioIn, .count = 1});
  Settle();
  every(ata::kStatusBsy, ata::kStatusBsy);
  ExpectRecovers();
}

TEST_F(AtaDiskHostileTest, EveryCommandInStandby) {
  for (int code = 0; code < 256; ++code) {
    ASSERT_TRUE(driver().Run({.code = ata::kStandbyImmediate})->ok());
    driver().Set(guest::kIdeDevice, guest::kIdeLbaBit);
    driver().Set(guest::kIdeCount, 1);
    driver().Set(guest::kIdeCommand, static_cast<uint8_t>(code));
    Settle();
    const AtaCommand* const row = FindAtaCommand(static_cast<uint8_t>(code));
    if (row == nullptr && code != ata::kExecuteDeviceDiagnostic) {
      EXPECT_NE(driver().AlternateStatus() & ata::kStatusErr, 0) << code;
    }
    ASSERT_TRUE(driver().SoftReset());
    driver().Get(guest::kIdeStatus);
  }
  ExpectRecovers();
}

TEST_F(AtaDiskHostileTest, EveryCommandWhileDataIsDue) {
  for (const uint8_t first : {ata::kReadSectors, ata::kWriteSectors, ata::kIdentifyDevice}) {
    driver().Set(guest::kIdeDevice, guest::kIdeLbaBit);
    driver().Set(guest::kIdeCount, 2);
    driver().Set(guest::kIdeCommand, first);
    Settle();
    const size_t asked = backend_.asked.size();
    for (int code = 0; code < 256; ++code) {
      driver().Set(guest::kIdeCommand, static_cast<uint8_t>(code));
      EXPECT_NE(driver().AlternateStatus() & ata::kStatusDrq, 0);
    }
    Settle();
    EXPECT_EQ(backend_.asked.size(), asked);
    ASSERT_TRUE(driver().SoftReset());
  }
  ExpectRecovers();
}

// R-IDE-01, R-IDE-19: the data port before, amid and after each command that moves data by it.
TEST_F(AtaDiskHostileTest, R_IDE_01_DataPortOverrun) {
  for (const uint8_t code : {ata::kReadSectors, ata::kReadMultiple, ata::kWriteSectors,
                             ata::kWriteMultiple, ata::kIdentifyDevice, ata::kSmart}) {
    ASSERT_TRUE(driver().SetMultiple(4).has_value());
    HammerDataPort();
    driver().Set(guest::kIdeDevice, guest::kIdeLbaBit);
    driver().Set(guest::kIdeFeatures, ata::kSmartReadData);
    driver().Set(guest::kIdeCount, 10);
    driver().Set(guest::kIdeLbaLow, 16);
    driver().Set(guest::kIdeLbaMid, code == ata::kSmart ? ata::kSmartKeyMid : uint8_t{0});
    driver().Set(guest::kIdeLbaHigh, code == ata::kSmart ? ata::kSmartKeyHigh : uint8_t{0});
    driver().Set(guest::kIdeCommand, code);
    HammerDataPort();
    for (int i = 0; i < 12; ++i) {
      Settle();
      HammerDataPort();
    }
    Settle();
    EXPECT_EQ(driver().Get(guest::kIdeStatus), ata::kStatusGood) << int{code};
    EXPECT_EQ(OnDisk(0, 16), DataAt(0, 16));
    EXPECT_EQ(OnDisk(26, 64), DataAt(26, 64));
  }
  ExpectRecovers();
}

TEST_F(AtaDiskHostileTest, EveryRegisterAtEveryWidthTakesAnything) {
  for (const uint64_t value : {uint64_t{0}, UINT64_MAX, uint64_t{0x5aa55aa55aa55aa5}}) {
    for (const uint64_t base : {kCommandBase, kControlBase, kBmBase}) {
      const uint64_t size = base == kControlBase ? 1 : 8;
      for (uint64_t offset = 0; offset < size; ++offset) {
        for (const unsigned width : {1u, 2u, 4u, 8u}) {
          bus_.WriteRegister(RegisterSpace::kPort, base + offset, width, value);
          bus_.ReadRegister(RegisterSpace::kPort, base + offset, width);
          Settle();
        }
      }
    }
    driver().SetControl(0);
    driver().SetBm(guest::kBmCommand, 0);
    ExpectRecovers();
  }
}

// Random accesses with a backend that sometimes holds and fails, in the order of a seed.
TEST_F(AtaDiskHostileTest, RandomAccesses) {
  constexpr uint64_t kSeed = 20261126;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  backend_.record = false;
  constexpr uint8_t kLikely[] = {ata::kReadDma,      ata::kWriteDma,       ata::kReadSectors,
                                 ata::kWriteSectors, ata::kReadDmaExt,     ata::kWriteMultiple,
                                 ata::kFlushCache,   ata::kReadMultiple,   ata::kDataSetManagement,
                                 ata::kReadVerify,   ata::kSetMultipleMode};
  for (int i = 0; i < 20000; ++i) {
    const auto value = static_cast<uint8_t>(random.Below(256));
    switch (random.Below(12)) {
      case 0:
        driver().Set(guest::kIdeCommand, kLikely[random.Below(std::size(kLikely))]);
        break;
      case 1:
        driver().Set(guest::kIdeCommand, value);
        break;
      case 2:
        driver().Set(static_cast<unsigned>(random.Below(8)), value);
        break;
      case 3:
        driver().Set(guest::kIdeDevice, random.OneIn(8) ? value : guest::kIdeLbaBit);
        driver().Set(guest::kIdeLbaHigh, random.OneIn(8) ? value : uint8_t{0});
        break;
      case 4:
        driver().SetControl(random.OneIn(4) ? value : uint8_t{0});
        break;
      case 5:
        driver().WritePrd(static_cast<uint32_t>(random.Below(4)),
                          driver().scratch() + random.Below(70000),
                          static_cast<uint32_t>(random.Below(65536)), random.OneIn(2) ? 0x8000 : 0);
        break;
      case 6:
        driver().PrepareBm(IdeProtocol::kDmaIn);
        driver().SetBm(guest::kBmCommand, random.OneIn(3) ? 0 : 1);
        break;
      case 7:
        HammerDataPort();
        break;
      case 8:
        backend_.hold = random.OneIn(4);
        if (!backend_.hold) backend_.Release();
        break;
      case 9:
        backend_.next_error = random.OneIn(8) ? -EIO : 0;
        break;
      case 10:
        driver().Get(static_cast<unsigned>(random.Below(8)));
        break;
      default:
        bus_.RunFor(std::chrono::microseconds(random.Below(3)));
    }
  }
  driver().SetControl(0);
  driver().SetBm(guest::kBmCommand, 0);
  backend_.next_error = 0;
  ExpectRecovers();
}

}  // namespace
}  // namespace platter

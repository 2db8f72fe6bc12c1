// SPDX-License-Identifier: Apache-2.0
//
// An ATA disk and the bus master: what a guest sees in both, for right and wrong tables, stops and
// resets amid a transfer.

#include <cerrno>
#include <vector>

#include "gtest/gtest.h"

#include "devices/ide/ata_disk_fixture.h"

namespace platter {
namespace {

constexpr uint16_t kLast = 0x8000;
constexpr uint8_t kActive = kBmStatusActive;
constexpr uint8_t kError = kBmStatusError;
constexpr uint8_t kInterrupt = kBmStatusInterrupt;

class AtaDiskDmaTest : public AtaDiskTest {
 protected:
  uint64_t Prd(uint32_t index, uint64_t offset, uint32_t count, uint16_t flags = 0) {
    driver().WritePrd(index, driver().scratch() + offset, count, flags);
    return driver().scratch() + offset;
  }
  // The registers of a DMA command with the table that the test wrote; not armed yet.
  void Begin(bool write, uint64_t lba, uint16_t sectors) {
    driver().PrepareBm(write ? IdeProtocol::kDmaOut : IdeProtocol::kDmaIn);
    driver().Set(guest::kIdeDevice, guest::kIdeLbaBit);
    driver().Set(guest::kIdeCount, static_cast<uint8_t>(sectors));
    driver().Set(guest::kIdeLbaLow, static_cast<uint8_t>(lba));
    driver().Set(guest::kIdeLbaMid, static_cast<uint8_t>(lba >> 8));
    driver().Set(guest::kIdeLbaHigh, 0);
    driver().Set(guest::kIdeCommand, write ? ata::kWriteDma : ata::kReadDma);
  }
  void Arm() {
    driver().SetBm(guest::kBmCommand,
                   static_cast<uint8_t>(driver().GetBm(guest::kBmCommand) | kBmCommandStart));
  }
  void Disarm() { driver().SetBm(guest::kBmCommand, 0); }
  uint8_t Bm() { return driver().GetBm(guest::kBmStatus); }
  bool LineHigh() { return bus_.Interrupt(kLine).high; }
  std::vector<uint8_t> Memory(uint64_t address, size_t bytes) {
    std::vector<uint8_t> data(bytes);
    EXPECT_TRUE(bus_.Read(address, data));
    return data;
  }
};

TEST_F(AtaDiskDmaTest, AllCommandsMoveTheirData) {
  for (const uint8_t code : {ata::kReadDma, ata::kReadDmaNoRetry, ata::kReadDmaExt}) {
    const IdeForm form = code == ata::kReadDmaExt ? IdeForm::k48 : IdeForm::k28;
    ExpectGood(Run({.code = code,
                    .protocol = IdeProtocol::kDmaIn,
                    .form = form,
                    .count = 9,
                    .lba = 77,
                    .buffer = driver().scratch(),
                    .bytes = 9 * 512}));
    EXPECT_EQ(Memory(driver().scratch(), 9 * 512), DataAt(77, 9));
  }
  const std::vector<uint8_t> data(5 * 512, 0x99);
  for (const uint8_t code : {ata::kWriteDma, ata::kWriteDmaNoRetry, ata::kWriteDmaExt}) {
    const IdeForm form = code == ata::kWriteDmaExt ? IdeForm::k48 : IdeForm::k28;
    bus_.Write(driver().scratch(), data);
    ExpectGood(Run({.code = code,
                    .protocol = IdeProtocol::kDmaOut,
                    .form = form,
                    .count = 5,
                    .lba = uint64_t{200} + code,
                    .buffer = driver().scratch(),
                    .bytes = 5 * 512}));
    EXPECT_EQ(OnDisk(uint64_t{200} + code, 5), data);
  }
  EXPECT_EQ(backend_.asked.size(), 6u) << "one request a command";
}

TEST_F(AtaDiskDmaTest, ScatteredInMemory) {
  Prd(0, 0x1000, 1000);
  Prd(1, 0x8000, 24);
  Prd(2, 0x3000, 512, kLast);
  Begin(false, 3, 3);
  Arm();
  Settle();
  const std::vector<uint8_t> all = DataAt(3, 3);
  EXPECT_EQ(Memory(driver().scratch() + 0x1000, 1000),
            std::vector<uint8_t>(all.begin(), all.begin() + 1000));
  EXPECT_EQ(Memory(driver().scratch() + 0x8000, 24),
            std::vector<uint8_t>(all.begin() + 1000, all.begin() + 1024));
  EXPECT_EQ(Memory(driver().scratch() + 0x3000, 512), DataAt(5, 1));
  EXPECT_EQ(Bm(), kInterrupt);
  EXPECT_EQ(driver().Get(guest::kIdeStatus), ata::kStatusGood);
}

// R-IDE-06, R-IDE-07: the truth table of rev 1.0, with what the drive says besides.
TEST_F(AtaDiskDmaTest, R_IDE_06_TruthTable) {
  struct Row {
    const char* what;
    uint32_t first, second;  // Lengths of the regions; 0: there is only one.
    uint16_t sectors;
    bool bad_address;
    uint8_t bus_master;
    bool good, interrupt;
  };
  const Row rows[] = {
      {"exact", 1024, 0, 2, false, kInterrupt, true, true},
      {"exact in two", 512, 512, 2, false, kInterrupt, true, true},
      {"region longer", 2048, 0, 2, false, kActive | kInterrupt, true, true},
      {"table longer", 1024, 512, 2, false, kActive | kInterrupt, true, true},
      {"shorter", 512, 0, 2, false, 0, false, false},
      {"shorter by a word", 512, 510, 2, false, 0, false, false},
      {"less than a sector", 256, 0, 1, false, 0, false, false},
      {"no memory", 1024, 0, 2, true, kError, false, false},
  };
  for (const bool write : {false, true}) {
    for (const Row& row : rows) {
      SCOPED_TRACE(testing::Message() << row.what << (write ? ", write" : ", read"));
      backend_.asked.clear();
      const std::vector<uint8_t> before = backend_.data;
      Prd(0, 0, row.first, row.second == 0 ? kLast : 0);
      if (row.second != 0) Prd(1, 0x4000, row.second, kLast);
      if (row.bad_address) driver().WritePrd(0, 0x10, row.first, kLast);
      Begin(write, 40, row.sectors);
      EXPECT_EQ(Bm(), 0);
      Arm();
      EXPECT_EQ(Bm(), kActive);
      Settle();
      EXPECT_EQ(Bm(), row.bus_master);
      EXPECT_EQ(LineHigh(), row.interrupt);
      const uint8_t status = driver().Get(guest::kIdeStatus);
      EXPECT_EQ(status, row.good ? ata::kStatusGood : ata::kStatusGood | ata::kStatusErr)
          << "never busy for ever, never good without the data";
      if (!row.good) {
        EXPECT_EQ(backend_.data, before);
        EXPECT_TRUE(backend_.asked.empty());
      }
      Disarm();
      EXPECT_EQ(Bm() & kActive, 0);
      driver().SetBm(guest::kBmStatus, kInterrupt | kError);
      EXPECT_EQ(Bm(), 0);
    }
  }
  ExpectWorks();
}

TEST_F(AtaDiskDmaTest, AnErrorOfTheDiskInterruptsAmidTheTable) {
  Prd(0, 0, 512, kLast);
  backend_.next_error = -EIO;
  Begin(false, 4, 1);
  Arm();
  Settle();
  EXPECT_EQ(Bm(), kActive | kInterrupt);
  EXPECT_EQ(driver().Get(guest::kIdeStatus), ata::kStatusGood | ata::kStatusErr);
  EXPECT_EQ(driver().Get(guest::kIdeError), ata::kErrorUnc);
  Disarm();
  EXPECT_EQ(Bm(), kInterrupt);
}

TEST_F(AtaDiskDmaTest, ARangeErrorNeedsNoBusMaster) {
  Begin(false, kSectors, 1);
  Settle();
  EXPECT_EQ(driver().Get(guest::kIdeStatus), ata::kStatusGood | ata::kStatusErr);
  EXPECT_EQ(driver().Get(guest::kIdeError), ata::kErrorIdnf);
  EXPECT_EQ(Bm(), kInterrupt);
}

TEST_F(AtaDiskDmaTest, WithoutAStartTheDriveWaits) {
  Prd(0, 0, 512, kLast);
  Begin(true, 4, 1);
  Settle();
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusBsy);
  EXPECT_TRUE(backend_.asked.empty());
  Arm();
  Disarm();
  Settle();
  EXPECT_TRUE(backend_.asked.empty()) << "stopped before the drive took it";
  Arm();
  Settle();
  EXPECT_EQ(driver().Get(guest::kIdeStatus), ata::kStatusGood);
  EXPECT_EQ(backend_.asked.size(), 1u);
}

// C-01: stopped amid a transfer: it ends as a whole, and Active stays until then.
TEST_F(AtaDiskDmaTest, C_01_StopAmidATransfer) {
  for (const bool write : {false, true}) {
    const std::vector<uint8_t> data(1024, 0x42);
    bus_.Write(driver().scratch(), data);
    Prd(0, 0, 1024, kLast);
    backend_.hold = true;
    Begin(write, 60, 2);
    Arm();
    Settle();
    EXPECT_EQ(backend_.held(), 1u);
    Disarm();
    Settle();
    EXPECT_EQ(Bm(), kActive);
    EXPECT_EQ(driver().AlternateStatus(), ata::kStatusBsy);
    Arm();  // Not while data moves.
    EXPECT_EQ(driver().GetBm(guest::kBmCommand) & kBmCommandStart, 0);
    backend_.Release();
    Settle();
    EXPECT_EQ(Bm(), kInterrupt);
    EXPECT_EQ(driver().Get(guest::kIdeStatus), ata::kStatusGood);
    EXPECT_EQ(write ? OnDisk(60, 2) : Memory(driver().scratch(), 1024),
              write ? data : DataAt(60, 2));
  }
}

TEST_F(AtaDiskDmaTest, TheGuestCanChangeTableAndRegistersAfterTheStart) {
  Prd(0, 0, 512, kLast);
  backend_.hold = true;
  Begin(false, 5, 1);
  Arm();
  Settle();
  Prd(0, 0x2000, 2, kLast);
  driver().SetBm(guest::kBmTable + 1, 0xff);
  driver().Set(guest::kIdeLbaLow, 99);
  backend_.Release();
  Settle();
  EXPECT_EQ(Memory(driver().scratch(), 512), DataAt(5, 1));
  EXPECT_EQ(Memory(driver().scratch() + 0x2000, 512), std::vector<uint8_t>(512));
}

// R-IDE-03: a reset, each kind, with a write in flight: nothing but the range changes, and nothing
// is written twice.
TEST_F(AtaDiskDmaTest, R_IDE_03_ResetWithAWriteInFlight) {
  for (const auto on_cancel :
       {FakeBlockDevice::OnCancel::kCompletes, FakeBlockDevice::OnCancel::kStays}) {
    for (const bool machine : {false, true}) {
      SCOPED_TRACE(testing::Message() << machine);
      std::vector<uint8_t> expected = backend_.data;
      bus_.Write(driver().scratch(), std::vector<uint8_t>(1024, 0x66));
      Prd(0, 0, 1024, kLast);
      backend_.hold = true;
      backend_.on_cancel = on_cancel;
      backend_.asked.clear();
      Begin(true, 80, 2);
      Arm();
      Settle();
      EXPECT_EQ(backend_.held(), 1u);
      bool done = false;
      if (machine) {
        disk_->Reset([&] { done = true; });
      } else {
        driver().SetControl(guest::kIdeSoftReset);
        driver().SetControl(0);
      }
      Settle();
      const bool stays = on_cancel == FakeBlockDevice::OnCancel::kStays;
      EXPECT_EQ(driver().AlternateStatus() == ata::kStatusBsy, stays);
      EXPECT_EQ(done, machine && !stays);
      backend_.Release();
      Settle();
      EXPECT_EQ(driver().AlternateStatus(), ata::kStatusGood);
      EXPECT_EQ(done, machine);
      EXPECT_EQ(driver().Get(guest::kIdeLbaLow), 1) << "the signature";
      EXPECT_EQ(Bm() & kActive, 0);
      EXPECT_FALSE(LineHigh());
      EXPECT_EQ(backend_.asked.size(), 1u);
      if (stays) std::fill_n(expected.begin() + 80 * 512, 1024, uint8_t{0x66});
      EXPECT_EQ(backend_.data, expected);
      std::copy_n(DataAt(80, 2).begin(), 1024, backend_.data.begin() + 80 * 512);
    }
  }
  ExpectWorks();
}

// C-20, C-22: a read in flight when the reset comes touches no memory after the reset is done.
TEST_F(AtaDiskDmaTest, C_20_NoMemoryIsTouchedAfterAReset) {
  Prd(0, 0, 512, kLast);
  backend_.hold = true;
  Begin(false, 80, 1);
  Arm();
  Settle();
  EXPECT_TRUE(driver().SoftReset());
  const std::vector<uint8_t> before = Memory(driver().scratch(), 512);
  backend_.Release();
  Settle();
  EXPECT_EQ(Memory(driver().scratch(), 512), before);
  ExpectWorks();
}

// C-07: a reset amid the ranges of a TRIM.
TEST_F(AtaDiskDmaTest, C_07_ResetAmidATrim) {
  const std::vector<IdeDriver::Range> ranges = {{.lba = 8, .sectors = 8},
                                                {.lba = 90, .sectors = 1}};
  std::vector<uint8_t> list(512);
  backend_.hold = true;
  backend_.on_cancel = FakeBlockDevice::OnCancel::kStays;
  for (size_t i = 0; i < ranges.size(); ++i) {
    list[8 * i] = static_cast<uint8_t>(ranges[i].lba);
    list[8 * i + 6] = static_cast<uint8_t>(ranges[i].sectors);
  }
  bus_.Write(driver().scratch(), list);
  driver().Start({.code = ata::kDataSetManagement,
                  .protocol = IdeProtocol::kDmaOut,
                  .form = IdeForm::k48,
                  .features = 1,
                  .count = 1,
                  .buffer = driver().scratch(),
                  .bytes = 512});
  Settle();
  EXPECT_EQ(backend_.asked.size(), 1u);
  driver().SetControl(guest::kIdeSoftReset);
  driver().SetControl(0);
  driver().Forget();
  Settle();
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusBsy);
  backend_.Release();
  Settle();
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusGood);
  EXPECT_EQ(backend_.asked.size(), 1u) << "the second range is not discarded any more";
  ExpectWorks();
}

TEST_F(AtaDiskDmaTest, TheLargestCommand) {
  backend_.Resize(uint64_t{65536} * 512);
  for (size_t i = 0; i < backend_.data.size(); i += 512) {
    backend_.data[i] = static_cast<uint8_t>(i / 512);
  }
  // 512 times the same 64 KiB.
  for (uint32_t i = 0; i < 512; ++i) Prd(i, 0, 0, i == 511 ? kLast : 0);
  driver().PrepareBm(IdeProtocol::kDmaIn);
  driver().Set(guest::kIdeDevice, guest::kIdeLbaBit);
  for (const unsigned offset :
       {guest::kIdeCount, guest::kIdeLbaLow, guest::kIdeLbaMid, guest::kIdeLbaHigh}) {
    driver().Set(offset, 0);
    driver().Set(offset, 0);
  }
  driver().Set(guest::kIdeCommand, ata::kReadDmaExt);
  Arm();
  Settle();
  EXPECT_EQ(driver().Get(guest::kIdeStatus), ata::kStatusGood);
  EXPECT_EQ(Bm(), kInterrupt);
  EXPECT_EQ(backend_.asked, (std::vector<Asked>{{IoOp::kRead, 0, 65536 * 512, IoFlags::kNone}}));
  EXPECT_EQ(Memory(driver().scratch() + 127 * 512, 1)[0], 0xff);
}

}  // namespace
}  // namespace platter

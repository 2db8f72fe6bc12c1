// SPDX-License-Identifier: Apache-2.0
//
// Commands of an ATA disk that ask its backend for something: PIO, addresses and their ends,
// verify, flush, TRIM, errors. DMA has ata_disk_dma_test.cc.

#include <cerrno>
#include <vector>

#include "gtest/gtest.h"

#include "devices/ide/ata_disk_fixture.h"

namespace platter {
namespace {

class AtaDiskTransferTest : public AtaDiskTest {
 protected:
  IdeAnswer Read(uint8_t code, uint64_t lba, uint16_t count, IdeForm form, uint32_t sectors) {
    return Run({.code = code,
                .protocol = IdeProtocol::kPioIn,
                .form = form,
                .count = count,
                .lba = lba,
                .buffer = driver().scratch(),
                .bytes = sectors * 512});
  }
  IdeAnswer Chs(uint32_t cylinder, uint8_t head, uint8_t sector, uint16_t count) {
    return Run({.code = ata::kReadSectors,
                .protocol = IdeProtocol::kPioIn,
                .count = count,
                .lba = sector | cylinder << 8,
                .device = head,
                .buffer = driver().scratch(),
                .bytes = count * 512u});
  }
  std::vector<uint8_t> Scratch(uint32_t sectors) {
    std::vector<uint8_t> data(sectors * 512);
    bus_.Read(driver().scratch(), data);
    return data;
  }
};

TEST_F(AtaDiskTransferTest, PioInBothFormsAndAllBlockSizes) {
  for (const uint8_t code : {ata::kReadSectors, ata::kReadSectorsNoRetry}) {
    ExpectGood(Read(code, 17, 3, IdeForm::k28, 3));
    EXPECT_EQ(Scratch(3), DataAt(17, 3));
  }
  ExpectGood(Read(ata::kReadSectorsExt, 100, 40, IdeForm::k48, 40));
  EXPECT_EQ(Scratch(40), DataAt(100, 40));
  for (const uint8_t multiple : {1, 2, 4, 8, 16}) {
    ExpectGood(*driver().SetMultiple(multiple));
    backend_.asked.clear();
    IdeCommand command = driver().Transfer(IdeWay::kMultiple, false, 50, 37 * 512);
    command.buffer = driver().scratch();
    command.block = multiple * 512u;
    ExpectGood(Run(command));
    EXPECT_EQ(Scratch(37), DataAt(50, 37));
    EXPECT_EQ(backend_.asked.size(), (37u + multiple - 1) / multiple) << "one request a block";
  }
}

TEST_F(AtaDiskTransferTest, C_11_PioWritesInBothFormsAndAllBlockSizes) {
  std::vector<uint8_t> data(21 * 512);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 13 + i / 512);
  ExpectGood(*driver().Write(IdeWay::kPio, 30, data));
  EXPECT_EQ(OnDisk(30, 21), data);
  ExpectGood(*driver().SetMultiple(16));
  ExpectGood(*driver().Write(IdeWay::kMultiple, 300, data));
  EXPECT_EQ(OnDisk(300, 21), data);
  EXPECT_EQ(OnDisk(29, 1), DataAt(29, 1));
  EXPECT_EQ(OnDisk(51, 1), DataAt(51, 1));
  // C-11: each block once, in order.
  EXPECT_EQ(backend_.asked[0], (Asked{IoOp::kWrite, 30 * 512, 512, IoFlags::kNone}));
  EXPECT_EQ(backend_.asked[20], (Asked{IoOp::kWrite, 50 * 512, 512, IoFlags::kNone}));
  EXPECT_EQ(backend_.asked[21], (Asked{IoOp::kWrite, 300 * 512, 16 * 512, IoFlags::kNone}));
  EXPECT_EQ(backend_.asked[22], (Asked{IoOp::kWrite, 316 * 512, 5 * 512, IoFlags::kNone}));
  EXPECT_EQ(backend_.asked.size(), 23u);
}

TEST_F(AtaDiskTransferTest, ForcedUnitAccess) {
  ExpectGood(*driver().SetMultiple(16));
  bus_.Write(driver().scratch(), std::vector<uint8_t>(512, 9));
  for (const uint8_t code : {ata::kWriteMultipleFuaExt, ata::kWriteDmaFuaExt}) {
    backend_.asked.clear();
    ExpectGood(
        Run({.code = code,
             .protocol = code == ata::kWriteDmaFuaExt ? IdeProtocol::kDmaOut : IdeProtocol::kPioOut,
             .form = IdeForm::k48,
             .count = 1,
             .lba = 3,
             .buffer = driver().scratch(),
             .bytes = 512}));
    EXPECT_EQ(backend_.asked, (std::vector<Asked>{{IoOp::kWrite, 3 * 512, 512, IoFlags::kFua}}));
  }
}

TEST_F(AtaDiskTransferTest, MultipleCommandsNeedSetMultiple) {
  for (const uint8_t code : {ata::kReadMultiple, ata::kWriteMultiple, ata::kReadMultipleExt,
                             ata::kWriteMultipleExt, ata::kWriteMultipleFuaExt}) {
    ExpectError(Run({.code = code, .count = 1}), ata::kErrorAbrt);
  }
  EXPECT_TRUE(backend_.asked.empty());
}

TEST_F(AtaDiskTransferTest, ACountOf0Is256Sectors) {
  const uint64_t buffer = *bus_.Allocate(256 * 512, 4096);
  for (const bool dma : {false, true}) {
    ExpectGood(Run({.code = dma ? ata::kReadDma : ata::kReadSectors,
                    .protocol = dma ? IdeProtocol::kDmaIn : IdeProtocol::kPioIn,
                    .count = 0,
                    .lba = 11,
                    .buffer = buffer,
                    .bytes = 256 * 512}));
    std::vector<uint8_t> data(256 * 512);
    bus_.Read(buffer, data);
    EXPECT_EQ(data, DataAt(11, 256));
  }
}

TEST_F(AtaDiskTransferTest, TheEndOfTheDisk) {
  struct Row {
    uint64_t lba;
    uint16_t count;
    uint32_t sectors;
    bool good;
  };
  for (const Row& row : {Row{kSectors - 1, 1, 1, true}, Row{kSectors - 2, 2, 2, true},
                         Row{kSectors - 1, 2, 2, false}, Row{kSectors, 1, 1, false},
                         Row{0x0fffffff, 1, 1, false}, Row{0x0fffffff, 0, 256, false}}) {
    backend_.asked.clear();
    const uint32_t invalid = backend_.invalid;
    for (const IdeForm form : {IdeForm::k28, IdeForm::k48}) {
      const uint8_t code = form == IdeForm::k28 ? ata::kReadSectors : ata::kReadSectorsExt;
      const IdeAnswer answer = Read(code, row.lba, row.count, form, row.sectors);
      if (row.good) {
        ExpectGood(answer);
        EXPECT_EQ(Scratch(row.sectors), DataAt(row.lba, row.sectors));
      } else {
        ExpectError(answer, ata::kErrorIdnf);
        EXPECT_EQ(answer.lba, row.lba);
      }
    }
    EXPECT_EQ(backend_.asked.empty(), !row.good) << "nothing is transferred";
    EXPECT_EQ(backend_.invalid, row.good ? invalid : invalid + 2);
  }
  for (const uint64_t lba : {uint64_t{1} << 32, (uint64_t{1} << 48) - 1, uint64_t{kSectors}}) {
    for (const uint16_t count : {1, 0, 65535}) {
      ExpectError(Read(ata::kReadSectorsExt, lba, count, IdeForm::k48, 1), ata::kErrorIdnf);
    }
  }
}

TEST_F(AtaDiskTransferTest, CylindersHeadsAndSectors) {
  ExpectGood(Chs(0, 0, 1, 1));
  EXPECT_EQ(Scratch(1), DataAt(0, 1));
  ExpectGood(Chs(2, 3, 5, 4));
  EXPECT_EQ(Scratch(4), DataAt((2 * 16 + 3) * 63 + 4, 4));
  ExpectError(Chs(0, 0, 0, 1), ata::kErrorIdnf);
  ExpectError(Chs(0, 0, 64, 1), ata::kErrorIdnf);
  ExpectError(Chs(4, 0, 1, 1), ata::kErrorIdnf);
  ExpectError(Chs(65535, 15, 255, 1), ata::kErrorIdnf);
  ExpectGood(Chs(3, 15, 63, 1));  // The last that the geometry has.
  // Another translation.
  ExpectGood(Run({.code = ata::kInitializeDeviceParameters, .count = 10, .device = 1}));
  ExpectGood(Chs(7, 1, 3, 1));
  EXPECT_EQ(Scratch(1), DataAt((7 * 2 + 1) * 10 + 2, 1));
  ExpectError(Chs(0, 2, 1, 1), ata::kErrorIdnf);
}

TEST_F(AtaDiskTransferTest, VerifyReadsAndMovesNothing) {
  for (const uint8_t code : {ata::kReadVerify, ata::kReadVerifyNoRetry}) {
    backend_.asked.clear();
    ExpectGood(Run({.code = code, .count = 33, .lba = 7}));
    uint64_t bytes = 0;
    for (const Asked& asked : backend_.asked) bytes += asked.bytes;
    EXPECT_EQ(bytes, 33u * 512);
  }
  ExpectGood(Run({.code = ata::kReadVerifyExt, .form = IdeForm::k48, .count = 4096}));
  ExpectError(Run({.code = ata::kReadVerifyExt, .form = IdeForm::k48, .count = 4097}),
              ata::kErrorIdnf);
  backend_.next_error = -EIO;
  ExpectError(Run({.code = ata::kReadVerify, .count = 1, .lba = 9}), ata::kErrorUnc);
}

// C-05: busy for the whole of it.
TEST_F(AtaDiskTransferTest, C_05_FlushIsBusyUntilItIsDone) {
  for (const uint8_t code : {ata::kFlushCache, ata::kFlushCacheExt}) {
    backend_.hold = true;
    driver().Start({.code = code});
    Settle();
    EXPECT_EQ(driver().AlternateStatus(), ata::kStatusBsy);
    EXPECT_FALSE(driver().Poll().has_value());
    backend_.Release();
    Settle();
    const auto answer = driver().Poll();
    ASSERT_TRUE(answer.has_value());
    ExpectGood(*answer);
  }
}

// C-04, C-06: every errno ends the command, and is told.
TEST_F(AtaDiskTransferTest, C_06_ErrorsOfTheBackend) {
  for (const int number : {EIO, ENOSPC, EACCES, ENOMEDIUM, ECANCELED, EINVAL, ENOTSUP, 12345}) {
    SCOPED_TRACE(number);
    const uint8_t read_error =
        number == ENOMEDIUM || number == ECANCELED ? ata::kErrorAbrt : ata::kErrorUnc;
    std::vector<uint8_t> data(1024, 1);
    for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
      backend_.next_error = -number;
      ExpectError(*driver().Read(way, 10, data), read_error);
      backend_.next_error = -number;
      ExpectError(*driver().Write(way, 10, data), ata::kErrorAbrt);
    }
    backend_.next_error = -number;
    ExpectError(*driver().Flush(), ata::kErrorAbrt);
    const IdeDriver::Range range = {.lba = 1, .sectors = 1};
    backend_.next_error = -number;
    ExpectError(*driver().Trim({&range, 1}), ata::kErrorAbrt);
    ExpectWorks();
  }
}

TEST_F(AtaDiskTransferTest, AnErrorInTheMiddleNamesItsSector) {
  std::vector<uint8_t> data(3 * 512);
  IdeCommand command = driver().Transfer(IdeWay::kPio, false, 20, 3 * 512);
  command.buffer = driver().scratch();
  driver().Start(command);
  Settle();
  EXPECT_FALSE(driver().Poll().has_value());  // The first block.
  backend_.next_error = -EIO;
  Settle();
  const auto answer = driver().Poll();
  ASSERT_TRUE(answer.has_value());
  ExpectError(*answer, ata::kErrorUnc);
  EXPECT_EQ(answer->lba, 21u);
}

TEST_F(AtaDiskTransferTest, C_08_TrimDiscardsEachRange) {
  const std::vector<IdeDriver::Range> ranges = {{.lba = 8, .sectors = 8},
                                                {.lba = 999, .sectors = 0},  // C-08.
                                                {.lba = 100, .sectors = 1},
                                                {.lba = kSectors - 1, .sectors = 1}};
  ExpectGood(*driver().Trim(ranges));
  EXPECT_EQ(backend_.asked,
            (std::vector<Asked>{{IoOp::kDiscard, 8 * 512, 8 * 512, IoFlags::kNone},
                                {IoOp::kDiscard, 100 * 512, 512, IoFlags::kNone},
                                {IoOp::kDiscard, (kSectors - 1) * 512, 512, IoFlags::kNone}}));
  std::vector<IdeDriver::Range> many(512, {.lba = 3, .sectors = 1});
  backend_.asked.clear();
  ExpectGood(*driver().Trim(many));
  EXPECT_EQ(backend_.asked.size(), 512u);
  backend_.asked.clear();
  many.resize(513);
  ExpectError(*driver().Trim(many), ata::kErrorAbrt);
  EXPECT_TRUE(backend_.asked.empty());
}

TEST_F(AtaDiskTransferTest, ATrimWithOneWrongRangeDiscardsNothing) {
  for (const IdeDriver::Range wrong :
       {IdeDriver::Range{kSectors, 1}, IdeDriver::Range{kSectors - 1, 2},
        IdeDriver::Range{(uint64_t{1} << 48) - 1, 65535}}) {
    const std::vector<IdeDriver::Range> ranges = {{.lba = 8, .sectors = 8}, wrong};
    ExpectError(*driver().Trim(ranges), ata::kErrorAbrt);
  }
  EXPECT_TRUE(backend_.asked.empty());
  EXPECT_EQ(backend_.invalid, 3u);
}

TEST_F(AtaDiskTransferTest, TrimThatIsNotOfferedIsAborted) {
  const IdeDriver::Range range = {.lba = 1, .sectors = 1};
  backend_.discards = false;
  ExpectError(*driver().Trim({&range, 1}), ata::kErrorAbrt);
  backend_.discards = true;
  ExpectError(Run({.code = ata::kDataSetManagement, .form = IdeForm::k48, .count = 1}),
              ata::kErrorAbrt);
  Unplug();
  MakeDisk({.id = "hd0", .discard = false});
  ExpectError(*driver().Trim({&range, 1}), ata::kErrorAbrt);
  EXPECT_TRUE(backend_.asked.empty());
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/dma_transfer.h"

#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

#include "base/arith.h"

namespace platter {
namespace {

constexpr uint32_t kTable = 0x1000;
constexpr uint16_t kEot = 0x8000;

class Log final : public DirtyLog {
 public:
  void MarkDirty(uint64_t address, uint64_t bytes) override { marks.push_back({address, bytes}); }
  std::vector<std::pair<uint64_t, uint64_t>> marks;
};

// Memory that has no host address.
class Shim final : public GuestMemoryAccessor {
 public:
  void Read(uint64_t offset, std::span<uint8_t> out) override {
    std::memcpy(out.data(), bytes.data() + offset, out.size());
  }
  void Write(uint64_t offset, std::span<const uint8_t> data) override {
    std::memcpy(bytes.data() + offset, data.data(), data.size());
  }
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kShimBytes);
  static constexpr uint64_t kShimBytes = 4096;
};

// RAM at 0 ... 256 KiB, a second piece right behind it, a hole, a shim at 1 MiB, ROM at 2 MiB.
class DmaTransferTest : public testing::Test {
 protected:
  static constexpr uint64_t kFirst = 256 * kKiB;
  static constexpr uint64_t kSecond = 32 * kKiB;
  static constexpr uint32_t kShimAt = 0x100000;
  static constexpr uint32_t kRomAt = 0x200000;

  DmaTransferTest() {
    memory_ = *GuestMemory::Create(
        {{.address = 0, .size = kFirst, .host = first_.data()},
         {.address = kFirst, .size = kSecond, .host = second_.data()},
         {.address = kShimAt, .size = Shim::kShimBytes, .accessor = &shim_},
         {.address = kRomAt, .size = 4096, .host = rom_.data(), .read_only = true}},
        &log_);
  }

  void Prd(uint32_t index, uint32_t address, uint16_t count, uint16_t flags = 0,
           uint32_t table = kTable) {
    uint8_t* at = first_.data() + table + index * 8;
    for (int i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(address >> (8 * i));
    for (int i = 0; i < 2; ++i) at[4 + i] = static_cast<uint8_t>(count >> (8 * i));
    for (int i = 0; i < 2; ++i) at[6 + i] = static_cast<uint8_t>(flags >> (8 * i));
  }
  DmaEnd Prepare(uint64_t bytes, DmaAccess access = DmaAccess::kDeviceWrites,
                 uint32_t table = kTable) {
    return dma_.Prepare(*memory_, table, bytes, access);
  }
  uint64_t Total() {
    uint64_t sum = 0;
    for (const iovec& piece : dma_.pieces()) sum += piece.iov_len;
    return sum;
  }

  std::vector<uint8_t> first_ = std::vector<uint8_t>(kFirst);
  std::vector<uint8_t> second_ = std::vector<uint8_t>(kSecond);
  std::vector<uint8_t> rom_ = std::vector<uint8_t>(4096);
  Shim shim_;
  Log log_;
  std::shared_ptr<const GuestMemory> memory_;
  DmaTransfer dma_;
};

// R-IDE-06: the table against the transfer.
TEST_F(DmaTransferTest, R_IDE_06_ExactLongerShort) {
  Prd(0, 0x8000, 1024, kEot);
  EXPECT_EQ(Prepare(1024), DmaEnd::kExact);
  EXPECT_EQ(Total(), 1024u);
  EXPECT_EQ(Prepare(512), DmaEnd::kTableLonger) << "the region has more";
  EXPECT_EQ(Total(), 512u);
  EXPECT_EQ(Prepare(1536), DmaEnd::kTableShort);
  Prd(0, 0x8000, 1024);
  Prd(1, 0x9000, 512, kEot);
  EXPECT_EQ(Prepare(1024), DmaEnd::kTableLonger) << "the table has more";
  EXPECT_EQ(Prepare(1536), DmaEnd::kExact);
}

TEST_F(DmaTransferTest, ACountOf0Is64KiB) {
  Prd(0, 0x10000, 0, kEot);
  EXPECT_EQ(Prepare(65536), DmaEnd::kExact);
  EXPECT_EQ(Total(), 65536u);
  EXPECT_EQ(Prepare(65536 + 512), DmaEnd::kTableShort);
}

// R-IDE-07: less than a sector, odd numbers.
TEST_F(DmaTransferTest, R_IDE_07_SmallAndOddRegions) {
  Prd(0, 0x8001, 3);  // Read as 8000h and 2.
  Prd(1, 0x9000, 511, kEot);
  EXPECT_EQ(Prepare(512), DmaEnd::kExact);
  ASSERT_EQ(dma_.pieces().size(), 2u);
  EXPECT_EQ(dma_.pieces()[0].iov_base, first_.data() + 0x8000);
  EXPECT_EQ(dma_.pieces()[0].iov_len, 2u);
  EXPECT_EQ(dma_.pieces()[1].iov_len, 510u);
  Prd(0, 0x8000, 1, kEot);  // The lowest bit is not there: 0, which is 64 KiB.
  EXPECT_EQ(Prepare(65536), DmaEnd::kExact);
}

TEST_F(DmaTransferTest, ATableWithoutAnEndIsBounded) {
  constexpr uint32_t kWholeTable = 0x10000;
  for (uint32_t i = 0; i < 8192; ++i) Prd(i, 0x8000, 2, 0, kWholeTable);
  EXPECT_EQ(Prepare(2 * 8192, DmaAccess::kDeviceWrites, kWholeTable), DmaEnd::kTableLonger);
  EXPECT_EQ(Prepare(2 * 8192 + 2, DmaAccess::kDeviceWrites, kWholeTable), DmaEnd::kTableShort);
  // From the middle, only up to the boundary.
  EXPECT_EQ(Prepare(6, DmaAccess::kDeviceWrites, kWholeTable + 65536 - 16), DmaEnd::kTableShort);
  EXPECT_EQ(Prepare(2, DmaAccess::kDeviceWrites, kWholeTable + 65536 - 4), DmaEnd::kTableShort);
}

// Every entry the same page of a device: what is allocated for it has a limit.
TEST_F(DmaTransferTest, I7_TheBufferHasALimit) {
  constexpr uint32_t kWholeTable = 0x10000;
  constexpr uint64_t kMost = DmaTransfer::kMaxBufferBytes;
  for (uint32_t i = 0; i < 8192; ++i) Prd(i, kShimAt, Shim::kShimBytes, 0, kWholeTable);
  EXPECT_EQ(Prepare(kMost, DmaAccess::kDeviceReads, kWholeTable), DmaEnd::kTableLonger);
  EXPECT_EQ(Total(), kMost);
  dma_.Finish(*memory_, DmaTransfer::Outcome::kDone);
  EXPECT_EQ(Prepare(kMost + Shim::kShimBytes, DmaAccess::kDeviceReads, kWholeTable),
            DmaEnd::kNoMemory);
}

TEST_F(DmaTransferTest, ATableThatIsNoMemory) {
  EXPECT_EQ(Prepare(512, DmaAccess::kDeviceWrites, 0x80000), DmaEnd::kNoMemory);
  EXPECT_EQ(Prepare(512, DmaAccess::kDeviceWrites, 0xfffffffc), DmaEnd::kTableShort)
      << "no entry fits before the boundary";
  // It begins in memory and leaves it.
  const auto table = static_cast<uint32_t>(kFirst + kSecond - 8);
  std::memset(second_.data() + kSecond - 8, 0, 8);
  second_[kSecond - 4] = 2;
  EXPECT_EQ(Prepare(2, DmaAccess::kDeviceWrites, table), DmaEnd::kTableLonger);
  EXPECT_EQ(Prepare(4, DmaAccess::kDeviceWrites, table), DmaEnd::kNoMemory);
}

TEST_F(DmaTransferTest, ABufferThatIsNoMemory) {
  Prd(0, 0x8000, 512);
  Prd(1, 0x80000, 512, kEot);
  EXPECT_EQ(Prepare(1024), DmaEnd::kNoMemory);
  EXPECT_EQ(Prepare(512), DmaEnd::kTableLonger) << "what isn't needed isn't looked at";
  Prd(1, static_cast<uint32_t>(kFirst + kSecond - 256), 512, kEot);
  EXPECT_EQ(Prepare(1024), DmaEnd::kNoMemory) << "half of it";
  Prd(1, kRomAt, 512, kEot);
  EXPECT_EQ(Prepare(1024, DmaAccess::kDeviceWrites), DmaEnd::kNoMemory);
  EXPECT_EQ(Prepare(1024, DmaAccess::kDeviceReads), DmaEnd::kExact);
  Prd(1, 0xfffffffe, 0, kEot);
  EXPECT_EQ(Prepare(1024), DmaEnd::kNoMemory);
}

TEST_F(DmaTransferTest, RegionsThatTouchAreOnePieceAndOneThatCrossesIsTwo) {
  Prd(0, 0x8000, 512);
  Prd(1, 0x8200, 512, kEot);
  EXPECT_EQ(Prepare(1024), DmaEnd::kExact);
  EXPECT_EQ(dma_.pieces().size(), 1u);
  Prd(0, static_cast<uint32_t>(kFirst - 512), 1024, kEot);
  EXPECT_EQ(Prepare(1024), DmaEnd::kExact);
  ASSERT_EQ(dma_.pieces().size(), 2u);
  EXPECT_EQ(dma_.pieces()[0].iov_base, first_.data() + kFirst - 512);
  EXPECT_EQ(dma_.pieces()[1].iov_base, second_.data());
}

TEST_F(DmaTransferTest, ReadsAreLoggedAndWritesAreNot) {
  Prd(0, 0x8000, 512);
  Prd(1, 0xa000, 512, kEot);
  Prepare(1024, DmaAccess::kDeviceReads);
  dma_.Finish(*memory_, DmaTransfer::Outcome::kDone);
  EXPECT_TRUE(log_.marks.empty());
  // A read that failed may have written a part.
  for (const auto outcome : {DmaTransfer::Outcome::kDone, DmaTransfer::Outcome::kFailed}) {
    log_.marks.clear();
    Prepare(1024, DmaAccess::kDeviceWrites);
    dma_.Finish(*memory_, outcome);
    EXPECT_EQ(log_.marks,
              (std::vector<std::pair<uint64_t, uint64_t>>{{0x8000, 512}, {0xa000, 512}}));
  }
}

TEST_F(DmaTransferTest, MemoryWithoutAddressGoesThroughABuffer) {
  std::iota(shim_.bytes.begin(), shim_.bytes.end(), uint8_t{0});
  Prd(0, 0x8000, 256);
  Prd(1, kShimAt + 4, 256, kEot);
  EXPECT_EQ(Prepare(512, DmaAccess::kDeviceReads), DmaEnd::kExact);
  std::vector<uint8_t> data(512);
  dma_.CopyTo(data);
  EXPECT_EQ(data[256], 4);
  EXPECT_EQ(data[511], 3);
  dma_.Finish(*memory_, DmaTransfer::Outcome::kDone);

  EXPECT_EQ(Prepare(512, DmaAccess::kDeviceWrites), DmaEnd::kExact);
  ASSERT_EQ(dma_.pieces().size(), 1u);
  std::memset(dma_.pieces()[0].iov_base, 0xee, 512);
  EXPECT_EQ(shim_.bytes[4], 4) << "not before it is finished";
  dma_.Finish(*memory_, DmaTransfer::Outcome::kDone);
  EXPECT_EQ(first_[0x8000], 0xee);
  EXPECT_EQ(shim_.bytes[3], 3);
  EXPECT_EQ(shim_.bytes[4], 0xee);
  EXPECT_EQ(shim_.bytes[259], 0xee);
  EXPECT_EQ(shim_.bytes[260], 4);

  Prepare(512, DmaAccess::kDeviceWrites);
  std::memset(dma_.pieces()[0].iov_base, 0xdd, 512);
  dma_.Finish(*memory_, DmaTransfer::Outcome::kFailed);
  EXPECT_EQ(shim_.bytes[4], 0xee) << "nothing of a read that failed";
}

TEST_F(DmaTransferTest, CopyFromFillsThePiecesInOrder) {
  Prd(0, 0x8000, 4);
  Prd(1, 0x9000, 8, kEot);
  ASSERT_EQ(Prepare(7), DmaEnd::kTableLonger);
  const std::vector<uint8_t> data = {1, 2, 3, 4, 5, 6, 7};
  dma_.CopyFrom(data);
  dma_.Finish(*memory_, DmaTransfer::Outcome::kDone);
  EXPECT_EQ(std::vector<uint8_t>(&first_[0x8000], &first_[0x8005]),
            (std::vector<uint8_t>{1, 2, 3, 4, 0}));
  EXPECT_EQ(std::vector<uint8_t>(&first_[0x9000], &first_[0x9004]),
            (std::vector<uint8_t>{5, 6, 7, 0}));
}

}  // namespace
}  // namespace platter

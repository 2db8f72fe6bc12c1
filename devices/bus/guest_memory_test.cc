// SPDX-License-Identifier: Apache-2.0
#include "devices/bus/guest_memory.h"

#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

class ArrayAccessor final : public GuestMemoryAccessor {
 public:
  explicit ArrayAccessor(size_t size) : bytes(size) {}
  void Read(uint64_t offset, std::span<uint8_t> out) override {
    std::memcpy(out.data(), bytes.data() + offset, out.size());
  }
  void Write(uint64_t offset, std::span<const uint8_t> data) override {
    std::memcpy(bytes.data() + offset, data.data(), data.size());
  }
  std::vector<uint8_t> bytes;
};

class RangeLog final : public DirtyLog {
 public:
  void MarkDirty(uint64_t address, uint64_t bytes) override { ranges.push_back({address, bytes}); }
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
};

// Memory at 0x1000..0x2fff made of two regions that touch in guest addresses but not on the host,
// then a hole, then read-only memory at 0x4000 and an accessor at 0x5000.
class GuestMemoryTest : public testing::Test {
 protected:
  GuestMemoryTest()
      : first_(0x1000), second_(0x1000), rom_(0x1000), device_(0x1000), memory_(Make()) {
    std::iota(first_.begin(), first_.end(), uint8_t{0});
    std::iota(second_.begin(), second_.end(), uint8_t{100});
  }

  std::shared_ptr<const GuestMemory> Make() {
    return *GuestMemory::Create(
        {{.address = 0x5000, .size = 0x1000, .accessor = &device_},
         {.address = 0x2000, .size = 0x1000, .host = second_.data()},
         {.address = 0x1000, .size = 0x1000, .host = first_.data()},
         {.address = 0x4000, .size = 0x1000, .host = rom_.data(), .read_only = true}},
        &log_);
  }

  static constexpr DmaAccess kIn = DmaAccess::kDeviceReads;
  static constexpr DmaAccess kOut = DmaAccess::kDeviceWrites;

  std::vector<uint8_t> first_;
  std::vector<uint8_t> second_;
  std::vector<uint8_t> rom_;
  ArrayAccessor device_;
  RangeLog log_;
  std::shared_ptr<const GuestMemory> memory_;
};

TEST_F(GuestMemoryTest, MapsWithinOneRegion) {
  EXPECT_EQ(memory_->TryMap(0x1000, 0x1000, kOut), first_.data());
  EXPECT_EQ(memory_->TryMap(0x2fff, 1, kOut), second_.data() + 0xfff);
  EXPECT_EQ(memory_->TryMap(0x1000, 0, kOut), nullptr);
  EXPECT_EQ(memory_->TryMap(0x0fff, 1, kOut), nullptr);
  EXPECT_EQ(memory_->TryMap(0x3000, 1, kOut), nullptr);
}

TEST_F(GuestMemoryTest, R_VQ_13_SpanAcrossRegionsIsNotOnePointer) {
  EXPECT_EQ(memory_->TryMap(0x1fff, 2, kOut), nullptr);
  iovec pieces[2];
  ASSERT_EQ(memory_->MapPieces(0x1ff0, 0x20, kOut, pieces, 2), 2);
  EXPECT_EQ(pieces[0].iov_base, first_.data() + 0xff0);
  EXPECT_EQ(pieces[0].iov_len, 0x10u);
  EXPECT_EQ(pieces[1].iov_base, second_.data());
  EXPECT_EQ(pieces[1].iov_len, 0x10u);
  EXPECT_EQ(memory_->MapPieces(0x1ff0, 0x20, kOut, pieces, 1), -E2BIG);
  EXPECT_EQ(memory_->MapPieces(0x1ff0, 0, kOut, pieces, 0), 0);
}

TEST_F(GuestMemoryTest, R_VQ_22_SumsThatWrapAreOutOfRange) {
  iovec pieces[4];
  std::vector<uint8_t> bytes(0x20);
  for (uint64_t address : {~uint64_t{0}, ~uint64_t{0} - 0xf, uint64_t{0x1000}}) {
    EXPECT_EQ(memory_->TryMap(address, ~uint64_t{0}, kIn), nullptr);
    EXPECT_EQ(memory_->MapPieces(address, ~uint64_t{0}, kIn, pieces, 4), -EFAULT);
    EXPECT_FALSE(memory_->Contains(address, ~uint64_t{0}, kIn));
  }
  EXPECT_FALSE(memory_->Read(~uint64_t{0} - 0xf, bytes));
}

TEST_F(GuestMemoryTest, HolesTransferNothing) {
  std::vector<uint8_t> bytes(0x20, 0xee);
  EXPECT_FALSE(memory_->Read(0x2ff0, bytes));
  EXPECT_EQ(bytes, std::vector<uint8_t>(0x20, 0xee));
  const std::vector<uint8_t> before = second_;
  EXPECT_FALSE(memory_->Write(0x2ff0, bytes));
  EXPECT_EQ(second_, before);
  EXPECT_TRUE(log_.ranges.empty());
}

TEST_F(GuestMemoryTest, CopiesAcrossRegionsAndAccessors) {
  std::vector<uint8_t> bytes(4);
  ASSERT_TRUE(memory_->Read(0x1ffe, bytes));
  EXPECT_EQ(bytes, (std::vector<uint8_t>{254, 255, 100, 101}));
  ASSERT_TRUE(memory_->Write(0x5ffc, std::vector<uint8_t>{1, 2, 3, 4}));
  EXPECT_EQ(device_.bytes[0xfff], 4);
  // From read-only memory into the accessor's: readable in one span.
  rom_[0xfff] = 9;
  device_.bytes[0] = 8;
  std::vector<uint8_t> two(2);
  ASSERT_TRUE(memory_->Read(0x4fff, two));
  EXPECT_EQ(two, (std::vector<uint8_t>{9, 8}));
}

TEST_F(GuestMemoryTest, ReadOnlyMemoryIsNotWritten) {
  EXPECT_NE(memory_->TryMap(0x4000, 16, kIn), nullptr);
  EXPECT_EQ(memory_->TryMap(0x4000, 16, kOut), nullptr);
  EXPECT_FALSE(memory_->Write(0x4000, std::vector<uint8_t>(1)));
  iovec piece;
  EXPECT_EQ(memory_->MapPieces(0x4000, 16, kOut, &piece, 1), -EFAULT);
  EXPECT_EQ(memory_->MapPieces(0x4000, 16, kIn, &piece, 1), 1);
}

TEST_F(GuestMemoryTest, AccessorRegionsAreNeverPointers) {
  EXPECT_EQ(memory_->TryMap(0x5000, 1, kIn), nullptr);
  iovec piece;
  EXPECT_EQ(memory_->MapPieces(0x5000, 1, kIn, &piece, 1), -EFAULT);
  EXPECT_TRUE(memory_->Contains(0x5000, 0x1000, kOut));
}

TEST_F(GuestMemoryTest, EveryDeviceWriteIsLogged) {
  ASSERT_TRUE(memory_->Write(0x1ffe, std::vector<uint8_t>(4)));
  memory_->MarkPieceDirty(second_.data() + 0x10, 0x20);
  const std::vector<std::pair<uint64_t, uint64_t>> expected = {{0x1ffe, 4}, {0x2010, 0x20}};
  EXPECT_EQ(log_.ranges, expected);
}

TEST_F(GuestMemoryTest, TheDirtyLogComesAndGoes) {
  memory_->SetDirtyLog(nullptr);
  EXPECT_FALSE(memory_->logs_dirty());
  ASSERT_TRUE(memory_->Write(0x1000, std::vector<uint8_t>(1)));
  EXPECT_TRUE(log_.ranges.empty());
  RangeLog other;
  memory_->SetDirtyLog(&other);
  EXPECT_TRUE(memory_->logs_dirty());
  ASSERT_TRUE(memory_->Write(0x1000, std::vector<uint8_t>(1)));
  EXPECT_TRUE(log_.ranges.empty());
  EXPECT_EQ(other.ranges.size(), 1u);
}

// Who takes a mark away and copies the page must not be left with what was there before.
TEST_F(GuestMemoryTest, AMarkComesAfterWhatItIsFor) {
  class Looker final : public DirtyLog {
   public:
    explicit Looker(const uint8_t& byte) : byte_(byte) {}
    void MarkDirty(uint64_t, uint64_t) override { seen = byte_; }
    uint8_t seen = 0;

   private:
    const uint8_t& byte_;
  };
  Looker looker(first_[7]);
  memory_->SetDirtyLog(&looker);
  ASSERT_TRUE(memory_->Write(0x1007, std::vector<uint8_t>{0xee}));
  EXPECT_EQ(looker.seen, 0xee);
}

TEST(GuestMemoryCreate, NamesTheRegionThatIsWrong) {
  uint8_t byte = 0;
  const GuestMemory::Region good{.address = 0x1000, .size = 0x1000, .host = &byte};
  struct Case {
    GuestMemory::Region region;
    const char* text;
  };
  for (const Case& c : {
           Case{{.address = 0x8000, .size = 0, .host = &byte}, "is empty"},
           Case{{.address = ~uint64_t{0}, .size = 2, .host = &byte}, "wraps"},
           Case{{.address = 0x8000, .size = 1}, "neither"},
           Case{{.address = 0x1fff, .size = 1, .host = &byte}, "overlaps [0x1000, +0x1000)"},
       }) {
    const auto made = GuestMemory::Create({good, c.region}, nullptr);
    ASSERT_FALSE(made.ok());
    EXPECT_NE(MessageOf(made.status()).find(c.text), std::string::npos) << MessageOf(made.status());
  }
  // A region may reach the very end of the address space.
  const auto made =
      GuestMemory::Create({{.address = ~uint64_t{0}, .size = 1, .host = &byte}}, nullptr);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ((*made)->TryMap(~uint64_t{0}, 1, DmaAccess::kDeviceReads), &byte);
}

}  // namespace
}  // namespace platter

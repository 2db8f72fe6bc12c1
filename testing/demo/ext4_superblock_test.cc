// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/ext4_superblock.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"

#include "base/arith.h"

namespace platter {
namespace {

class Ext4SuperblockTest : public testing::Test {
 protected:
  Ext4SuperblockTest() : data_(kExt4SuperblockBytes) {
    Put(0x04, {0x00, 0x40, 0x00, 0x00});  // 16384 blocks
    Put(0x18, {0x02, 0x00, 0x00, 0x00});  // of 4 KiB
    Put(0x38, {0x53, 0xef});
    std::memcpy(data_.data() + 0x78, "volume", 6);
  }
  void Put(size_t at, const std::vector<uint8_t>& bytes) {
    std::memcpy(data_.data() + at, bytes.data(), bytes.size());
  }

  std::vector<uint8_t> data_;
};

TEST_F(Ext4SuperblockTest, SaysNameAndSize) {
  const auto volume = ParseExt4Superblock(data_);
  ASSERT_TRUE(volume.has_value());
  EXPECT_EQ(volume->label, "volume");
  EXPECT_EQ(volume->block_size, 4096u);
  EXPECT_EQ(volume->size, 64 * kMiB);
}

TEST_F(Ext4SuperblockTest, HighHalfOfTheSizeCountsWithItsFeatureOnly) {
  Put(0x150, {0x01, 0x00, 0x00, 0x00});
  EXPECT_EQ(ParseExt4Superblock(data_)->size, 64 * kMiB);
  Put(0x60, {0x80});
  EXPECT_EQ(ParseExt4Superblock(data_)->size, 64 * kMiB + 16 * kTiB);
}

TEST_F(Ext4SuperblockTest, WrongBytesAreNoSuperblock) {
  EXPECT_FALSE(ParseExt4Superblock(std::span(data_).first(1023)).has_value());
  const std::vector<uint8_t> right = data_;
  Put(0x38, {0x53, 0xee});
  EXPECT_FALSE(ParseExt4Superblock(data_).has_value());
  data_ = right;
  Put(0x18, {0x07});
  EXPECT_FALSE(ParseExt4Superblock(data_).has_value());
  data_ = right;
  Put(0x04, {0x00, 0x00});
  EXPECT_FALSE(ParseExt4Superblock(data_).has_value());
  data_ = right;
  Put(0x60, {0x80});
  Put(0x150, {0xff, 0xff, 0xff, 0xff});
  Put(0x18, {0x06});
  EXPECT_FALSE(ParseExt4Superblock(data_).has_value()) << "2^64 bytes and more";
}

TEST_F(Ext4SuperblockTest, NameIsShownInPrintableAscii) {
  std::memcpy(data_.data() + 0x78,
              "\033[31m\xff"
              "0123456789",
              16);
  EXPECT_EQ(ParseExt4Superblock(data_)->label, "?[31m?0123456789");
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/cdb.h"

#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

Cdb Make(std::vector<uint8_t> bytes) { return Cdb(bytes); }

TEST(CdbTest, LengthsByGroup) {
  EXPECT_EQ(Make({0x12}).ExpectedBytes(), 6u);
  EXPECT_EQ(Make({0x28}).ExpectedBytes(), 10u);
  EXPECT_EQ(Make({0x5a}).ExpectedBytes(), 10u);
  EXPECT_EQ(Make({0x88}).ExpectedBytes(), 16u);
  EXPECT_EQ(Make({0xa8}).ExpectedBytes(), 12u);
  EXPECT_EQ(Make({0x7f}).ExpectedBytes(), 0u);
  EXPECT_EQ(Make({0xc0}).ExpectedBytes(), 0u);
}

TEST(CdbTest, Ranges) {
  EXPECT_EQ(Make({0x08, 0xff, 0xff, 0xff, 0, 0}).Range(),
            (BlockRange{.lba = 0x1fffff, .blocks = 256}));
  EXPECT_EQ(Make({0x08, 0x01, 0x02, 0x03, 7, 0}).Range(),
            (BlockRange{.lba = 0x010203, .blocks = 7}));
  EXPECT_EQ(Make({0x28, 0, 1, 2, 3, 4, 0, 5, 6, 0}).Range(),
            (BlockRange{.lba = 0x01020304, .blocks = 0x0506}));
  EXPECT_EQ(Make({0xa8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0}).Range(),
            (BlockRange{.lba = 0x01020304, .blocks = 0x05060708}));
  EXPECT_EQ(Make({0x88, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0}).Range(),
            (BlockRange{.lba = 0x0102030405060708, .blocks = 0x090a0b0c}));
  EXPECT_EQ(Make({0xff, 1, 2, 3}).Range(), BlockRange{});
}

TEST(CdbTest, WhatIsMissingIsZeroAndWhatIsTooMuchIsIgnored) {
  EXPECT_EQ(Make({0x28}).Range(), BlockRange{});
  EXPECT_EQ(Make({}).opcode(), 0);
  std::vector<uint8_t> long_one(100, 0xab);
  EXPECT_EQ(Cdb(long_one)[Cdb::kMaxBytes - 1], 0xab);
}

}  // namespace
}  // namespace platter

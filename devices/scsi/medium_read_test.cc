// SPDX-License-Identifier: Apache-2.0

#include "devices/scsi/medium_read.h"

#include <initializer_list>

#include "gtest/gtest.h"

namespace platter {
namespace {

std::optional<SectorRead> ReadOf(std::initializer_list<uint8_t> cdb) {
  return MediumReadOf(Cdb(std::span(cdb.begin(), cdb.size())));
}

std::optional<BlockRange> Of(std::initializer_list<uint8_t> cdb) {
  const std::optional<SectorRead> read = ReadOf(cdb);
  return read ? std::optional(read->range) : std::nullopt;
}

TEST(MediumReadTest, EachCommandsRange) {
  const BlockRange range = {.lba = 0x01020304, .blocks = 0x0506};
  EXPECT_EQ(Of({0x28, 0, 1, 2, 3, 4, 0, 5, 6, 0}), range);
  EXPECT_EQ(Of({0xa8, 0, 1, 2, 3, 4, 0, 0, 5, 6, 0, 0}), range);
  EXPECT_EQ(Of({0xbe, 0, 1, 2, 3, 4, 0, 5, 6, 0x10, 0, 0}), range);
  EXPECT_EQ(Of({0xb9, 0, 0, 0, 2, 5, 0, 2, 7, 0x10, 0, 0}), (BlockRange{.lba = 5, .blocks = 2}));
}

TEST(MediumReadTest, WhatTheGuestGetsOfEachSector) {
  EXPECT_EQ(ReadOf({0x28, 0, 0, 0, 0, 4, 0, 0, 1, 0})->sector_bytes, 2048u);
  EXPECT_EQ(ReadOf({0xbe, 0, 0, 0, 0, 4, 0, 0, 1, 0x10, 0, 0})->sector_bytes, 2048u);
  EXPECT_EQ(ReadOf({0xbe, 0, 0, 0, 0, 4, 0, 0, 1, 0xf8, 0, 0})->sector_bytes, 2352u);
  EXPECT_EQ(ReadOf({0xb9, 0, 0, 0, 2, 5, 0, 2, 7, 0xf8, 0, 0})->sector_bytes, 2352u);
}

// R-IDE-02b: lengths of 32 bits stay whole.
TEST(MediumReadTest, R_IDE_02b_TheLargestNumbersAreThemselves) {
  EXPECT_EQ(Of({0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}),
            (BlockRange{.lba = 0xffffffff, .blocks = 0xffffffff}));
  EXPECT_EQ(Of({0xbe, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10, 0, 0}),
            (BlockRange{.lba = 0xffffffff, .blocks = 0xffffff}));
}

TEST(MediumReadTest, NothingOfWhatGivesNothing) {
  EXPECT_EQ(Of({0x28, 0, 0, 0, 0, 4, 0, 0, 0, 0}), std::nullopt) << "no blocks";
  EXPECT_EQ(Of({0xbe, 0, 0, 0, 0, 4, 0, 0, 2, 0x00, 0, 0}), std::nullopt) << "no part of them";
  EXPECT_EQ(Of({0xb9, 0, 0, 0, 2, 5, 0, 2, 5, 0x10, 0, 0}), std::nullopt) << "no blocks";
  EXPECT_EQ(Of({0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0}), std::nullopt) << "other data";
  EXPECT_EQ(Of({0x00}), std::nullopt) << "no data";
}

TEST(MediumReadTest, NothingOfWhatIsRefused) {
  EXPECT_EQ(Of({0x28, 0x20, 0, 0, 0, 4, 0, 0, 1, 0}), std::nullopt) << "protection";
  EXPECT_EQ(Of({0xa8, 0xe0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0}), std::nullopt) << "protection";
  EXPECT_EQ(Of({0xbe, 4, 0, 0, 0, 4, 0, 0, 1, 0x10, 0, 0}), std::nullopt) << "audio";
  EXPECT_EQ(Of({0xbe, 0, 0, 0, 0, 4, 0, 0, 1, 0xb8, 0, 0}), std::nullopt) << "no header";
  EXPECT_EQ(Of({0xbe, 0, 0, 0, 0, 4, 0, 0, 1, 0xfa, 0, 0}), std::nullopt) << "C2 errors";
  EXPECT_EQ(Of({0xbe, 0, 0, 0, 0, 4, 0, 0, 1, 0x10, 1, 0}), std::nullopt) << "subchannel";
  EXPECT_EQ(Of({0xb9, 0, 0, 0, 2, 5, 0, 2, 4, 0x10, 0, 0}), std::nullopt) << "backwards";
  EXPECT_EQ(Of({0xb9, 0, 0, 0, 2, 75, 0, 3, 0, 0x10, 0, 0}), std::nullopt) << "no such frame";
}

}  // namespace
}  // namespace platter

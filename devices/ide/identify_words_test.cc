// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/identify_words.h"

#include <numeric>

#include "gtest/gtest.h"

namespace platter {
namespace {

uint64_t WordOf(const std::array<uint8_t, kSectorSize>& bytes, unsigned word) {
  return uint64_t{bytes[2 * word]} | uint64_t{bytes[2 * word + 1]} << 8;
}

TEST(IdentifyWordsTest, NumbersAreLittleEndianAndTheLowestWordComesFirst) {
  IdentifyWords words;
  words.Set(3, 0x1234);
  words.SetWide(60, 2, 0x89abcdef);
  const auto bytes = words.Seal();
  EXPECT_EQ(bytes[6], 0x34);
  EXPECT_EQ(bytes[7], 0x12);
  EXPECT_EQ(WordOf(bytes, 60), 0xcdefu);
  EXPECT_EQ(WordOf(bytes, 61), 0x89abu);
}

TEST(IdentifyWordsTest, StringsAreSwappedAndPadded) {
  IdentifyWords words;
  words.SetString(10, 6, "abc");
  const auto bytes = words.Seal();
  EXPECT_EQ(WordOf(bytes, 10), 0x6162u);
  EXPECT_EQ(WordOf(bytes, 11), 0x6320u);
  EXPECT_EQ(WordOf(bytes, 12), 0x2020u);
  EXPECT_EQ(WordOf(bytes, 13), 0u);
}

TEST(IdentifyWordsTest, TheSumIsZeroHoweverOftenItIsSealed) {
  IdentifyWords words;
  words.Set(1, 0xffff);
  words.Seal();
  words.Set(2, 0x4321);
  const auto bytes = words.Seal();
  EXPECT_EQ(bytes[510], 0xa5);
  EXPECT_EQ(std::accumulate(bytes.begin(), bytes.end(), 0u) % 256, 0u);
}

TEST(IdentifyWordsTest, TheSelectedModeIsInTheHighByteOfItsKind) {
  IdentifyWords words;
  words.SetTransferModes({.multiword = kAtaNoMode, .ultra = 4});
  EXPECT_EQ(WordOf(words.Seal(), 88), 0x103fu);
  EXPECT_EQ(WordOf(words.Seal(), 63), 0x0007u);
  words.SetTransferModes({.multiword = 1, .ultra = kAtaNoMode});
  EXPECT_EQ(WordOf(words.Seal(), 88), 0x003fu);
  EXPECT_EQ(WordOf(words.Seal(), 63), 0x0207u);
}

TEST(IdentifyWordsTest, CableAndName) {
  IdentifyWords words;
  words.SetHardwareReset(0);
  EXPECT_EQ(WordOf(words.Seal(), 93), 0x600bu);
  words.SetHardwareReset(1);
  EXPECT_EQ(WordOf(words.Seal(), 93), 0x6b00u);
  words.SetWorldWideName(0x5000123456789abc);
  EXPECT_EQ(WordOf(words.Seal(), 108), 0x5000u);
  EXPECT_EQ(WordOf(words.Seal(), 111), 0x9abcu);
}

}  // namespace
}  // namespace platter

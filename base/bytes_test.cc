// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <cstring>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(BytesTest, LittleEndianLayout) {
  const Le32 value = 0x01020304;
  const unsigned char expected[] = {4, 3, 2, 1};
  EXPECT_EQ(std::memcmp(&value, expected, 4), 0);
  EXPECT_EQ(value.get(), 0x01020304u);
}

TEST(BytesTest, BigEndianLayout) {
  const Be64 value = 0x0102030405060708;
  const unsigned char expected[] = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(std::memcmp(&value, expected, 8), 0);
  EXPECT_EQ(value.get(), 0x0102030405060708u);
}

TEST(BytesTest, DefaultIsZeroAndSetReplaces) {
  Be16 value;
  EXPECT_EQ(value.get(), 0);
  value.set(0xabcd);
  EXPECT_EQ(value, Be16(0xabcd));
}

}  // namespace
}  // namespace platter

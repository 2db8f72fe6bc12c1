// SPDX-License-Identifier: Apache-2.0

#include "config/scalar.h"

#include <limits>

#include "gtest/gtest.h"

namespace platter {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

TEST(ParseBool, TakesTheWordsOfTheField) {
  for (const char* text : {"on", "yes", "true", "y"}) EXPECT_EQ(ParseBool(text), true) << text;
  for (const char* text : {"off", "no", "false", "n"}) EXPECT_EQ(ParseBool(text), false) << text;
  for (const char* text : {"", "ON", "1", "0", "on ", "o", "enable"}) {
    EXPECT_EQ(ParseBool(text), std::nullopt) << text;
  }
}

TEST(ParseInteger, TakesAll64Bits) {
  EXPECT_EQ(ParseInteger("0"), (Integer{0, false}));
  EXPECT_EQ(ParseInteger("-0"), (Integer{0, false}));
  EXPECT_EQ(ParseInteger("-7"), (Integer{7, true}));
  EXPECT_EQ(ParseInteger("18446744073709551615"), (Integer{kMax, false}));
  EXPECT_EQ(ParseInteger("0xffffffffffffffff"), (Integer{kMax, false}));
  EXPECT_EQ(ParseInteger("0X1f"), (Integer{31, false}));
}

TEST(ParseInteger, RefusesWhatIsNoNumberFromEndToEnd) {
  for (const char* text : {"", "-", "+1", " 1", "1 ", "1x", "0x", "0x-1", "010", "1.5", "1e3",
                           "--1", "18446744073709551616", "0x10000000000000000", "one"}) {
    EXPECT_EQ(ParseInteger(text), std::nullopt) << text;
  }
}

TEST(ParseSize, TakesSuffixesOfPowersOf1024) {
  EXPECT_EQ(ParseSize("0"), 0u);
  EXPECT_EQ(ParseSize("7B"), 7u);
  EXPECT_EQ(ParseSize("1K"), uint64_t{1} << 10);
  EXPECT_EQ(ParseSize("1k"), uint64_t{1} << 10);
  EXPECT_EQ(ParseSize("3M"), uint64_t{3} << 20);
  EXPECT_EQ(ParseSize("1G"), uint64_t{1} << 30);
  EXPECT_EQ(ParseSize("2T"), uint64_t{2} << 40);
  EXPECT_EQ(ParseSize("1P"), uint64_t{1} << 50);
  EXPECT_EQ(ParseSize("15E"), uint64_t{15} << 60);
  EXPECT_EQ(ParseSize("0x1B"), 27u);
  EXPECT_EQ(ParseSize("18446744073709551615"), kMax);
}

TEST(ParseSize, RefusesOverflowAndHalfANumber) {
  for (const char* text : {"", "K", "1KB", "1.5G", "-1K", "16E", "18446744073709551615K", "1 M",
                           "1Mi", "0x1K", "01K", "99999999999999999999999999"}) {
    EXPECT_EQ(ParseSize(text), std::nullopt) << text;
  }
}

TEST(FormatSize, IsTheShortestExactForm) {
  EXPECT_EQ(FormatSize(0), "0");
  EXPECT_EQ(FormatSize(512), "512");
  EXPECT_EQ(FormatSize(1536), "1536");
  EXPECT_EQ(FormatSize(1 << 20), "1M");
  for (const uint64_t size : {uint64_t{1}, uint64_t{4096}, uint64_t{3} << 40, uint64_t{1} << 63,
                              kMax, uint64_t{1} << 60}) {
    EXPECT_EQ(ParseSize(FormatSize(size)), size);
  }
}

}  // namespace
}  // namespace platter

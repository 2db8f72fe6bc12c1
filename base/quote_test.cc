// SPDX-License-Identifier: Apache-2.0

#include "base/quote.h"

#include <string>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(Quote, LeavesPrintableAsciiAndUtf8Alone) {
  EXPECT_EQ(Quote("node-0"), "'node-0'");
  EXPECT_EQ(Quote("caf\xC3\xA9"), "'caf\xC3\xA9'");
  EXPECT_EQ(Quote(""), "''");
}

TEST(Quote, WritesEverythingElseInHexadecimal) {
  EXPECT_EQ(Quote(std::string_view("a\0b", 3)), "'a\\x00b'");
  EXPECT_EQ(Quote("\x1B[2J\x7F"), "'\\x1b[2J\\x7f'");
  EXPECT_EQ(Quote("\xFF\xC3"), "'\\xff\\xc3'");
  EXPECT_EQ(Quote("\xC2\x9B\xC2\xA0"), "'\\xc2\\x9b\xC2\xA0'");  // U+009B, U+00A0
}

TEST(Quote, ShortensLongTexts) {
  EXPECT_EQ(Quote(std::string(60, 'a')), "'" + std::string(60, 'a') + "'");
  EXPECT_EQ(Quote(std::string(1000, 'a')), "'" + std::string(60, 'a') + "...'");
}

TEST(QuoteWhole, IsTheSameWithoutAnEnd) {
  EXPECT_EQ(QuoteWhole(std::string(4095, 'a')), "'" + std::string(4095, 'a') + "'");
  EXPECT_EQ(QuoteWhole("/tmp/\x01\x1B[2Jcaf\xC3\xA9"), "'/tmp/\\x01\\x1b[2Jcaf\xC3\xA9'");
  EXPECT_EQ(QuoteWhole(""), "''");
}

TEST(IsUtf8, TakesTheBoundsOfEachLength) {
  for (const char* good : {"", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(good)) << Quote(good);
  }
}

TEST(IsUtf8, RefusesWhatIsNotWellFormed) {
  for (const char* bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xE1\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF1\x80\x80",
        "\xFE", "\xFF", "a\xFFz"}) {
    EXPECT_FALSE(IsUtf8(bad)) << Quote(bad);
  }
}

}  // namespace
}  // namespace platter

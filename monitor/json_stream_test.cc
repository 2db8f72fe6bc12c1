// SPDX-License-Identifier: Apache-2.0

#include "monitor/json_stream.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "base/status.h"
#include "config/json_writer.h"

namespace platter {
namespace {

// Each item as JSON, errors behind a '!'.
std::vector<std::string> TakeAll(JsonStream& stream) {
  std::vector<std::string> items;
  while (const auto item = stream.Next()) {
    items.push_back(item->ok() ? FormatJson(**item) : "!" + MessageOf(item->status()));
  }
  return items;
}

std::vector<std::string> Cut(std::string_view text) {
  JsonStream stream;
  stream.Feed(text);
  return TakeAll(stream);
}

using Items = std::vector<std::string>;

TEST(JsonStreamTest, ValuesNeedNoNewlineBetween) {
  EXPECT_EQ(Cut(R"({"a":1}{"b":[{}]}[1]"s" 12 null )"),
            (Items{R"({"a": 1})", R"({"b": [{}]})", "[1]", R"("s")", "12", "null"}));
}

TEST(JsonStreamTest, ValuesMayComeInPiecesOfAnySize) {
  const std::string text = "{\"a\": \"}{\\\"\", 'b': 'it\\'s \"'}\r\n[true, -1.5e3]\n@ x {\"c\":2}";
  const Items whole = Cut(text);
  EXPECT_EQ(whole, (Items{R"({"a": "}{\"", "b": "it's \""})", "[true, -1500.0]",
                          "!JSON parse error, stray '@'", R"({"c": 2})"}));
  JsonStream stream;
  Items one_by_one;
  for (const char c : text) {
    stream.Feed(std::string_view(&c, 1));
    for (std::string& item : TakeAll(stream)) one_by_one.push_back(std::move(item));
  }
  EXPECT_EQ(one_by_one, whole);
}

TEST(JsonStreamTest, NothingComesOfAnUnfinishedValue) {
  EXPECT_EQ(Cut(R"({"a": [1, 2)"), Items{});
  EXPECT_EQ(Cut("12"), Items{});  // More digits may follow.
}

TEST(JsonStreamTest, AnErrorIsToldOnceAndTheStreamGoesOn) {
  for (const std::string_view bad :
       {"{]", "}", "]", "{\"a\" 1}", "{\"a\":1,}", "{\"a\":1]", ",", ":", "{\"a\":1,\"a\":2}",
        "1x ", "\"\\x\"", "{\"n\": 99999999999999999999999}", "\"\xc3\""}) {
    const Items items = Cut(std::string(bad) + "{\"ok\":1}");
    ASSERT_EQ(items.size(), 2u) << bad;
    EXPECT_TRUE(items[0].starts_with("!JSON parse error, ")) << items[0];
    EXPECT_EQ(items[1], R"({"ok": 1})") << bad;
  }
}

TEST(JsonStreamTest, UnknownWordsAreNamed) {
  EXPECT_EQ(Cut("foo\n"), Items{"!JSON parse error, invalid keyword 'foo'"});
  EXPECT_EQ(Cut("{\"a\": nul, \"b\": bar}"), Items{"!JSON parse error, invalid keyword 'nul'"});
}

TEST(JsonStreamTest, AMarkBeginsANewValueWhateverCameBefore) {
  for (const std::string_view begun : {"{\"a\":", "[[[[", "\"abc", "\"abc\\", "@@", "tru"}) {
    for (const std::string_view mark : {"\xff", "\xfe", "\x01"}) {
      const Items items = Cut(std::string(begun) + std::string(mark) + "{\"ok\":1}");
      ASSERT_FALSE(items.empty());
      EXPECT_EQ(items.back(), R"({"ok": 1})") << begun;
    }
  }
}

TEST(JsonStreamTest, AnUnclosedStringEndsWithItsLine) {
  EXPECT_EQ(Cut("\"abc\n{\"ok\":1}"),
            (Items{"!JSON parse error, stray '\\x0a' in a string", R"({"ok": 1})"}));
}

TEST(JsonStreamTest, NestingIsBoundedAndTheRestOfTheLineSkipped) {
  const std::string deep(kMaxConfigDepth, '[');
  const std::string close(kMaxConfigDepth, ']');
  EXPECT_EQ(Cut(deep + close).size(), 1u);
  const Items items = Cut(std::string(100000, '[') + "\n{\"ok\":1}");
  EXPECT_EQ(items, (Items{"!JSON parse error, nested deeper than 64", R"({"ok": 1})"}));
}

// A client need not send newlines.
TEST(JsonStreamTest, BehindWhatIsTooMuchTheStreamGoesOn) {
  const std::string deep = "!JSON parse error, nested deeper than 64";
  const std::string good = R"({"ok": 1})";
  constexpr size_t kDepth = kMaxConfigDepth;
  for (const size_t depth : {kDepth + 1, kDepth + 2, size_t{1100}}) {
    EXPECT_EQ(Cut(std::string(depth, '[') + std::string(depth, ']') + good), (Items{deep, good}))
        << depth;
  }
  // Brackets in strings do not count, nor quotes behind a backslash or of the other kind.
  const std::string open(kDepth + 1, '[');
  const std::string close(kDepth + 1, ']');
  for (const char* inside : {R"("]]]]")", R"("\"]]")", R"('"]]')", R"("']]")", R"("\\")"}) {
    EXPECT_EQ(Cut(open + inside + close + good), (Items{deep, good})) << inside;
  }
  EXPECT_EQ(Cut(open + "\n" + good), (Items{deep, good})) << "not closed, but a line ends";

  const std::string longer =
      "!JSON parse error, a value is longer than " + std::to_string(kMaxConfigBytes) + " bytes";
  const std::string filling(kMaxConfigBytes, 'x');
  for (const std::string& text :
       {"\"" + filling + "\"", "\"" + filling + "xx\"", "{\"a\":[\"" + filling + "\"]}",
        "['" + filling + "']", filling + "xx ", filling + "xx", "[" + filling + "xx]",
        "[\"" + filling + "xx\\\"]\"]"}) {
    EXPECT_EQ(Cut(text + good), (Items{longer, good})) << text.substr(0, 8);
  }
}

TEST(JsonStreamTest, WhatIsHeldIsBounded) {
  JsonStream stream;
  const std::string piece(4096, 'x');
  stream.Feed("\"");
  size_t errors = 0;
  for (size_t fed = 0; fed < 4 * kMaxConfigBytes; fed += piece.size()) {
    stream.Feed(piece);
    for (const std::string& item : TakeAll(stream)) {
      EXPECT_EQ(item, "!JSON parse error, a value is longer than 1048576 bytes");
      ++errors;
    }
    EXPECT_LE(stream.held(), kMaxConfigBytes + 1);
  }
  EXPECT_EQ(errors, 1u);
  stream.Feed("\n{}");
  EXPECT_EQ(TakeAll(stream), Items{"{}"});
}

TEST(JsonStreamTest, BlanksBetweenValuesAreNotKept) {
  JsonStream stream;
  stream.Feed(std::string(100000, '\n'));
  EXPECT_EQ(TakeAll(stream), Items{});
  EXPECT_EQ(stream.held(), 0u);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "config/json.h"

#include <cstdint>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Value Parse(std::string_view text) {
  auto value = ParseJson(text, "top");
  EXPECT_TRUE(value.ok()) << value.status();
  return value.ok() ? *std::move(value) : Value();
}

std::string Error(std::string_view text) {
  const auto value = ParseJson(text, "top");
  return value.ok() ? "no error" : MessageOf(value.status());
}

TEST(Json, EveryKind) {
  const Value expected = Value::FromObject(
      {{"n", Value()},
       {"t", Value::Bool(true)},
       {"u", Value::Uint(7)},
       {"i", Value::Int(-7)},
       {"d", Value::Double(1.5)},
       {"s", Value::String("x")},
       {"l", Value::FromList({Value::Uint(1), Value::FromObject({}), Value::FromList({})})}});
  EXPECT_EQ(Parse(R"({"n":null,"t":true,"u":7,"i":-7,"d":1.5,"s":"x","l":[1,{},[]]})"), expected);
}

TEST(Json, IntegersKeepTheir64Bits) {
  EXPECT_EQ(Parse("18446744073709551615"), Value::Uint(std::numeric_limits<uint64_t>::max()));
  EXPECT_EQ(Parse("9007199254740993"), Value::Uint(9007199254740993));
  EXPECT_EQ(Parse("-9223372036854775808"), Value::Int(std::numeric_limits<int64_t>::min()));
  EXPECT_EQ(Parse("-0"), Value::Uint(0));
  EXPECT_THAT(Error("18446744073709551616"), HasSubstr("does not fit in 64 bits"));
  EXPECT_THAT(Error("-9223372036854775809"), HasSubstr("does not fit in 64 bits"));
  EXPECT_THAT(Error(R"({"a":[0,{"b":99999999999999999999}]})"), StartsWith("top.a.1.b: "));
}

TEST(Json, AMemberGivenTwiceIsAnError) {
  EXPECT_THAT(Error(R"({"a":{"b":1,"b":2}})"), StartsWith("top.a: the member 'b' given twice"));
  EXPECT_EQ(Error(R"({"a":{"b":1},"b":2})"), "no error");
}

TEST(Json, SaysWhereItIsWrong) {
  EXPECT_THAT(Error(R"({"a":1,})"), HasSubstr("(at byte 8)"));
  for (const char* text : {"", "{", "{}x", "{} {}", "[1,]", "{a:1}", "'a'", "01", "+1", "tru",
                           "\"a", "// c\n1", "1 /* c */", "NaN", "{\"a\" 1}", "\xEF\xBB"}) {
    EXPECT_THAT(Error(text), StartsWith("top: not valid JSON")) << text;
  }
}

TEST(Json, RefusesBadUtf8AndLoneSurrogates) {
  for (const char* text : {"\"\xFF\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\\ud800\"",
                           "\"a\nb\"", "{\"\xFF\":1}"}) {
    EXPECT_THAT(Error(text), HasSubstr("not valid JSON")) << text;
  }
  EXPECT_THAT(Error(std::string_view("\"a\0b\"", 5)), HasSubstr("not valid JSON"));
}

TEST(Json, MessagesHoldPrintableCharactersOnly) {
  for (const char* text : {"{\"\\u001b[2J\":1,\"\\u001b[2J\":2}", "\x1B", "{\"\x1B\":1}"}) {
    EXPECT_THAT(Error(text), Not(HasSubstr("\x1B"))) << text;
    EXPECT_THAT(Error(text), Not(testing::Eq("no error"))) << text;
  }
}

TEST(Json, EscapesGiveTheirBytes) {
  EXPECT_EQ(Parse(R"("\u00e9\n")"), Value::String("\xC3\xA9\n"));
  EXPECT_EQ(Parse(R"("a\u0000b")"), Value::String(std::string("a\0b", 3)));
}

TEST(Json, BoundsDepthMembersAndLength) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_EQ(Error(nested(kMaxConfigDepth)), "no error");
  EXPECT_THAT(Error(nested(kMaxConfigDepth + 1)), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(Error(std::string(500000, '[')), HasSubstr("nested deeper"));
  std::string deep_objects;
  for (int i = 0; i < 1000; ++i) deep_objects += "{\"a\":";
  EXPECT_THAT(Error(deep_objects), HasSubstr("nested deeper"));

  std::string list = "[0";
  for (size_t i = 1; i < kMaxConfigMembers; ++i) list += ",0";
  EXPECT_EQ(Error(list + "]"), "no error");
  EXPECT_THAT(Error(list + ",0]"), HasSubstr("too many members"));

  EXPECT_THAT(Error(std::string(kMaxConfigBytes + 1, ' ')), HasSubstr("longer than 1M"));
}

TEST(Json, KeepsPositions) {
  const Value value = Parse(R"({"a": 12, "b": true})");
  EXPECT_GE(value.Find("a")->position(), 8u);
  EXPECT_LE(value.Find("a")->position(), 9u);
  EXPECT_GT(value.Find("b")->position(), value.Find("a")->position());
}

}  // namespace
}  // namespace platter

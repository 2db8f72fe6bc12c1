// SPDX-License-Identifier: Apache-2.0

#include "config/keyval.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Value Text(std::string text) { return Value::FromText(std::move(text)); }
Value Object(Value::Object members) { return Value::FromObject(std::move(members)); }

Value Parse(std::string_view text) {
  const auto keyval = ParseKeyval(text, "top", "driver");
  EXPECT_TRUE(keyval.ok()) << keyval.status();
  return keyval.ok() ? keyval->options : Value();
}

std::string Error(std::string_view text, std::string_view implied = "driver") {
  const auto keyval = ParseKeyval(text, "top", implied);
  return keyval.ok() ? "no error" : MessageOf(keyval.status());
}

TEST(Keyval, DottedKeysMakeObjects) {
  EXPECT_EQ(Parse("a.b.c=1,a.d=2,e="),
            Object({{"a", Object({{"b", Object({{"c", Text("1")}})}, {"d", Text("2")}})},
                    {"e", Text("")}}));
  EXPECT_EQ(Parse(""), Object({}));
}

TEST(Keyval, IndicesMakeListsInAnyOrder) {
  EXPECT_EQ(Parse("a.1=y,a.0=x"), Object({{"a", Value::FromList({Text("x"), Text("y")})}}));
  EXPECT_EQ(Parse("a.0.b=x"), Object({{"a", Value::FromList({Object({{"b", Text("x")}})})}}));
  EXPECT_EQ(Parse("a.0.0=x"), Object({{"a", Value::FromList({Value::FromList({Text("x")})})}}));
  std::string eleven;
  for (int i = 10; i >= 0; --i) eleven += "a." + std::to_string(i) + "=v,";
  EXPECT_EQ(Parse(eleven).Find("a")->as_list().size(), 11u);
}

TEST(Keyval, TwoCommasAreOne) {
  EXPECT_EQ(Parse("f=a,,b,g=c"), Object({{"f", Text("a,b")}, {"g", Text("c")}}));
  EXPECT_EQ(Parse("f=,,"), Object({{"f", Text(",")}}));
  EXPECT_EQ(Parse("f=,,,,x"), Object({{"f", Text(",,x")}}));
  EXPECT_EQ(Parse("f=a,,,g=b"), Object({{"f", Text("a,")}, {"g", Text("b")}}));
  EXPECT_EQ(Parse("f=a=b=c"), Object({{"f", Text("a=b=c")}}));
}

TEST(Keyval, OneCommaMayEndTheText) { EXPECT_EQ(Parse("f=a,"), Object({{"f", Text("a")}})); }

TEST(Keyval, TheFirstOptionMayLackItsKey) {
  EXPECT_EQ(Parse("raw,a=1"), Object({{"driver", Text("raw")}, {"a", Text("1")}}));
  EXPECT_EQ(Parse("my,,raw"), Object({{"driver", Text("my,raw")}}));
  EXPECT_THAT(Error("a=1,raw"), HasSubstr("no '=' behind 'raw'"));
  EXPECT_THAT(Error("raw", ""), HasSubstr("no '=' behind 'raw'"));
  EXPECT_THAT(Error("raw,driver=raw"), StartsWith("top.driver: given twice"));
}

TEST(Keyval, HelpStandsAlone) {
  for (const char* text : {"help", "?", "raw,help", "a=1,?", "help,a=1"}) {
    const auto keyval = ParseKeyval(text, "top", "driver");
    ASSERT_TRUE(keyval.ok()) << text;
    EXPECT_TRUE(keyval->help) << text;
    EXPECT_EQ(keyval->options.Find("help"), nullptr) << text;
  }
  const auto value = ParseKeyval("driver=help", "top", "driver");
  ASSERT_TRUE(value.ok());
  EXPECT_FALSE(value->help);
}

TEST(Keyval, ValueAndMembersOfOneKeyConflict) {
  EXPECT_THAT(Error("a=1,a.b=2"), StartsWith("top.a: has a value of its own"));
  EXPECT_THAT(Error("a.b=2,a=1"), StartsWith("top.a: has members"));
  EXPECT_THAT(Error("x.a=1,x.a.b.c=2"), StartsWith("top.x.a: has a value of its own"));
  EXPECT_THAT(Error("a=1,b=2,a=3"), StartsWith("top.a: given twice (at byte 8)"));
  EXPECT_THAT(Error("a.0=1,a.b=2"), StartsWith("top.a: has both list indices and names"));
}

TEST(Keyval, ListsHaveNoGaps) {
  EXPECT_THAT(Error("a.1=x"), StartsWith("top.a.1: the list has 1 elements"));
  EXPECT_THAT(Error("a.0=x,a.18446744073709551615=y"), HasSubstr("without a gap"));
  EXPECT_THAT(Error("a.0=x,a.99999999999999999999999=y"), HasSubstr("without a gap"));
  EXPECT_THAT(Error("a.00=x"), HasSubstr("'a.00' is no option name: '00'"));
  EXPECT_THAT(Error("0=x"), HasSubstr("is no option name"));
}

TEST(Keyval, RefusesBadNames) {
  EXPECT_THAT(Error("=x"), HasSubstr("an option without a name"));
  EXPECT_THAT(Error("a=1,,=x,=y"), HasSubstr("an option without a name"));
  for (const char* key : {".a", "a.", "a..b", "-a", "a b", "a:b", "\xC3\xA9", "1a", "a.1a", "_a"}) {
    EXPECT_THAT(Error(std::string(key) + "=1"), HasSubstr("is no option name")) << key;
  }
  EXPECT_THAT(Error(std::string(128, 'a') + "=1"), HasSubstr("is no option name"));
  EXPECT_THAT(Error("a=1,,,,b"), testing::Eq("no error"));
  EXPECT_THAT(Error(","), HasSubstr("an empty option"));
  EXPECT_THAT(Error("a=1,b,c=1"), HasSubstr("no '=' behind 'b'"));
}

TEST(Keyval, RefusesNulAndBadUtf8) {
  EXPECT_THAT(Error(std::string_view("a=1\0,b=2", 8)), HasSubstr("a NUL byte (at byte 3)"));
  EXPECT_THAT(Error("a=\xFF"), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(Error("a=\xED\xA0\x80"), HasSubstr("not valid UTF-8"));
}

TEST(Keyval, MessagesHoldPrintableCharactersOnly) {
  for (const char* text : {"a=1,\x1B[2J", "\x1B[2J=1", "a.\x1B=1", "a=1,a=\x1B"}) {
    EXPECT_THAT(Error(text), testing::Not(HasSubstr("\x1B")));
    EXPECT_NE(Error(text), "no error");
  }
}

TEST(Keyval, BoundsDepthMembersAndLength) {
  std::string deep = "a";
  for (int i = 1; i < kMaxConfigDepth; ++i) deep += ".a";
  EXPECT_EQ(Error(deep + "=1"), "no error");
  EXPECT_THAT(Error(deep + ".a=1"), HasSubstr("nested deeper than 64"));
  std::string deepest = "a";
  for (int i = 0; i < 500000; ++i) deepest += ".a";
  EXPECT_THAT(Error(deepest + "=1"), HasSubstr("nested deeper"));

  std::string wide;
  for (size_t i = 0; i < kMaxConfigMembers; ++i) wide += "a" + std::to_string(i) + "=1,";
  EXPECT_EQ(Error(wide), "no error");
  EXPECT_THAT(Error(wide + "b=1"), HasSubstr("more than 4096 members"));

  EXPECT_EQ(Error("a=" + std::string(kMaxConfigBytes - 2, 'x')), "no error");
  EXPECT_THAT(Error("a=" + std::string(kMaxConfigBytes - 1, 'x')), HasSubstr("longer than 1M"));
}

TEST(Keyval, KeepsPositions) {
  const Value value = Parse("raw,abc=1,d.e=2");
  EXPECT_EQ(value.Find("driver")->position(), 0u);
  EXPECT_EQ(value.Find("abc")->position(), 4u);
  EXPECT_EQ(value.Find("d")->Find("e")->position(), 10u);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "config/json_writer.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

#include "config/json.h"

namespace platter {
namespace {

TEST(JsonWriterTest, WritesEveryKindOnOneLine) {
  const Value value = Value::FromObject({{"null", Value()},
                                         {"bool", Value::Bool(true)},
                                         {"negative", Value::Int(-5)},
                                         {"large", Value::Uint(~uint64_t{0})},
                                         {"double", Value::Double(2.5)},
                                         {"string", Value::String("a\"b\\c\n")},
                                         {"text", Value::FromText("1M")},
                                         {"list", Value::FromList({Value::Uint(1), Value()})},
                                         {"none", Value::FromObject({})}});
  EXPECT_EQ(
      FormatJson(value),
      R"({"null": null, "bool": true, "negative": -5, "large": 18446744073709551615, )"
      R"("double": 2.5, "string": "a\"b\\c\n", "text": "1M", "list": [1, null], "none": {}})");
}

TEST(JsonWriterTest, TheTextIsTheSameTreeAgain) {
  const std::string text =
      R"({"a": [1, -2, 2.5, [], {}], "\u00e9\ud83d\ude00": "\u0000x", "n": {"m": false}})";
  const absl::StatusOr<Value> value = ParseJson(text, "test");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(FormatJson(*value), text);
}

TEST(JsonWriterTest, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_EQ(FormatJson(Value::String("a\xff")), R"("a\ufffd")");
  EXPECT_EQ(FormatJson(Value::Double(std::numeric_limits<double>::infinity())), "null");
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "config/value.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(Value, IsNullToBeginWith) { EXPECT_TRUE(Value().is_null()); }

TEST(Value, KeepsKindsApart) {
  EXPECT_FALSE(Value::String("on") == Value::FromText("on"));
  EXPECT_FALSE(Value::Uint(1) == Value::Bool(true));
  EXPECT_TRUE(Value::Uint(1) == Value::Uint(1));
}

TEST(Value, FindsMembersByName) {
  const Value object = Value::FromObject({{"a", Value::Uint(1)}, {"b", Value::Bool(true)}});
  ASSERT_NE(object.Find("b"), nullptr);
  EXPECT_TRUE(object.Find("b")->as_bool());
  EXPECT_EQ(object.Find("c"), nullptr);
  EXPECT_EQ(Value::Uint(1).Find("a"), nullptr);
}

TEST(Value, PositionsDoNotCountInComparisons) {
  Value at_seven = Value::Uint(1);
  at_seven.at(7);
  EXPECT_EQ(at_seven.position(), 7u);
  EXPECT_EQ(Value::Uint(1).position(), Value::kNoPosition);
  EXPECT_TRUE(at_seven == Value::Uint(1));
}

TEST(Value, DescribesItselfForMessages) {
  EXPECT_EQ(Value().Describe(), "null");
  EXPECT_EQ(Value::Bool(false).Describe(), "false");
  EXPECT_EQ(Value::Int(-3).Describe(), "-3");
  EXPECT_EQ(Value::Uint(3).Describe(), "3");
  EXPECT_EQ(Value::Double(1.5).Describe(), "a number with a fraction or exponent");
  EXPECT_EQ(Value::String("x").Describe(), "the string 'x'");
  EXPECT_EQ(Value::FromText("x").Describe(), "'x'");
  EXPECT_EQ(Value::FromList({}).Describe(), "a list");
  EXPECT_EQ(Value::FromObject({}).Describe(), "an object");
}

}  // namespace
}  // namespace platter

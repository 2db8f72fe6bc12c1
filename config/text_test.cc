// SPDX-License-Identifier: Apache-2.0

#include "config/text.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "config/proto/blockdev.pb.h"
#include "config/value.h"

namespace platter {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Error(std::string_view text) {
  config::BlockdevOptions node;
  const absl::Status status = ParseText(text, "top", &node);
  return status.ok() ? "no error" : MessageOf(status);
}

TEST(Text, FillsTheMessage) {
  config::BlockdevOptions node;
  ASSERT_TRUE(ParseText("node_name: 'n' null_co { size: 4096 }", "top", &node).ok());
  EXPECT_EQ(node.node_name(), "n");
  EXPECT_EQ(node.null_co().size(), 4096u);
}

TEST(Text, SaysWhereItIsWrong) {
  EXPECT_THAT(Error("node_name: 'n'\n  nul_co {}"), StartsWith("top: line 2, column "));
  EXPECT_THAT(Error("node_name: 'a' node_name: 'b'"), HasSubstr("node_name"));
  EXPECT_THAT(Error("null_co {} memory {}"), StartsWith("top: line 1"));
  EXPECT_THAT(Error("null_co { size: 99999999999999999999 }"), StartsWith("top: line 1"));
  EXPECT_THAT(Error("null_co { size: -1 }"), StartsWith("top: line 1"));
  EXPECT_THAT(Error("null_co {"), StartsWith("top: line 1"));
  EXPECT_THAT(Error("discard: DISCARD_NONE"), HasSubstr("DISCARD_NONE"));
}

TEST(Text, BoundsDepthAndLengthAndRefusesBadBytes) {
  std::string deep;
  for (int i = 0; i < 30000; ++i) deep += "raw { file { definition {";
  EXPECT_THAT(Error(deep), HasSubstr("deep"));
  EXPECT_THAT(Error(std::string(kMaxConfigBytes + 1, ' ')), HasSubstr("longer than 1M"));
  EXPECT_THAT(Error(std::string_view("node_name: 'a\0'", 15)), HasSubstr("NUL"));
  EXPECT_THAT(Error("node_name: '\xFF'"), HasSubstr("not valid UTF-8"));
}

}  // namespace
}  // namespace platter

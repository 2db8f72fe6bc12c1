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
using ::testing::Not;
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
  EXPECT_THAT(Error("node_name: 'a' node_name: 'b'"), HasSubstr("node_name"));
  EXPECT_THAT(Error("null_co {} memory {}"), StartsWith("top: line 1"));
  EXPECT_THAT(Error("null_co { size: 99999999999999999999 }"), StartsWith("top.size: line 1"));
  EXPECT_THAT(Error("null_co {"), StartsWith("top: line 1"));
  EXPECT_THAT(Error("discard: DISCARD_NONE"), HasSubstr("DISCARD_NONE"));
}

TEST(Text, AnUnknownFieldHasItsPathAndASuggestion) {
  EXPECT_EQ(Error("node_name: 'n'\n  nul_co {}"),
            "top.nul_co: line 2, column 3: unknown option; did you mean 'null_co'?");
  EXPECT_EQ(Error("raw { file { definition { cache { dirct: true } } } }"),
            "top.file.cache.dirct: line 1, column 35: unknown option; did you mean 'direct'?");
  EXPECT_EQ(
      Error("blkdebug { inject_error { event: BLKDEBUG_EVENT_NONE }\n inject_error { evnt: 1 } }"),
      "top.inject-error.1.evnt: line 2, column 17: unknown option; did you mean 'event'?");
  EXPECT_EQ(Error("cache { zzzzzz: 1 }"),
            "top.cache.zzzzzz: line 1, column 9: unknown option; there are direct, no_flush");
}

TEST(Text, ANameOfTheOtherSyntaxesLeadsToTheOneOfThis) {
  EXPECT_EQ(Error("node-name: 'n'"),
            "top.node-name: line 1, column 1: unknown option; did you mean 'node_name'?");
  EXPECT_EQ(Error("null-co {}"),
            "top.null-co: line 1, column 1: unknown option; did you mean 'null_co'?");
  EXPECT_EQ(Error("discard: unmap"),
            "top.discard: line 1, column 10: takes DISCARD_IGNORE or DISCARD_UNMAP, not 'unmap'; "
            "did you mean 'DISCARD_UNMAP'?");
}

TEST(Text, AnOptionBesideItsDriverIsSaidToBelongInside) {
  EXPECT_EQ(Error("filename: 'x' file {}"),
            "top.filename: line 1, column 1: unknown option here; it is one of 'file'");
}

TEST(Text, AnUnknownChoiceHasItsPathAndASuggestion) {
  EXPECT_EQ(Error("node_name: 'a'\ndiscard: DISCARD_UNMAPP null_co {}"),
            "top.discard: line 2, column 10: takes DISCARD_IGNORE or DISCARD_UNMAP, not "
            "'DISCARD_UNMAPP'; did you mean 'DISCARD_UNMAP'?");
  EXPECT_EQ(Error("blkdebug { inject_error [{ event: BLKDEBUG_EVENT_RAED_AIO }] }"),
            "top.inject-error.0.event: line 1, column 35: takes BLKDEBUG_EVENT_NONE, "
            "BLKDEBUG_EVENT_READ_AIO, BLKDEBUG_EVENT_WRITE_AIO, BLKDEBUG_EVENT_FLUSH_TO_OS, "
            "BLKDEBUG_EVENT_FLUSH_TO_DISK, BLKDEBUG_EVENT_PWRITEV, BLKDEBUG_EVENT_PWRITEV_ZERO or "
            "BLKDEBUG_EVENT_PWRITEV_DONE, not 'BLKDEBUG_EVENT_RAED_AIO'; did you mean "
            "'BLKDEBUG_EVENT_READ_AIO'?");
}

TEST(Text, OtherErrorsHaveThePathOfWhatTheyAreAbout) {
  EXPECT_THAT(Error("null_co { size: -1 }"), StartsWith("top.size: line 1, column 17: "));
  EXPECT_THAT(Error("cache { direct: maybe }"),
              StartsWith("top.cache.direct: line 1, column 23: "));
  EXPECT_THAT(Error("cache { direct: true ; ; }"), StartsWith("top.cache: line 1, column 24: "));
  EXPECT_THAT(Error("[platter.config.none]: 1"), StartsWith("top: line 1, column "));
}

TEST(Text, ShowsNoControlByteOfTheText) {
  EXPECT_THAT(Error("node_name: \x1B[2J"), Not(HasSubstr("\x1B")));
  EXPECT_THAT(Error("cache { \x01: 1 }"), Not(HasSubstr("\x01")));
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

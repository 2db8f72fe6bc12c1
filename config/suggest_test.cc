// SPDX-License-Identifier: Apache-2.0

#include "config/suggest.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(EditDistance, CountsTheFourKindsOfSlips) {
  EXPECT_EQ(EditDistance("direct", "direct"), 0u);
  EXPECT_EQ(EditDistance("dirct", "direct"), 1u);
  EXPECT_EQ(EditDistance("directt", "direct"), 1u);
  EXPECT_EQ(EditDistance("dirett", "direct"), 1u);
  EXPECT_EQ(EditDistance("driect", "direct"), 1u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

TEST(Nearest, TakesTheClosestNameAndTheFirstOfEquals) {
  EXPECT_EQ(Nearest("raed", {"size", "read", "reed"}), "read");
  EXPECT_EQ(Nearest("rezd", {"size", "read", "reed"}), "read");
}

TEST(Nearest, CountsUnderscoresAndCapitalsAsEqual) {
  EXPECT_EQ(Nearest("Logical-Block-Size", {"logical_block_size"}), "logical_block_size");
}

TEST(Nearest, TakesTheShortestNameThatTheTextIsAPartOf) {
  EXPECT_EQ(Nearest("uring", {"threads", "native", "io_uring"}), "io_uring");
  EXPECT_EQ(Nearest("QUEUE", {"queue-size-of-all", "queue-size"}), "queue-size");
  EXPECT_EQ(Nearest("opt_w", {"opt-write-zero"}), "opt-write-zero");
}

TEST(Nearest, PrefersASlipToAPart) { EXPECT_EQ(Nearest("siz", {"siz-of-all", "size"}), "size"); }

TEST(Nearest, APartOfTwoLettersIsNone) {
  EXPECT_EQ(Nearest("ri", {"io-uring"}), "");
  EXPECT_EQ(Nearest("io", {"iothread"}), "");
}

TEST(Nearest, IsSilentWhereNothingIsNear) {
  EXPECT_EQ(Nearest("banana", {"size", "offset"}), "");
  EXPECT_EQ(Nearest("x", {"y"}), "");
  EXPECT_EQ(Nearest("", {"a"}), "");
  EXPECT_EQ(Nearest(std::string(100000, 'a'), {"a"}), "");
}

TEST(DidYouMean, IsAClauseOrNothing) {
  EXPECT_EQ(DidYouMean("sise", {"size"}), "; did you mean 'size'?");
  EXPECT_EQ(DidYouMean("banana", {"size"}), "");
  EXPECT_EQ(DidYouMean("banana", {"size"}, " (help lists them)"), " (help lists them)");
  EXPECT_EQ(DidYouMean("sise", {"size"}, " (help lists them)"), "; did you mean 'size'?");
}

TEST(ThereAre, IsAList) {
  EXPECT_EQ(ThereAre({}), "; there are none");
  EXPECT_EQ(ThereAre({"a"}), "; there are a");
  EXPECT_EQ(ThereAre({"a", "b"}), "; there are a, b");
}

}  // namespace
}  // namespace platter

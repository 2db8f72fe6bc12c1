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

TEST(Nearest, IsSilentWhereNothingIsNear) {
  EXPECT_EQ(Nearest("banana", {"size", "offset"}), "");
  EXPECT_EQ(Nearest("x", {"y"}), "");
  EXPECT_EQ(Nearest("", {"a"}), "");
  EXPECT_EQ(Nearest(std::string(100000, 'a'), {"a"}), "");
}

TEST(DidYouMean, IsAClauseOrNothing) {
  EXPECT_EQ(DidYouMean("sise", {"size"}), "; did you mean 'size'?");
  EXPECT_EQ(DidYouMean("banana", {"size"}), "");
}

}  // namespace
}  // namespace platter

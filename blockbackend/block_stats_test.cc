// SPDX-License-Identifier: Apache-2.0

#include "blockbackend/block_stats.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(BlockStatsTest, BoundariesAreAboveZeroAndAscend) {
  EXPECT_TRUE(AreHistogramBoundaries({}));
  EXPECT_TRUE(AreHistogramBoundaries({1}));
  EXPECT_TRUE(AreHistogramBoundaries({1, 2, UINT64_MAX}));
  EXPECT_FALSE(AreHistogramBoundaries({0}));
  EXPECT_FALSE(AreHistogramBoundaries({0, 1}));
  EXPECT_FALSE(AreHistogramBoundaries({2, 2}));
  EXPECT_FALSE(AreHistogramBoundaries({1, 3, 2}));
}

}  // namespace
}  // namespace platter

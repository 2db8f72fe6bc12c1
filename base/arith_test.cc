// SPDX-License-Identifier: Apache-2.0
#include "base/arith.h"

#include <limits>

#include "gtest/gtest.h"

namespace platter {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

TEST(ArithTest, CheckedOperationsRefuseWhatDoesNotFit) {
  EXPECT_EQ(CheckedAdd(kMax - 1, 1), kMax);
  EXPECT_EQ(CheckedAdd(kMax, 1), std::nullopt);
  EXPECT_EQ(CheckedMul(kMax / 512, 512), kMax - 511);
  EXPECT_EQ(CheckedMul(kMax / 512 + 1, 512), std::nullopt);
}

TEST(ArithTest, RangeFitsAtTheEdges) {
  EXPECT_TRUE(RangeFits(0, 10, 10));
  EXPECT_TRUE(RangeFits(10, 0, 10));
  EXPECT_FALSE(RangeFits(10, 1, 10));
  EXPECT_FALSE(RangeFits(11, 0, 10));
  EXPECT_FALSE(RangeFits(kMax, 2, kMax));
  EXPECT_FALSE(RangeFits(1, kMax, kMax));
}

TEST(ArithTest, Rounding) {
  EXPECT_EQ(AlignDown(4097, 4096), 4096u);
  EXPECT_EQ(AlignUp(4097, 4096), 8192u);
  EXPECT_EQ(AlignUp(4096, 4096), 4096u);
  EXPECT_TRUE(IsAligned(8192, 4096));
  EXPECT_FALSE(IsAligned(512, 4096));
  EXPECT_FALSE(IsPowerOfTwo(0));
  EXPECT_TRUE(IsPowerOfTwo(1));
}

}  // namespace
}  // namespace platter

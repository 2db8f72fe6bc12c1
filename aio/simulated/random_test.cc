// SPDX-License-Identifier: Apache-2.0

#include "aio/simulated/random.h"

#include <array>

#include "gtest/gtest.h"

namespace platter {
namespace {

// The first numbers of SplitMix64 from 0, worked out from the definition with other tools: a seed
// in an old log must give the same run for ever.
TEST(SimulatedRandom, ASeedGivesTheSameNumbersForEver) {
  SimulatedRandom random(0);
  EXPECT_EQ(random.Next(), 0xe220a8397b1dcdafu);
  EXPECT_EQ(random.Next(), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(random.Next(), 0x06c45d188009454fu);
}

TEST(SimulatedRandom, AnotherSeedGivesOtherNumbers) {
  EXPECT_NE(SimulatedRandom(1).Next(), SimulatedRandom(2).Next());
}

TEST(SimulatedRandom, BelowGivesEveryNumberBelowTheBoundAndNoOther) {
  SimulatedRandom random(1);
  std::array<int, 5> found = {};
  for (int i = 0; i < 1000; ++i) {
    const uint64_t number = random.Below(found.size());
    ASSERT_LT(number, found.size());
    ++found[number];
  }
  for (const int count : found) EXPECT_GT(count, 100);
}

TEST(SimulatedRandom, PercentKeepsItsEndsExactly) {
  SimulatedRandom random(1);
  int half = 0;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(random.Percent(0));
    EXPECT_TRUE(random.Percent(100));
    half += random.Percent(50) ? 1 : 0;
  }
  EXPECT_GT(half, 400);
  EXPECT_LT(half, 600);
}

// A scenario that turns a fault off draws the same other numbers as before.
TEST(SimulatedRandom, ZeroPercentDrawsNoNumber) {
  SimulatedRandom with(1);
  SimulatedRandom without(1);
  EXPECT_FALSE(with.Percent(0));
  EXPECT_EQ(with.Next(), without.Next());
}

}  // namespace
}  // namespace platter

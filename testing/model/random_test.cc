// SPDX-License-Identifier: Apache-2.0

#include "testing/model/random.h"

#include <set>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(RandomTest, SameSeedSameNumbers) {
  Random a(7);
  Random b(7);
  Random c(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.Next();
    EXPECT_EQ(value, b.Next());
    differs |= value != c.Next();
  }
  EXPECT_TRUE(differs);
}

TEST(RandomTest, RangesAreFilledAndKept) {
  Random random(1);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Between(10, 13));
  EXPECT_EQ(seen, (std::set<uint64_t>{10, 11, 12, 13}));
  EXPECT_EQ(random.Below(0), 0u);
  EXPECT_EQ(random.Below(1), 0u);
  EXPECT_FALSE(random.OneIn(0));
  EXPECT_TRUE(random.OneIn(1));
}

}  // namespace
}  // namespace platter

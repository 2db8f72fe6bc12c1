// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_smart.h"

#include <numeric>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(AtaSmartTest, SumsAreZeroAndValuesAboveTheirThresholds) {
  const auto data = MakeSmartData();
  const auto thresholds = MakeSmartThresholds();
  EXPECT_EQ(std::accumulate(data.begin(), data.end(), 0u) % 256, 0u);
  EXPECT_EQ(std::accumulate(thresholds.begin(), thresholds.end(), 0u) % 256, 0u);
  int attributes = 0;
  for (unsigned at = 2; at < 362; at += 12) {
    EXPECT_EQ(data[at], thresholds[at]) << "the same attribute";
    if (data[at] == 0) continue;
    ++attributes;
    EXPECT_GT(data[at + 3], thresholds[at + 1]);
  }
  EXPECT_EQ(attributes, 3);
}

}  // namespace
}  // namespace platter

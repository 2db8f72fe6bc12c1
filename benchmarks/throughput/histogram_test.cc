// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/histogram.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(LatencyHistogramTest, EmptyGivesZero) { EXPECT_EQ(LatencyHistogram().Percentile(0.99), 0u); }

TEST(LatencyHistogramTest, PercentilesAreWithinOneThirtySecond) {
  LatencyHistogram histogram;
  for (uint64_t ns = 1; ns <= 100000; ++ns) histogram.Record(ns);
  EXPECT_EQ(histogram.total(), 100000u);
  for (const double fraction : {0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double exact = fraction * 100000;
    const auto found = static_cast<double>(histogram.Percentile(fraction));
    EXPECT_GE(found, exact - 1) << fraction;
    EXPECT_LE(found, exact * 33 / 32 + 1) << fraction;
  }
}

TEST(LatencyHistogramTest, SmallValuesAreExact) {
  LatencyHistogram histogram;
  histogram.Record(3);
  histogram.Record(31);
  EXPECT_EQ(histogram.Percentile(0.5), 3u);
  EXPECT_EQ(histogram.Percentile(1.0), 31u);
}

TEST(LatencyHistogramTest, HugeValuesStayInTheLastBucket) {
  LatencyHistogram histogram;
  histogram.Record(UINT64_MAX);
  EXPECT_EQ(histogram.total(), 1u);
  EXPECT_GT(histogram.Percentile(1.0), uint64_t{1} << 42);
}

TEST(LatencyHistogramTest, AddMerges) {
  LatencyHistogram a;
  LatencyHistogram b;
  a.Record(10);
  b.Record(20);
  a.Add(b);
  EXPECT_EQ(a.total(), 2u);
  EXPECT_EQ(a.Percentile(1.0), 20u);
}

}  // namespace
}  // namespace platter

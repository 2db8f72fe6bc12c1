// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/timed_stats.h"

#include <chrono>
#include <cstdint>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace platter {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(OwnedCounter, AddsUp) {
  OwnedCounter counter;
  EXPECT_EQ(counter.value(), 0u);
  counter.Add(3);
  counter.Add(uint64_t{1} << 40);
  EXPECT_EQ(counter.value(), (uint64_t{1} << 40) + 3);
  counter.Set(7);
  EXPECT_EQ(counter.value(), 7u);
}

// One interval of 10 s.
class TimedStatsTest : public ::testing::Test {
 protected:
  BlockIntervalStats At(Instant now) const {
    StatsSum sum;
    stats_.AddTo(sum);
    return IntervalOf(sum.slots[0], plan_.half_intervals_ns[0], now);
  }

  StatsPlan plan_{{.intervals = {10s}}};
  TimedStats stats_{plan_};
};

TEST_F(TimedStatsTest, MinimumMaximumAndAverageOfTheInterval) {
  stats_.Count(StatsKind::kRead, 100, Instant{101s});
  stats_.Count(StatsKind::kRead, 300, Instant{102s});
  stats_.Count(StatsKind::kRead, 200, Instant{106s});  // The next slot.
  stats_.Count(StatsKind::kWrite, 7, Instant{106s});
  const BlockIntervalStats stats = At(Instant{107s});
  EXPECT_EQ(stats.interval_ns, 10'000'000'000u);
  EXPECT_EQ(stats.read.operations, 3u);
  EXPECT_EQ(stats.read.min_ns, 100u);
  EXPECT_EQ(stats.read.max_ns, 300u);
  EXPECT_EQ(stats.read.avg_ns, 200u);
  EXPECT_EQ(stats.write.operations, 1u);
  EXPECT_EQ(stats.write.min_ns, 7u);
  EXPECT_EQ(stats.flush.operations, 0u);
}

TEST_F(TimedStatsTest, WhatIsOlderIsForgotten) {
  stats_.Count(StatsKind::kFlush, 100, Instant{101s});
  EXPECT_EQ(At(Instant{109s}).flush.operations, 1u);
  EXPECT_EQ(At(Instant{110s}).flush.operations, 0u) << "also when nothing came since";
  stats_.Count(StatsKind::kFlush, 5, Instant{111s});
  EXPECT_EQ(At(Instant{111s}).flush.max_ns, 5u);
}

TEST_F(TimedStatsTest, QueueDepthIsTimeUnderWayPerTime) {
  // Four requests of 3 s each that ended within the 7.5 s looked at.
  for (int i = 0; i < 4; ++i) stats_.Count(StatsKind::kRead, 3'000'000'000, Instant{101s});
  EXPECT_DOUBLE_EQ(At(Instant{107500ms}).read.avg_queue_depth, 12 / 7.5);
}

TEST_F(TimedStatsTest, ChannelsAddUpByTime) {
  TimedStats other(plan_);
  stats_.Count(StatsKind::kRead, 10, Instant{101s});
  other.Count(StatsKind::kRead, 30, Instant{101s});
  other.Count(StatsKind::kRead, 50, Instant{91s});  // The same place in the ring, long ago.
  StatsSum sum;
  other.AddTo(sum);
  stats_.AddTo(sum);
  BlockIntervalStats stats = IntervalOf(sum.slots[0], plan_.half_intervals_ns[0], Instant{102s});
  EXPECT_EQ(stats.read.operations, 1u) << "what is newer replaces what is older";
  EXPECT_EQ(stats.read.max_ns, 10u);
  other.Count(StatsKind::kRead, 30, Instant{102s});
  sum = {};
  stats_.AddTo(sum);
  other.AddTo(sum);
  stats = IntervalOf(sum.slots[0], plan_.half_intervals_ns[0], Instant{102s});
  EXPECT_EQ(stats.read.operations, 2u);
  EXPECT_EQ(stats.read.avg_ns, 20u);
}

TEST(TimedStats, SeveralIntervalsAreEachTheirOwn) {
  const StatsPlan plan{{.intervals = {2s, 100s}}};
  TimedStats stats(plan);
  stats.Count(StatsKind::kRead, 10, Instant{200s});
  stats.Count(StatsKind::kRead, 20, Instant{210s});
  StatsSum sum;
  stats.AddTo(sum);
  EXPECT_EQ(IntervalOf(sum.slots[0], plan.half_intervals_ns[0], Instant{210s}).read.operations, 1u);
  EXPECT_EQ(IntervalOf(sum.slots[1], plan.half_intervals_ns[1], Instant{210s}).read.operations, 2u);
}

TEST(TimedStats, ABinBeginsAtItsBoundary) {
  StatsPlan plan{BlockStatsOptions{}};
  EXPECT_FALSE(plan.exact());
  plan.SetBoundaries(StatsKind::kWrite, {10, 50, 100});
  EXPECT_TRUE(plan.exact());
  TimedStats stats(plan);
  for (const uint64_t time_ns : {0, 9, 10, 49, 50, 99, 100, 1'000'000}) {
    stats.Count(StatsKind::kWrite, time_ns, Instant{1s});
    stats.Count(StatsKind::kRead, time_ns, Instant{1s});
  }
  StatsSum sum;
  stats.AddTo(sum);
  EXPECT_THAT(sum.bins[static_cast<size_t>(StatsKind::kWrite)], ElementsAre(2, 2, 2, 2));
  EXPECT_THAT(sum.bins[static_cast<size_t>(StatsKind::kRead)], IsEmpty());
  plan.SetBoundaries(StatsKind::kWrite, {});
  stats.ResetBins(StatsKind::kWrite);
  EXPECT_FALSE(plan.exact());
}

}  // namespace
}  // namespace platter

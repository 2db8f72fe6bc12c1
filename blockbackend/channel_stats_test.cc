// SPDX-License-Identifier: Apache-2.0

#include "blockbackend/channel_stats.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

using namespace std::chrono_literals;

const StatsPlan kPlan{BlockStatsOptions{}};

// The six numbers of an operation in a row: operations, bytes, failed, invalid, merged,
// nanoseconds.
void ExpectOperation(const BlockStats::Operation& found, std::array<uint64_t, 6> expected) {
  EXPECT_EQ(found.operations, expected[0]);
  EXPECT_EQ(found.bytes, expected[1]);
  EXPECT_EQ(found.failed, expected[2]);
  EXPECT_EQ(found.invalid, expected[3]);
  EXPECT_EQ(found.merged, expected[4]);
  EXPECT_EQ(found.total_time_ns, expected[5]);
}

BlockStats TotalsOf(const ChannelStats& stats) {
  StatsSum sum;
  stats.AddTo(sum);
  return sum.totals;
}

TEST(ChannelStats, CountsEachOperationInItsOwnPlace) {
  ChannelStats stats(kPlan);
  stats.CountDone(IoOp::kRead, 1, 10ns);
  stats.CountDone(IoOp::kWrite, 2, 20ns);
  stats.CountDone(IoOp::kFlush, 0, 30ns);
  stats.CountDone(IoOp::kDiscard, 4, 40ns);
  const BlockStats sum = TotalsOf(stats);
  ExpectOperation(sum.read, {1, 1, 0, 0, 0, 10});
  ExpectOperation(sum.write, {1, 2, 0, 0, 0, 20});
  ExpectOperation(sum.flush, {1, 0, 0, 0, 0, 30});
  ExpectOperation(sum.unmap, {1, 4, 0, 0, 0, 40});
}

TEST(ChannelStats, TheHighestWriteOfAllChannelsIsKept) {
  ChannelStats one(kPlan);
  ChannelStats two(kPlan);
  EXPECT_EQ(TotalsOf(one).highest_write_end, 0u);
  one.CountWriteEnd(8192);
  one.CountWriteEnd(4096);
  two.CountWriteEnd(12288);
  EXPECT_EQ(TotalsOf(one).highest_write_end, 8192u);
  StatsSum sum;
  two.AddTo(sum);
  one.AddTo(sum);
  EXPECT_EQ(sum.totals.highest_write_end, 12288u);
}

TEST(ChannelStats, ZeroesAreWrites) {
  ChannelStats stats(kPlan);
  stats.CountDone(IoOp::kWriteZeroes, 4096, 5ns);
  const BlockStats sum = TotalsOf(stats);
  ExpectOperation(sum.write, {1, 4096, 0, 0, 0, 5});
  ExpectOperation(sum.unmap, {0, 0, 0, 0, 0, 0});
}

TEST(ChannelStats, AFailedRequestTookTimeAndMovedNothing) {
  ChannelStats stats(kPlan);
  stats.CountFailed(IoOp::kRead, 7ns);
  ExpectOperation(TotalsOf(stats).read, {0, 0, 1, 0, 0, 7});
}

TEST(ChannelStats, AnInvalidRequestIsOnlyCounted) {
  ChannelStats stats(kPlan);
  stats.CountInvalid(IoOp::kWrite);
  stats.CountInvalid(IoOp::kWrite);
  ExpectOperation(TotalsOf(stats).write, {0, 0, 0, 2, 0, 0});
}

TEST(ChannelStats, MergedOnesAreCountedBesideTheOneThatTheyWentIn) {
  ChannelStats stats(kPlan);
  stats.CountMerged(IoOp::kWrite, 3);
  stats.CountDone(IoOp::kWrite, 4 * 512, 5ns);
  ExpectOperation(TotalsOf(stats).write, {1, 2048, 0, 0, 3, 5});
}

TEST(ChannelStats, TheLatestAccessIsKept) {
  ChannelStats one(kPlan), two(kPlan);
  StatsSum sum;
  one.AddTo(sum);
  EXPECT_EQ(sum.last_access, kNeverAccessed);
  one.NoteAccess(Instant{20ns});
  two.NoteAccess(Instant{10ns});
  one.AddTo(sum);
  two.AddTo(sum);
  EXPECT_EQ(sum.last_access, Instant{20ns});
}

TEST(ChannelStats, FailedAndInvalidOnesMayBeNoAccesses) {
  ChannelStats counting(kPlan);
  EXPECT_TRUE(counting.CountFailed(IoOp::kRead, 7ns));
  EXPECT_TRUE(counting.CountInvalid(IoOp::kRead));
  const StatsPlan plan{{.account_failed = false, .account_invalid = false}};
  ChannelStats stats(plan);
  EXPECT_FALSE(stats.CountFailed(IoOp::kRead, 7ns));
  EXPECT_FALSE(stats.CountInvalid(IoOp::kRead));
  ExpectOperation(TotalsOf(stats).read, {0, 0, 1, 1, 0, 0});
}

TEST(ChannelStats, TimesAreAskedForByIntervalsAndHistograms) {
  EXPECT_FALSE(ChannelStats(kPlan).counts_times());
  const StatsPlan intervals{{.intervals = {1s}}};
  EXPECT_TRUE(ChannelStats(intervals).counts_times());
  EXPECT_FALSE(ChannelStats(intervals).exact());
  StatsPlan histogram{BlockStatsOptions{}};
  ChannelStats stats(histogram);
  histogram.SetBoundaries(StatsKind::kRead, {10});
  stats.ResetBins(StatsKind::kRead);
  EXPECT_TRUE(stats.counts_times() && stats.exact());
  stats.CountTimes(IoOp::kRead, 10ns, Instant{1s});
  stats.CountTimes(IoOp::kDiscard, 10ns, Instant{1s});  // Of no kind that has one.
  StatsSum sum;
  stats.AddTo(sum);
  EXPECT_EQ(sum.bins[0], (std::vector<uint64_t>{0, 1}));
}

TEST(ChannelStats, ChannelsAddUpInOneSum) {
  ChannelStats one(kPlan), two(kPlan);
  one.CountDone(IoOp::kRead, 512, 10ns);
  two.CountDone(IoOp::kRead, 1024, 5ns);
  two.CountFailed(IoOp::kRead, 1ns);
  StatsSum sum;
  one.AddTo(sum);
  two.AddTo(sum);
  ExpectOperation(sum.totals.read, {2, 1536, 1, 0, 0, 16});
}

}  // namespace
}  // namespace platter

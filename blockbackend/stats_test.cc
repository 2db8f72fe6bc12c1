// SPDX-License-Identifier: Apache-2.0
//
// Accounting: row 41. What the channels count is in channel_stats_test.cc and timed_stats_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <vector>

#include "aio/await.h"
#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

using Mode = HeldNode::Mode;
constexpr uint64_t kBlock = 512;

class StatsTest : public BackendFixture {
 public:
  // A request that takes `time` in the node.
  void Do(IoOp op, Duration time, IoResult result = 0) {
    node_->mode = Mode::kHold;
    io_.RefreshTime();
    Go(op, 0, op == IoOp::kFlush ? 0 : kBlock);
    world_.RunUntilIdle();
    Pass(time);
    node_->FinishAll(result);
    world_.RunUntilIdle();
  }
  void Pass(Duration time) {
    constexpr auto kSleep = [](Duration span) -> Task<void> { co_await SleepFor(span); };
    Await(kSleep(time));
  }
  absl::Status SetHistogram(StatsKind kind, std::vector<uint64_t> boundaries) {
    return Await(backend_->SetLatencyHistogram(kind, std::move(boundaries)));
  }
};

TEST_F(StatsTest, Row41_FailedInvalidAndUnmap) {
  MakeDisk(io_);
  Do(IoOp::kWrite, 10us);
  Do(IoOp::kWrite, 20us, -EIO);
  Do(IoOp::kDiscard, 1us);
  Go(IoOp::kRead, kLength, kBlock);  // Out of range.
  world_.RunUntilIdle();
  const BlockStats stats = backend_->Stats();
  EXPECT_EQ(stats.write.operations, 1u);
  EXPECT_EQ(stats.write.bytes, kBlock);
  EXPECT_EQ(stats.write.failed, 1u);
  EXPECT_EQ(stats.write.total_time_ns, 30'000u);
  EXPECT_EQ(stats.unmap.operations, 1u);
  EXPECT_EQ(stats.read.invalid, 1u);
  EXPECT_EQ(stats.read.operations, 0u);
}

TEST_F(StatsTest, Row41_IdleTimeIsSinceTheLastEnd) {
  MakeDisk(io_);
  EXPECT_FALSE(backend_->Stats().idle_time_ns.has_value()) << "there has been no request";
  Do(IoOp::kRead, 5us);
  Pass(1ms);
  ASSERT_TRUE(backend_->Stats().idle_time_ns.has_value());
  EXPECT_EQ(*backend_->Stats().idle_time_ns, 1'000'000u);
  channel_.reset();
  world_.RunUntilIdle();
  EXPECT_EQ(*backend_->Stats().idle_time_ns, 1'000'000u) << "a closed channel's counts, too";
}

TEST_F(StatsTest, Row41_FailedAndInvalidOnesEndAnIdleTimeIfTheyAreToCount) {
  for (const bool counts : {false, true}) {
    BackendOptions options;
    options.stats.account_failed = options.stats.account_invalid = counts;
    MakeDisk(io_, options);
    Do(IoOp::kRead, 5us, -EIO);
    EXPECT_EQ(backend_->Stats().read.total_time_ns, counts ? 5'000u : 0u);
    EXPECT_EQ(backend_->Stats().idle_time_ns.has_value(), counts);
    channel_.reset();
    world_.RunUntilIdle();
    backend_->Detach();
    backend_.reset();
    MakeDisk(io_, options);
    Go(IoOp::kRead, kLength, kBlock);
    world_.RunUntilIdle();
    EXPECT_EQ(backend_->Stats().read.invalid, 1u);
    EXPECT_EQ(backend_->Stats().idle_time_ns.has_value(), counts);
    channel_.reset();
    world_.RunUntilIdle();
    backend_->Detach();
    backend_.reset();
  }
}

TEST_F(StatsTest, Row41_QueueDepthIsWhatIsInFlight) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  for (uint64_t i = 0; i < 3; ++i) Go(IoOp::kRead, i * kBlock, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(backend_->Stats().queue_depth, 3u);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_EQ(backend_->Stats().queue_depth, 0u);
}

TEST_F(StatsTest, Row41_AveragesOverSeveralIntervals) {
  BackendOptions options;
  options.stats.intervals = {2s, 100s};
  MakeDisk(io_, options);
  Pass(1000s);
  Do(IoOp::kRead, 10us);
  Pass(10s);
  Do(IoOp::kRead, 30us);
  Do(IoOp::kWrite, 5us);
  const std::vector<BlockIntervalStats> intervals = backend_->IntervalStats();
  ASSERT_EQ(intervals.size(), 2u);
  EXPECT_EQ(intervals[0].interval_ns, 2'000'000'000u);
  EXPECT_EQ(intervals[0].read.operations, 1u);
  EXPECT_EQ(intervals[0].read.min_ns, 30'000u);
  EXPECT_EQ(intervals[1].read.operations, 2u);
  EXPECT_EQ(intervals[1].read.min_ns, 10'000u);
  EXPECT_EQ(intervals[1].read.max_ns, 30'000u);
  EXPECT_EQ(intervals[1].read.avg_ns, 20'000u);
  EXPECT_EQ(intervals[1].write.avg_ns, 5'000u);
  EXPECT_EQ(intervals[1].flush.operations, 0u);
  Pass(1000s);
  EXPECT_EQ(backend_->IntervalStats()[1].read.operations, 0u);
}

TEST_F(StatsTest, Row41_IntervalsOfTheOptionsAreChecked) {
  BackendOptions options;
  options.stats.intervals = {0s};
  EXPECT_EQ(registry_.Create("x", options).status().code(), absl::StatusCode::kInvalidArgument);
  options.stats.intervals.assign(kMaxStatsIntervals, 1s);
  EXPECT_TRUE(registry_.Create("x", options).ok());
  options.stats.intervals.push_back(1s);
  const absl::Status many = registry_.Create("x", options).status();
  EXPECT_EQ(many.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(MessageOf(many).find("'x'"), std::string::npos) << many;
}

TEST_F(StatsTest, Row41_HistogramsHaveTheBoundariesThatAUserSets) {
  MakeDisk(io_);
  EXPECT_FALSE(backend_->LatencyHistogram(StatsKind::kRead).has_value());
  ASSERT_TRUE(SetHistogram(StatsKind::kRead, {10'000, 50'000}).ok());
  ASSERT_TRUE(SetHistogram(StatsKind::kFlush, {1'000}).ok());
  for (const Duration time : {1us, 9us, 10us, 49us, 50us}) Do(IoOp::kRead, time);
  Do(IoOp::kFlush, 2us);
  Do(IoOp::kWrite, 2us);
  const auto reads = backend_->LatencyHistogram(StatsKind::kRead);
  ASSERT_TRUE(reads.has_value());
  EXPECT_THAT(reads->boundaries_ns, ElementsAre(10'000, 50'000));
  EXPECT_THAT(reads->bins, ElementsAre(2, 2, 1));
  EXPECT_THAT(backend_->LatencyHistogram(StatsKind::kFlush)->bins, ElementsAre(0, 1));
  EXPECT_FALSE(backend_->LatencyHistogram(StatsKind::kWrite).has_value());
  // A closed channel's counts stay; new boundaries begin from 0.
  channel_.reset();
  world_.RunUntilIdle();
  EXPECT_THAT(backend_->LatencyHistogram(StatsKind::kRead)->bins, ElementsAre(2, 2, 1));
  ASSERT_TRUE(SetHistogram(StatsKind::kRead, {5}).ok());
  EXPECT_THAT(backend_->LatencyHistogram(StatsKind::kRead)->bins, ElementsAre(0, 0));
  ASSERT_TRUE(SetHistogram(StatsKind::kRead, {}).ok());
  EXPECT_FALSE(backend_->LatencyHistogram(StatsKind::kRead).has_value());
}

TEST_F(StatsTest, Row41_BadBoundariesAreRefused) {
  MakeDisk(io_);
  for (const std::vector<uint64_t>& bad :
       {std::vector<uint64_t>{0}, {5, 5}, {5, 4}, {0, 1}, {1, 3, 2}}) {
    const absl::Status refused = SetHistogram(StatsKind::kRead, bad);
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(MessageOf(refused).find("'drive0'"), std::string::npos) << refused;
  }
  EXPECT_FALSE(backend_->LatencyHistogram(StatsKind::kRead).has_value());
}

// A batch has one time stamp; requests of a histogram have their own.
TEST_F(StatsTest, Row41_AHistogramIsOfExactTimes) {
  MakeDisk(control_);
  ASSERT_TRUE(SetHistogram(StatsKind::kRead, {1'000}).ok());
  world_.RunUntilIdle();  // The drain is over for the channel, too.
  client_.on_done = [this](TestRequest&, IoResult) {
    world_.clock().AdvanceTo(control_.Now() + 2us);
  };
  channel_->Plug();
  for (uint64_t i = 0; i < 3; ++i) Go(IoOp::kRead, i * kBlock, kBlock);
  channel_->Unplug();
  EXPECT_THAT(backend_->LatencyHistogram(StatsKind::kRead)->bins, ElementsAre(1, 2))
      << "what came later in the batch waited for what came before";
}

}  // namespace
}  // namespace platter

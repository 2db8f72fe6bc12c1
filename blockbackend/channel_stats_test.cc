// SPDX-License-Identifier: Apache-2.0

#include "blockbackend/channel_stats.h"

#include <array>
#include <chrono>
#include <cstdint>

#include "gtest/gtest.h"

namespace platter {
namespace {

using namespace std::chrono_literals;

// The five numbers of an operation in a row: operations, bytes, failed, invalid,
// nanoseconds.
void ExpectOperation(const BlockStats::Operation& found, std::array<uint64_t, 5> expected) {
  EXPECT_EQ(found.operations, expected[0]);
  EXPECT_EQ(found.bytes, expected[1]);
  EXPECT_EQ(found.failed, expected[2]);
  EXPECT_EQ(found.invalid, expected[3]);
  EXPECT_EQ(found.total_time_ns, expected[4]);
}

TEST(OwnedCounter, AddsUp) {
  OwnedCounter counter;
  EXPECT_EQ(counter.value(), 0u);
  counter.Add(3);
  counter.Add(uint64_t{1} << 40);
  EXPECT_EQ(counter.value(), (uint64_t{1} << 40) + 3);
}

TEST(ChannelStats, CountsEachOperationInItsOwnPlace) {
  ChannelStats stats;
  stats.CountDone(IoOp::kRead, 1, 10ns);
  stats.CountDone(IoOp::kWrite, 2, 20ns);
  stats.CountDone(IoOp::kFlush, 0, 30ns);
  stats.CountDone(IoOp::kDiscard, 4, 40ns);
  BlockStats sum;
  stats.AddTo(sum);
  ExpectOperation(sum.read, {1, 1, 0, 0, 10});
  ExpectOperation(sum.write, {1, 2, 0, 0, 20});
  ExpectOperation(sum.flush, {1, 0, 0, 0, 30});
  ExpectOperation(sum.unmap, {1, 4, 0, 0, 40});
}

TEST(ChannelStats, ZeroesAreWrites) {
  ChannelStats stats;
  stats.CountDone(IoOp::kWriteZeroes, 4096, 5ns);
  BlockStats sum;
  stats.AddTo(sum);
  ExpectOperation(sum.write, {1, 4096, 0, 0, 5});
  ExpectOperation(sum.unmap, {0, 0, 0, 0, 0});
}

TEST(ChannelStats, AFailedRequestTookTimeAndMovedNothing) {
  ChannelStats stats;
  stats.CountFailed(IoOp::kRead, 7ns);
  BlockStats sum;
  stats.AddTo(sum);
  ExpectOperation(sum.read, {0, 0, 1, 0, 7});
}

TEST(ChannelStats, AnInvalidRequestIsOnlyCounted) {
  ChannelStats stats;
  stats.CountInvalid(IoOp::kWrite);
  stats.CountInvalid(IoOp::kWrite);
  BlockStats sum;
  stats.AddTo(sum);
  ExpectOperation(sum.write, {0, 0, 0, 2, 0});
}

TEST(ChannelStats, ChannelsAddUpInOneSum) {
  ChannelStats one, two;
  one.CountDone(IoOp::kRead, 512, 10ns);
  two.CountDone(IoOp::kRead, 1024, 5ns);
  two.CountFailed(IoOp::kRead, 1ns);
  BlockStats sum;
  one.AddTo(sum);
  two.AddTo(sum);
  ExpectOperation(sum.read, {2, 1536, 1, 0, 16});
}

}  // namespace
}  // namespace platter

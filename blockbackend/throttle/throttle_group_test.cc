// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/throttle/throttle_group.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "aio/simulated/world.h"
#include "blockbackend/testing/throttled_queue.h"

namespace platter {
namespace {

constexpr Duration kSecond{1'000'000'000};
constexpr uint64_t kMiB = 1 << 20;

class ThrottleGroupTest : public ::testing::Test {
 public:
  void SetLimits(const ThrottleConfig& config) {
    ASSERT_TRUE(CheckThrottleConfig(config).ok());
    group_->SetConfig(config, control_.Now());
  }
  std::shared_ptr<ThrottleMember> NewMember() { return std::make_shared<ThrottleMember>(group_); }
  std::unique_ptr<ThrottledQueue> NewQueue(AioContext& context) {
    return std::make_unique<ThrottledQueue>(NewMember(), context);
  }
  // A queue that always has one request of `op` more.
  static void KeepBusy(ThrottledQueue& queue, IoOp op, uint64_t bytes, int depth) {
    if (!queue.on_gone) {
      queue.on_gone = [&queue](ThrottledRequest& request) {
        // Those that need not wait would go round and round in one instant.
        if (queue.requests.size() < 100'000) queue.Submit(request.op, request.bytes);
      };
    }
    for (int i = 0; i < depth; ++i) queue.Submit(op, bytes);
  }

  // Fails a check when that will never be.
  void RunUntilServed(const ThrottledQueue& queue) {
    world_.RunUntil([&] { return queue.port->empty(); });
  }

  SimulatedWorld world_{7};
  AioContext& control_ = world_.NewContext("control");
  AioContext& io_ = world_.NewContext("io");
  std::shared_ptr<ThrottleGroup> group_ = std::make_shared<ThrottleGroup>("group0");
};

// 10 operations a second: the bucket holds one, the next one waits for nine tenths of a second.
constexpr ThrottleConfig kTenOps = {.iops_total = {.average = 10}};

TEST_F(ThrottleGroupTest, WithoutLimitsEverythingGoes) {
  auto queue = NewQueue(io_);
  for (int i = 0; i < 10; ++i) queue->Submit(IoOp::kWrite, kMiB);
  EXPECT_EQ(queue->writes, 10u);
}

TEST_F(ThrottleGroupTest, OverTheLimitRequestsWaitInOrder) {
  SetLimits(kTenOps);
  auto queue = NewQueue(io_);
  for (int i = 0; i < 5; ++i) queue->Submit(IoOp::kRead, 512);
  EXPECT_EQ(queue->reads, 2u) << "the bucket's tenth of a second, and one on top";
  world_.RunFor(kSecond / 10 - Duration{1});
  EXPECT_EQ(queue->reads, 2u);
  world_.RunFor(Duration{1});
  EXPECT_EQ(queue->reads, 3u);
  RunUntilServed(*queue);
  EXPECT_EQ(queue->order, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(world_.clock().Now(), Instant(kSecond * 3 / 10));
}

TEST_F(ThrottleGroupTest, FlushesAndDiscardsAreNeverHeldUp) {
  SetLimits(kTenOps);
  auto queue = NewQueue(io_);
  for (int i = 0; i < 5; ++i) queue->Submit(IoOp::kWriteZeroes, 512);
  EXPECT_EQ(queue->waiting(), 3u);
  queue->Submit(IoOp::kFlush, 0);
  queue->Submit(IoOp::kDiscard, 1 << 30);
  EXPECT_EQ(queue->waiting(), 3u);
}

TEST_F(ThrottleGroupTest, ReadsAndWritesWaitApart) {
  SetLimits({.iops_read = {.average = 1}});
  auto queue = NewQueue(io_);
  for (int i = 0; i < 5; ++i) queue->Submit(IoOp::kRead, 512);
  EXPECT_EQ(queue->reads, 1u);
  for (int i = 0; i < 5; ++i) queue->Submit(IoOp::kWrite, 512);
  EXPECT_EQ(queue->writes, 5u);
}

TEST_F(ThrottleGroupTest, NeitherDirectionStarvesTheOther) {
  SetLimits({.bps_total = {.average = kMiB}});
  auto queue = NewQueue(io_);
  auto other = NewQueue(control_);
  KeepBusy(*queue, IoOp::kRead, 16384, 8);
  KeepBusy(*other, IoOp::kWrite, 16384, 8);
  world_.RunFor(10 * kSecond);
  EXPECT_NEAR(static_cast<double>(queue->reads), static_cast<double>(other->writes), 10);
  EXPECT_GE(queue->bytes + other->bytes, 10 * kMiB * 98 / 100);
  EXPECT_LE(queue->bytes + other->bytes, 10 * kMiB * 102 / 100);
}

TEST_F(ThrottleGroupTest, MembersShareTheLimitInTurns) {
  SetLimits({.iops_total = {.average = 1000}});
  std::vector<std::unique_ptr<ThrottledQueue>> queues;
  for (int i = 0; i < 4; ++i) {
    queues.push_back(NewQueue(i % 2 == 0 ? io_ : control_));
    // However much the others ask for.
    KeepBusy(*queues.back(), IoOp::kRead, 512, 1 << (2 * i));
  }
  for (const auto& queue : queues) queue->reads = 0;
  world_.RunFor(10 * kSecond);
  uint64_t sum = 0;
  for (const auto& queue : queues) {
    EXPECT_GE(queue->reads, 2450u);
    EXPECT_LE(queue->reads, 2550u);
    sum += queue->reads;
  }
  EXPECT_GE(sum, 9'800u);
  EXPECT_LE(sum, 10'200u);
}

TEST_F(ThrottleGroupTest, AMemberWithManyPortsGetsNoMoreThanOneWithOne) {
  SetLimits({.iops_total = {.average = 1000}});
  auto one = NewQueue(io_);
  const auto member = NewMember();
  std::vector<std::unique_ptr<ThrottledQueue>> ports;
  KeepBusy(*one, IoOp::kWrite, 512, 200);
  for (int i = 0; i < 4; ++i) {
    ports.push_back(std::make_unique<ThrottledQueue>(member, i % 2 == 0 ? io_ : control_));
    KeepBusy(*ports.back(), IoOp::kWrite, 512, 4);
  }
  one->writes = 0;
  world_.RunFor(10 * kSecond);
  EXPECT_NEAR(static_cast<double>(one->writes), 5000, 100);
  for (const auto& port : ports) EXPECT_NEAR(static_cast<double>(port->writes), 1250, 30);
}

TEST_F(ThrottleGroupTest, C_36_WhoseTurnItIsMayLeave) {
  SetLimits(kTenOps);
  auto leaver = NewQueue(io_);
  auto other = NewQueue(control_);
  for (int i = 0; i < 4; ++i) leaver->Submit(IoOp::kRead, 512);
  for (int i = 0; i < 4; ++i) other->Submit(IoOp::kRead, 512);
  EXPECT_EQ(leaver->waiting(), 2u);
  EXPECT_EQ(other->waiting(), 4u);
  leaver.reset();
  RunUntilServed(*other);
  EXPECT_EQ(other->waiting(), 0u);
}

TEST_F(ThrottleGroupTest, C_36_WhoWasJustToldOfItsTurnMayLeave) {
  SetLimits(kTenOps);
  auto first = NewQueue(io_);
  auto second = NewQueue(io_);
  auto third = NewQueue(control_);
  for (int i = 0; i < 4; ++i) first->Submit(IoOp::kRead, 512);
  second->Submit(IoOp::kRead, 512);
  third->Submit(IoOp::kRead, 512);
  first->TakeBack();
  second.reset();  // The message of its turn is on the way.
  RunUntilServed(*third);
  EXPECT_EQ(third->waiting(), 0u);
}

TEST_F(ThrottleGroupTest, C_36_ADrainedMemberIsNotWaitedFor) {
  SetLimits(kTenOps);
  auto drained = NewQueue(io_);
  auto other = NewQueue(io_);
  for (int i = 0; i < 4; ++i) drained->Submit(IoOp::kRead, 512);
  for (int i = 0; i < 4; ++i) other->Submit(IoOp::kRead, 512);
  drained->TakeBack();
  RunUntilServed(*other);
  EXPECT_EQ(other->waiting(), 0u);
  EXPECT_EQ(drained->Count(ThrottledRequest::State::kTaken), 2u);
  for (const auto& request : drained->requests) {
    if (request->state == ThrottledRequest::State::kTaken) drained->Offer(*request);
  }
  RunUntilServed(*drained);
  EXPECT_EQ(drained->reads, 4u);
}

TEST_F(ThrottleGroupTest, ARequestThatIsTakenOutCountsForNothing) {
  SetLimits(kTenOps);
  auto queue = NewQueue(io_);
  queue->Submit(IoOp::kRead, 512);
  queue->Submit(IoOp::kRead, 512);
  ThrottledRequest& third = queue->Submit(IoOp::kRead, 512);
  queue->Submit(IoOp::kRead, 512);
  EXPECT_TRUE(queue->port->Remove(third));
  EXPECT_FALSE(queue->port->Remove(third));
  world_.RunFor(kSecond / 10);
  EXPECT_EQ(queue->order, (std::vector<int>{0, 1, 3}));
}

TEST_F(ThrottleGroupTest, LimitsChangeForThoseThatWait) {
  SetLimits({.bps_total = {.average = 1}});
  auto queue = NewQueue(io_);
  for (int i = 0; i < 10; ++i) queue->Submit(IoOp::kWrite, 100 * kMiB);
  EXPECT_EQ(queue->writes, 1u);
  world_.RunFor(kSecond);
  EXPECT_EQ(queue->writes, 1u);
  SetLimits({.bps_total = {.average = 100 * kMiB}});
  world_.RunFor(Duration{1});
  EXPECT_EQ(queue->writes, 2u);
  world_.RunFor(kSecond);
  EXPECT_EQ(queue->writes, 3u);
  SetLimits({.bps_total = {.average = 1}});
  world_.RunFor(Duration{1});
  EXPECT_EQ(queue->writes, 4u) << "a debt is no debt under a lower limit";
  world_.RunFor(1000 * kSecond);
  EXPECT_EQ(queue->writes, 4u);
  SetLimits({});
  world_.RunFor(Duration{1});
  EXPECT_EQ(queue->writes, 10u);
}

TEST_F(ThrottleGroupTest, C_37_ARequestLargerThanTheBurstIsServed) {
  SetLimits({.bps_total = {.average = kMiB, .burst = 2 * kMiB}});
  auto queue = NewQueue(io_);
  for (int i = 0; i < 3; ++i) queue->Submit(IoOp::kWrite, 64 * kMiB);
  RunUntilServed(*queue);
  EXPECT_EQ(queue->writes, 3u);
  EXPECT_EQ(world_.clock().Now(), Instant(62 * kSecond + 64 * kSecond));
}

}  // namespace
}  // namespace platter

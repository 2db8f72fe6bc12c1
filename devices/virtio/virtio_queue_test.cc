// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/virtio_queue.h"

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/virtio/ring/ring_fixture.h"

namespace platter {
namespace {

using std::chrono::microseconds;

// Completes what it takes, or keeps it.
class VirtioQueueTest : public testing::Test, public VirtioQueueUser {
 protected:
  VirtioQueueTest() {
    for (uint16_t head = 0; head < 8; ++head) ring.SetDescriptor(head, {});
  }
  ~VirtioQueueTest() override {
    keep = false;
    Finish();
    if (queue.started()) Stop(QueueStop::kDrain);
    while (!queue.Close()) world.RunUntilIdle();
  }

  void Start(uint64_t features = kVirtioFEventIdx) {
    ASSERT_TRUE(queue.Start(ring.memory, ring.layout(), features).ok());
    world.RunUntilIdle();
  }
  void Stop(QueueStop kind) {
    queue.Stop(kind);
    world.RunUntilIdle();
  }
  void Finish() {
    for (uint16_t head : kept) queue.ring().PushUsed(head, 0);
    if (!kept.empty()) queue.ring().Publish();
    kept.clear();
    queue.CheckStopped();
  }

  QueueWork OnQueueWork(VirtioQueue& of) override {
    EXPECT_TRUE(context.InContext());
    ++works;
    Chain chain;
    while (of.ring().Pop(&chain) == PopResult::kChain) {
      ++taken;
      keep ? kept.push_back(chain.head) : of.ring().PushUsed(chain.head, 0);
    }
    of.ring().Publish();
    return answer;
  }
  void OnQueueStopping(VirtioQueue&, QueueStop kind) override { stopping.push_back(kind); }
  void OnQueueStopped(VirtioQueue& of) override {
    ++stopped;
    of.MarkStopped();
  }
  void OnQueueBroken(VirtioQueue&) override { ++broken; }

  SimulatedWorld world{1};
  AioContext& context = world.NewContext("io");
  RingFixture ring{8};
  VirtioQueue queue{0, 8, context, *this};
  QueueWork answer = QueueWork::kAll;
  bool keep = false;
  std::vector<uint16_t> kept;
  int works = 0;
  int taken = 0;
  std::vector<QueueStop> stopping;
  int stopped = 0;
  int broken = 0;
};

TEST_F(VirtioQueueTest, KicksAreForStartedQueues) {
  queue.Kick();
  EXPECT_FALSE(world.RunUntilIdle());
  Start();
  const int before = works;
  ring.MakeAvailable(0);
  queue.Kick();
  queue.Kick();  // Two before it runs are one.
  world.RunUntilIdle();
  EXPECT_EQ(works, before + 1);
  EXPECT_EQ(taken, 1);
  Stop(QueueStop::kDrain);
  EXPECT_EQ(stopped, 1);
  queue.Kick();
  EXPECT_FALSE(world.RunUntilIdle());
}

TEST_F(VirtioQueueTest, WhatIsThereAtTheStartIsTaken) {
  ring.MakeAvailable(3);
  Start();
  EXPECT_EQ(taken, 1);
}

TEST_F(VirtioQueueTest, IdleCostsNothing) {
  Start();
  const AioStats before = context.stats();
  world.RunFor(std::chrono::seconds(100));
  EXPECT_EQ(context.stats().turns, before.turns);
}

TEST_F(VirtioQueueTest, ArmsKicksWhenItIsDone) {
  Start();
  EXPECT_EQ(ring.AvailEvent(), 0);
  ring.MakeAvailable(0);
  queue.Kick();
  world.RunUntilIdle();
  EXPECT_EQ(ring.AvailEvent(), 1);
}

TEST_F(VirtioQueueTest, PollingNeedsNoKicksAndSuppressesThem) {
  context.SetPollOptions({.max = microseconds(100)});
  Start(0);
  ring.MakeAvailable(0);
  queue.Kick();
  world.RunFor(microseconds(1));
  ASSERT_EQ(taken, 1);
  // The context polls now: no kick is asked for, and none is needed.
  EXPECT_EQ(ring.UsedFlags(), kVirtqUsedNoNotify);
  ring.MakeAvailable(1);
  world.RunFor(microseconds(20));
  EXPECT_EQ(taken, 2);
  // It gives up in the end, and asks for kicks again.
  world.RunFor(std::chrono::seconds(1));
  EXPECT_EQ(ring.UsedFlags(), 0);
  ring.MakeAvailable(2);
  world.RunUntilIdle();
  EXPECT_EQ(taken, 2);
  queue.Kick();
  world.RunUntilIdle();
  EXPECT_EQ(taken, 3);
}

TEST_F(VirtioQueueTest, MoreMeansTheNextTurn) {
  Start();
  answer = QueueWork::kMore;
  const int before = works;
  queue.Kick();
  context.RunReady();
  EXPECT_EQ(works, before + 1);
  context.RunReady();
  EXPECT_EQ(works, before + 2);
  answer = QueueWork::kAll;
}

TEST_F(VirtioQueueTest, WaitingLooksAgainOnlyAfterRetry) {
  Start();
  answer = QueueWork::kWaiting;
  queue.Kick();
  world.RunUntilIdle();
  const int before = works;
  queue.Kick();
  world.RunUntilIdle();
  EXPECT_EQ(works, before);
  answer = QueueWork::kAll;
  queue.Retry();
  queue.Retry();
  world.RunUntilIdle();
  EXPECT_EQ(works, before + 1);
}

TEST_F(VirtioQueueTest, PausedTakesNothing) {
  Start();
  queue.Pause();
  ring.MakeAvailable(0);
  queue.Kick();
  world.RunUntilIdle();
  EXPECT_EQ(taken, 0);
  queue.Resume();
  EXPECT_EQ(taken, 1);
}

TEST_F(VirtioQueueTest, StopWaitsForWhatIsInUse) {
  Start();
  keep = true;
  ring.MakeAvailable(0);
  ring.MakeAvailable(1);
  queue.Kick();
  world.RunUntilIdle();
  Stop(QueueStop::kDrain);
  EXPECT_EQ(stopped, 0);
  EXPECT_TRUE(queue.started());
  ring.MakeAvailable(2);
  queue.Kick();
  world.RunUntilIdle();
  EXPECT_EQ(taken, 2);
  // A reset overtakes the drain.
  Stop(QueueStop::kReset);
  EXPECT_EQ(stopping, (std::vector<QueueStop>{QueueStop::kDrain, QueueStop::kReset}));
  EXPECT_EQ(stopped, 0);
  Finish();
  EXPECT_EQ(stopped, 1);
  EXPECT_EQ(queue.next_avail(), 2);
  EXPECT_EQ(queue.next_used(), 2);
}

// R-VQ-20: requests that nobody names would never be answered.
TEST_F(VirtioQueueTest, R_VQ_20_IndicesApartWithoutHeadsAreRefused) {
  QueueLayout layout = ring.layout();
  layout.next_avail = 2;
  const absl::Status status = queue.Start(ring.memory, layout, 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(queue.started());
  // A broken queue's may be: what it had taken is forgotten.
  ASSERT_TRUE(queue.Restore(ring.memory, {.layout = layout, .broken = true}, 0).ok());
  world.RunUntilIdle();
  EXPECT_EQ(broken, 0) << "the driver was told before it was saved";
  EXPECT_EQ(taken, 0);
}

TEST_F(VirtioQueueTest, WhereItStandsIsKnownUntilItHasStopped) {
  Start();
  keep = true;
  ring.MakeAvailable(4);
  queue.Kick();
  world.RunUntilIdle();
  EXPECT_EQ(queue.Save().layout.next_avail, 1);
  EXPECT_FALSE(queue.Save().stopping);
  Stop(QueueStop::kDrain);
  EXPECT_EQ(queue.Save().layout.next_avail, 1);
  EXPECT_TRUE(queue.Save().stopping);
  Finish();
  EXPECT_EQ(queue.Save().layout.size, 0u);
}

TEST_F(VirtioQueueTest, BrokenIsToldOncePerStart) {
  Start();
  ring.SetAvailIndex(100);
  for (int i = 0; i < 3; ++i) {
    queue.Kick();
    world.RunUntilIdle();
  }
  EXPECT_EQ(broken, 1);
  Stop(QueueStop::kReset);
  ring.SetAvailIndex(0);
  Start();
  queue.Break("for the test");
  queue.Break("again");
  EXPECT_EQ(broken, 2);
}

TEST_F(VirtioQueueTest, R_VQ_08_BrokenWhilePollingDoesNotSpin) {
  context.SetPollOptions({.max = microseconds(100)});
  Start();
  ring.SetAvailIndex(100);
  queue.Kick();
  world.RunFor(std::chrono::seconds(1));
  EXPECT_EQ(broken, 1);
  const AioStats before = context.stats();
  world.RunFor(std::chrono::seconds(1));
  EXPECT_EQ(context.stats().turns, before.turns);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/context.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "gtest/gtest.h"

#include "aio/simulated/one_file_world.h"
#include "aio/timer.h"

namespace platter {
namespace {

using SimulatedContextTest = OneFileWorld;

TEST_F(SimulatedContextTest, InContextIsTrueOfTheTurningContextOnly) {
  AioContext& other = world_.NewContext("other");
  EXPECT_TRUE(io_.InContext());
  EXPECT_TRUE(other.InContext());
  bool ran = false;
  io_.Post([&] {
    EXPECT_TRUE(io_.InContext());
    EXPECT_FALSE(other.InContext());
    ran = true;
  });
  world_.RunUntilIdle();
  EXPECT_TRUE(ran);
}

TEST_F(SimulatedContextTest, AHeldClockWaitsForRealDescriptors) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  struct PipeWatch final : FdWatch {
    void OnFdReady(uint32_t) override {
      char byte = 0;
      EXPECT_EQ(read(fd, &byte, 1), 1);
      ++bytes;
    }
    int bytes = 0;
  } watch;
  io_.Watch(watch, ends[0], EPOLLIN);
  int fired = 0;
  Timer timer(io_, [&] { ++fired; });
  timer.ArmAfter(Duration(1));
  {
    const SimulatedWorld::RealIoHold hold(world_);
    std::thread writer([&] { EXPECT_EQ(write(ends[1], "x", 1), 1); });
    io_.RunUntil([&] { return watch.bytes == 1; });
    writer.join();
    EXPECT_EQ(fired, 0);  // The answer came before any virtual time had passed.
  }
  io_.RunUntil([&] { return fired == 1; });
  io_.Unwatch(watch);
  close(ends[0]);
  close(ends[1]);
}

// A queue in memory with a notification, as a virtqueue has.
class QueuePoller final : public Poller {
 public:
  bool Poll() override {
    const bool any = items > 0;
    taken += items;
    items = 0;
    return any;
  }
  void OnPollStart() override { armed = false; }
  bool OnPollEnd() override {
    armed = true;
    return Poll();
  }

  int items = 0;
  int taken = 0;
  bool armed = true;
};

TEST(SimulatedPollingTest, WorkFoundWhilePollingNeedsNoNotification) {
  SimulatedWorld world(3);
  AioContext& producer = world.NewContext("producer");
  AioContext& consumer = world.NewContext("consumer");
  QueuePoller queue;
  consumer.AddPoller(queue);
  consumer.SetPollOptions({.max = Duration(100'000)});
  int notifications = 0;
  BottomHalf kick(consumer, [&] { queue.Poll(); });
  Timer produce(producer, [&] {
    ++queue.items;
    if (queue.armed) {
      ++notifications;
      kick.Schedule();
    }
  });
  constexpr int kItems = 100;
  for (int i = 1; i <= kItems; ++i) {
    produce.ArmAfter(Duration(20'000));
    world.RunUntil([&] { return queue.taken == i; });
  }
  EXPECT_LT(notifications, 10);  // Only until polling had begun to pay.
  EXPECT_GT(consumer.stats().poll_hits, 80u);
  // Idle: the notification is armed and nothing turns, however much time passes.
  world.RunFor(std::chrono::seconds(1));
  EXPECT_TRUE(queue.armed);
  const uint64_t turns = consumer.stats().turns;
  world.RunFor(std::chrono::hours(1));
  EXPECT_EQ(consumer.stats().turns, turns);
  consumer.RemovePoller(queue);
}

}  // namespace
}  // namespace platter

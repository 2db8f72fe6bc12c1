// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/world.h"

#include <fcntl.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/one_file_world.h"
#include "aio/timer.h"

namespace platter {
namespace {

using WorldTest = OneFileWorld;

std::string OrderOfTurns(uint64_t seed) {
  SimulatedWorld world(seed);
  std::string log;
  std::vector<AioContext*> contexts;
  for (char name = 'a'; name < 'e'; ++name) {
    contexts.push_back(&world.NewContext(std::string(1, name)));
  }
  for (int round = 0; round < 5; ++round) {
    for (AioContext* context : contexts) {
      context->Post([&log, context] { log += context->name(); });
      context->Post(
          [context, &log] { context->Post([&log, context] { log += context->name(); }); });
    }
    world.RunUntilIdle();
  }
  return log;
}

TEST(WorldSeedTest, TheSeedDecidesWhoTurnsNext) {
  std::set<std::string> orders;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const std::string order = OrderOfTurns(seed);
    EXPECT_EQ(order, OrderOfTurns(seed));
    EXPECT_EQ(order.size(), 40u);
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 15u);
}

TEST_F(WorldTest, TheClockMovesOnlyWhenNothingIsReady) {
  const Instant start = io_.Now();
  int turns = 0;
  Timer timer(io_, [&] { EXPECT_EQ(turns, 100); });
  timer.ArmAfter(std::chrono::hours(24));
  std::function<void()> step = [&] {
    EXPECT_EQ(io_.Now(), start);
    if (++turns < 100) io_.Post([&] { step(); });
  };
  io_.Post([&] { step(); });
  io_.RunUntil([&] { return !timer.armed(); });
  EXPECT_EQ(io_.Now(), start + std::chrono::hours(24));
}

TEST_F(WorldTest, DrivingOneContextLetsTheOthersProgress) {
  AioContext& other = world_.NewContext("other");
  int rallies = 0;
  std::function<void()> ping = [&] {
    if (++rallies == 50) return;
    AioContext& to = AioContext::Current() == &io_ ? other : io_;
    to.Post([&] { ping(); });
  };
  io_.Post([&] { ping(); });
  io_.RunUntil([&] { return rallies == 50; });
}

TEST_F(WorldTest, RunUntilIdleFinishesFilesAndLeavesTimers) {
  Timer timer(io_, [] { FAIL(); });
  timer.ArmAfter(std::chrono::hours(1));
  std::string text = "abc";
  iovec iov{text.data(), text.size()};
  OneFileOp op;
  Prepare(op, FileOpKind::kWrite, 0, iov);
  io_.file_io().Submit(op);
  EXPECT_TRUE(world_.RunUntilIdle());
  EXPECT_EQ(op.calls, 1);
  EXPECT_FALSE(world_.RunUntilIdle());
  timer.Cancel();
}

TEST(WorldDeathTest, AWaitThatCannotEndPrintsTheSeed) {
  EXPECT_DEATH(
      {
        SimulatedWorld world(4711);
        world.NewContext("stuck").RunUntil([] { return false; });
      },
      "seed 4711");
}

}  // namespace
}  // namespace platter

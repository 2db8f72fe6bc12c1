// SPDX-License-Identifier: Apache-2.0
#include "aio/task.h"

#include <cstdint>
#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "aio/await.h"
#include "aio/simulated/world.h"

namespace platter {
namespace {

Task<int> Give(int value) { co_return value; }

Task<uint64_t> SumOfImmediateChildren(int count) {
  uint64_t sum = 0;
  for (int i = 0; i < count; ++i) sum += static_cast<uint64_t>(co_await Give(i));
  co_return sum;
}

TEST(TaskTest, MillionSynchronousCompletionsSuspendNothing) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  EXPECT_EQ(BlockOn(context, SumOfImmediateChildren(1'000'000)), 499'999'500'000u);
  EXPECT_LE(context.stats().turns, 3u);
}

Task<int> Nested(int depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await Nested(depth - 1);
}

TEST(TaskTest, DeepNestingUsesBoundedStack) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  EXPECT_EQ(BlockOn(context, Nested(100'000)), 100'000);
  EXPECT_EQ(context.buffers().outstanding(), 0u);
}

Task<void> NestedSleep(int depth) {
  if (depth == 0) co_await SleepFor(std::chrono::hours(1));
  if (depth > 0) co_await NestedSleep(depth - 1);
}

// Sets a flag when it dies.
struct Note {
  bool& to;
  ~Note() { to = true; }
};

Task<void> NestedSleepWithNote(bool& destroyed) {
  Note note{destroyed};
  co_await NestedSleep(100'000);
}

TEST(TaskTest, DeepChainThatWaitsIsDestroyedWithoutRecursion) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  bool destroyed = false;
  Task<void> root = NestedSleepWithNote(destroyed);
  StartOwned(context, root);
  world.RunFor(Duration(1'000'000));
  EXPECT_FALSE(root.done());
  EXPECT_FALSE(destroyed);
  root.Reset();
  EXPECT_TRUE(destroyed);
  EXPECT_FALSE(world.RunUntilIdle());
}

Task<void> AppendAfterYield(std::string& to, char what) {
  co_await Yield();
  to += what;
}

TEST(TaskTest, DestroyedInTheReadyListIsTakenOut) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  std::string log;
  Task<void> first = AppendAfterYield(log, 'a');
  Task<void> second = AppendAfterYield(log, 'b');
  StartOwned(context, first);
  StartOwned(context, second);
  ASSERT_TRUE(context.RunReady());  // Both wait for their turn.
  first.Reset();
  world.RunUntilIdle();
  EXPECT_EQ(log, "b");
  EXPECT_TRUE(second.done());
}

TEST(TaskTest, NeverStartedIsDestroyed) {
  std::string log;
  Task<void> task = AppendAfterYield(log, 'a');
  task.Reset();
  EXPECT_EQ(log, "");
}

Task<std::unique_ptr<int>> GiveMoveOnly() {
  co_await Yield();
  co_return std::make_unique<int>(7);
}

TEST(TaskTest, ResultsMayBeMoveOnly) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  EXPECT_EQ(*BlockOn(context, GiveMoveOnly()), 7);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// What the base class does by itself; the contract of all kinds is in context_contract_test.cc.

#include "aio/aio_context.h"

#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"

namespace platter {
namespace {

TEST(AioContextTest, WorkLeftInTheQueuesRunsBeforeTheContextDies) {
  std::string log;
  {
    SimulatedWorld world(1);
    AioContext& context = world.NewContext("left");
    EXPECT_EQ(context.name(), "left");
    context.Post([&log, &context] {
      log += 'a';
      context.Post([&log] { log += 'b'; });
    });
    EXPECT_EQ(log, "");
  }
  EXPECT_EQ(log, "ab");
}

TEST(AioContextTest, APostedFunctionMayOwnWhatItNeeds) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  auto owned = std::make_unique<int>(5);
  int seen = 0;
  context.Post([&seen, owned = std::move(owned)] { seen = *owned; });
  world.RunUntilIdle();
  EXPECT_EQ(seen, 5);
}

TEST(AioContextTest, TurnTimeStandsWhileTheTurnRuns) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  std::optional<Instant> seen;
  context.Post([&] {
    world.clock().AdvanceTo(context.Now() + Duration(5));
    seen = context.turn_time();
    EXPECT_EQ(context.RefreshTime(), *seen + Duration(5));
  });
  world.RunUntilIdle();
  EXPECT_TRUE(seen.has_value());
}

TEST(AioContextDeathTest, BlockingInsideATurnIsAViolation) {
  EXPECT_DEATH(
      {
        SimulatedWorld world(1);
        AioContext& context = world.NewContext("main");
        context.Post([&context] { context.RunUntil([] { return true; }); });
        world.RunUntilIdle();
      },
      "Current\\(\\) == nullptr");
}

TEST(BottomHalfDeathTest, DyingWhileScheduledIsAViolation) {
  EXPECT_DEATH(
      {
        SimulatedWorld world(1);
        AioContext& context = world.NewContext("main");
        int runs = 0;
        BottomHalf half(context, [&runs] { ++runs; });
        half.Schedule();
      },
      "!scheduled\\(\\)");
}

}  // namespace
}  // namespace platter

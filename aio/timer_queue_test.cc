// SPDX-License-Identifier: Apache-2.0
#include "aio/timer_queue.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/random.h"
#include "aio/simulated/world.h"
#include "aio/timer.h"

namespace platter {
namespace {

// Timers reach a TimerQueue through a context; the simulated one adds nothing to it.
class TimerQueueTest : public testing::Test {
 protected:
  SimulatedWorld world_{1};
  AioContext& context_ = world_.NewContext("test");
};

TEST_F(TimerQueueTest, RandomArmMoveAndCancelKeepTheOrder) {
  constexpr uint64_t kSeed = 20'240'611;
  constexpr size_t kTimers = 300;
  SimulatedRandom random(kSeed);
  struct State {
    std::unique_ptr<Timer> timer;
    std::optional<Instant> expected;
  };
  std::vector<State> states(kTimers);
  Instant last{};
  uint64_t fired = 0;
  for (State& state : states) {
    state.timer = std::make_unique<Timer>(context_, [&] {
      ASSERT_EQ(state.expected, context_.Now()) << "seed " << kSeed;
      ASSERT_GE(context_.Now(), last);
      last = context_.Now();
      state.expected.reset();
      ++fired;
    });
  }
  uint64_t armed = 0;
  for (int step = 0; step < 20'000; ++step) {
    State& state = states[random.Below(kTimers)];
    if (random.Percent(30)) {
      state.timer->Cancel();
      state.expected.reset();
    } else {
      // From 1, so that a timer never is due at the time of arming.
      const Instant deadline = context_.Now() + Duration(1 + random.Below(1'000));
      state.timer->ArmAt(deadline);
      state.expected = deadline;
      ++armed;
    }
    if (random.Percent(5)) world_.RunFor(Duration(random.Below(200)));
  }
  world_.RunFor(Duration(2'000));
  for (const State& state : states) EXPECT_EQ(state.expected, std::nullopt);
  EXPECT_GT(fired, 0u);
  EXPECT_LE(fired, armed);
}

TEST_F(TimerQueueTest, EqualDeadlinesRunInTheOrderOfArming) {
  std::string log;
  std::vector<std::unique_ptr<Timer>> timers;
  for (char name = 'a'; name <= 'z'; ++name) {
    timers.push_back(std::make_unique<Timer>(context_, [&log, name] { log += name; }));
    timers.back()->ArmAt(Instant(Duration(10)));
  }
  world_.RunFor(Duration(10));
  EXPECT_EQ(log, "abcdefghijklmnopqrstuvwxyz");
}

TEST_F(TimerQueueTest, ArmedLateInsideACallbackRunsInTheNextTurnAndMayBeCancelled) {
  std::string log;
  Timer late(context_, [&] { log += 'l'; });
  Timer cancelled(context_, [&] { log += 'x'; });
  Timer first(context_, [&] {
    log += '1';
    late.ArmAt(Instant{});
    cancelled.ArmAt(Instant{});
  });
  Timer second(context_, [&] {
    log += '2';
    cancelled.Cancel();
    late.ArmAt(Instant(Duration(1)));  // Moves it.
  });
  first.ArmAt(Instant(Duration(5)));
  second.ArmAt(Instant(Duration(5)));
  world_.RunFor(Duration(4));
  EXPECT_EQ(log, "");
  world_.clock().AdvanceTo(Instant(Duration(5)));
  EXPECT_TRUE(context_.RunReady());
  EXPECT_EQ(log, "12");
  EXPECT_TRUE(late.armed());
  EXPECT_FALSE(context_.RunReady() && context_.RunReady());
  EXPECT_EQ(log, "12l");
}

TEST_F(TimerQueueTest, DestroyingATimerDisarmsIt) {
  int fired = 0;
  {
    Timer timer(context_, [&] { ++fired; });
    timer.ArmAt(Instant(Duration(5)));
  }
  world_.RunFor(Duration(10));
  EXPECT_EQ(fired, 0);
  EXPECT_EQ(context_.NextDeadline(), std::nullopt);
}

}  // namespace
}  // namespace platter

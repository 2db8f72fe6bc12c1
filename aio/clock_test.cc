// SPDX-License-Identifier: Apache-2.0

#include "aio/clock.h"

#include <chrono>

#include "gtest/gtest.h"

namespace platter {
namespace {

using namespace std::chrono_literals;

TEST(VirtualClock, IsMovedByItsOwnerAlone) {
  VirtualClock clock;
  EXPECT_EQ(clock.Now(), Instant());
  EXPECT_EQ(clock.Now(), Instant());
  clock.AdvanceTo(Instant(5ns));
  EXPECT_EQ(clock.Now(), Instant(5ns));
}

TEST(VirtualClock, NeverGoesBack) {
  VirtualClock clock;
  clock.AdvanceTo(Instant(5ns));
  clock.AdvanceTo(Instant(3ns));
  EXPECT_EQ(clock.Now(), Instant(5ns));
}

// Whoever compares with timestamps of the kernel or of another program has the same time line.
TEST(MonotonicClock, ReadsTheMonotonicClockOfTheHost) {
  const auto before = std::chrono::steady_clock::now().time_since_epoch();
  const Instant now = MonotonicClock().Now();
  const auto after = std::chrono::steady_clock::now().time_since_epoch();
  EXPECT_LE(before, now.time_since_epoch());
  EXPECT_LE(now.time_since_epoch(), after);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "aio/poll_window.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(PollWindowTest, OffUntilAMaximumIsSet) {
  PollWindow window;
  window.OnHit();
  window.OnSlept(Duration(1));
  EXPECT_EQ(window.window(), Duration{0});
}

TEST(PollWindowTest, GrowsToTheMaximumWhileItPays) {
  PollWindow window;
  window.SetMax(Duration(20'000));
  EXPECT_EQ(window.window(), Duration{0});
  window.OnSlept(Duration(5'000));  // Polling would have found that.
  EXPECT_EQ(window.window(), Duration(4'000));
  window.OnHit();
  EXPECT_EQ(window.window(), Duration(8'000));
  window.OnHit();
  window.OnHit();
  EXPECT_EQ(window.window(), Duration(20'000));
}

TEST(PollWindowTest, ShrinksToNothingWhileItDoesNot) {
  PollWindow window;
  window.SetMax(Duration(32'000));
  for (int i = 0; i < 10; ++i) window.OnHit();
  window.OnSlept(Duration(32'001));
  EXPECT_EQ(window.window(), Duration(16'000));
  window.OnSlept(Duration(1'000'000));
  window.OnSlept(Duration(1'000'000));
  EXPECT_EQ(window.window(), Duration(4'000));
  window.OnSlept(Duration(1'000'000));
  EXPECT_EQ(window.window(), Duration{0});
}

TEST(PollWindowTest, ASmallerMaximumHoldsAtOnce) {
  PollWindow window;
  window.SetMax(Duration(100'000));
  for (int i = 0; i < 10; ++i) window.OnHit();
  window.SetMax(Duration(2'000));
  EXPECT_EQ(window.window(), Duration(2'000));
  window.SetMax(Duration(-5));
  EXPECT_EQ(window.window(), Duration{0});
}

}  // namespace
}  // namespace platter

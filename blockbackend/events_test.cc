// SPDX-License-Identifier: Apache-2.0

#include "blockbackend/events.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(EventsTest, EveryActionHasItsName) {
  EXPECT_STREQ(ErrorActionName(ErrorAction::kReport), "report");
  EXPECT_STREQ(ErrorActionName(ErrorAction::kIgnore), "ignore");
  EXPECT_STREQ(ErrorActionName(ErrorAction::kStop), "stop");
  EXPECT_STREQ(ErrorActionName(ErrorAction::kStall), "stall");
  EXPECT_STREQ(ErrorActionName(ErrorAction::kRetry), "retry");
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "testing/faults/fault_plan.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(FaultPlanTest, FailsTheKthOnly) {
  FaultPlan plan(2, -EIO, FaultEffect::kNothingDone);
  EXPECT_EQ(plan.NextIo(), 0);
  EXPECT_FALSE(plan.fired());
  EXPECT_EQ(plan.NextIo(), -EIO);
  EXPECT_TRUE(plan.fired());
  EXPECT_EQ(plan.NextIo(), 0);
  EXPECT_EQ(plan.count(), 3u);
}

TEST(FaultPlanTest, ZeroFailsNone) {
  FaultPlan plan(0, -EIO, FaultEffect::kNothingDone);
  EXPECT_EQ(plan.NextIo(), 0);
  EXPECT_FALSE(plan.fired());
}

TEST(FaultPlanTest, KeepsTheBooks) {
  FaultPlan plan(0, 0, FaultEffect::kNothingDone);
  plan.Pending();
  EXPECT_EQ(plan.outstanding(), 1u);
  EXPECT_EQ(plan.Violations().size(), 1u);
  plan.Completed();
  EXPECT_TRUE(plan.Violations().empty());
  plan.Completed();
  EXPECT_EQ(plan.Violations().size(), 1u);
}

}  // namespace
}  // namespace platter

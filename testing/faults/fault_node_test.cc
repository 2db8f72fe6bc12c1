// SPDX-License-Identifier: Apache-2.0
#include "testing/faults/fault_node.h"

#include <cerrno>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/status.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

TEST(FaultNodeTest, FailsWithAndWithoutTheEffect) {
  for (const auto completion :
       {StrictOptions::Completion::kAtOnce, StrictOptions::Completion::kLaterTurn}) {
    for (const FaultEffect effect : {FaultEffect::kNothingDone, FaultEffect::kDoneAnyway}) {
      SimulatedWorld world(1);
      AioContext& io = world.NewContext("io");
      const auto strict = std::make_shared<StrictNode>(StrictOptions{.completion = completion});
      FaultPlan plan(2, -ENOSPC, effect);
      auto faulty = FaultNode::Create("faulty", strict, plan);
      TestRoot root;
      ASSERT_TRUE(faulty.ok() && root.Open(*faulty).ok());
      std::vector<uint8_t> data(512, 1);
      DiskIo write(root, io);
      EXPECT_EQ(write.Transfer(IoOp::kWrite, 0, data).Run(), 0);
      EXPECT_EQ(write.Transfer(IoOp::kWrite, 512, data).Run(), -ENOSPC);
      EXPECT_EQ(write.Transfer(IoOp::kWrite, 1024, data).Run(), 0);
      EXPECT_EQ(strict->Content()[512], effect == FaultEffect::kDoneAnyway ? 1 : 0);
      EXPECT_EQ(plan.count(), 3u);
      EXPECT_TRUE(plan.Violations().empty());
    }
  }
}

TEST(FaultNodeTest, TheControlPlaneFailsToo) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  FaultPlan plan(2, -EIO, FaultEffect::kNothingDone);
  auto faulty = FaultNode::Create("faulty", std::make_shared<StrictNode>(StrictOptions{}), plan);
  ASSERT_TRUE(faulty.ok());
  EXPECT_TRUE(BlockOn(io, (*faulty)->GetBlockStatus(0, 1)).ok());
  EXPECT_EQ(ErrnoOf(BlockOn(io, (*faulty)->Truncate(512))), EIO);
  EXPECT_TRUE(BlockOn(io, (*faulty)->Truncate(512)).ok());
  EXPECT_EQ((*faulty)->length(), 512u);
}

}  // namespace
}  // namespace platter

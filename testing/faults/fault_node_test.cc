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
    for (const FaultEffect effect :
         {FaultEffect::kAtOnce, FaultEffect::kNothingDone, FaultEffect::kDoneAnyway}) {
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
      EXPECT_EQ(write.at_once(), effect == FaultEffect::kAtOnce);
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

TEST(FaultNodeTest, PassesACancelOnToWhatIsBelow) {
  for (const uint64_t failing : {0, 1}) {
    for (const FaultEffect effect : {FaultEffect::kNothingDone, FaultEffect::kDoneAnyway}) {
      SimulatedWorld world(1);
      AioContext& io = world.NewContext("io");
      const auto strict = std::make_shared<StrictNode>(
          StrictOptions{.completion = StrictOptions::Completion::kLaterTurn});
      FaultPlan plan(failing, -EIO, effect);
      TestRoot root;
      ASSERT_TRUE(root.Open(*FaultNode::Create("faulty", strict, plan)).ok());
      std::vector<uint8_t> data(512, 1);
      DiskIo write(root, io);
      write.Transfer(IoOp::kWrite, 0, data).Submit();
      write.Cancel();
      // What never got there is not cancelled there.
      const bool below = failing == 0 || effect == FaultEffect::kDoneAnyway;
      EXPECT_EQ(strict->cancels(), below ? 1u : 0u);
      io.RunUntil([&write] { return write.done(); });
      EXPECT_EQ(write.result(), failing == 0 ? 0 : -EIO);
      EXPECT_TRUE(plan.Violations().empty());
    }
  }
}

TEST(FaultNodeTest, LivesInTheHomeContextOfItsChild) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  AioContext& home = world.NewContext("home");
  const auto strict = std::make_shared<StrictNode>(StrictOptions{.home_context = &home});
  FaultPlan plan(1, -EIO, FaultEffect::kNothingDone);
  TestRoot root;
  ASSERT_TRUE(root.Open(*FaultNode::Create("faulty", strict, plan)).ok());
  EXPECT_EQ(root.edge().child()->home_context(), &home);
  std::vector<uint8_t> data(512, 1);
  DiskIo write(root, io);
  EXPECT_EQ(write.Transfer(IoOp::kWrite, 0, data).Run(), -EIO);
  EXPECT_EQ(write.Transfer(IoOp::kWrite, 0, data).Run(), 0);
  EXPECT_TRUE(strict->Complaints().empty());
  EXPECT_TRUE(plan.Violations().empty());
}

}  // namespace
}  // namespace platter

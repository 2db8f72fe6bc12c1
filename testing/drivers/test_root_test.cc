// SPDX-License-Identifier: Apache-2.0
#include "testing/drivers/test_root.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "aio/work_item.h"
#include "testing/drivers/strict_node.h"

namespace platter {
namespace {

class CountingItem final : public WorkItem {
 public:
  void Run() override { ++runs; }
  int runs = 0;
};

class TestRootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(root_
                    .Open(std::make_shared<StrictNode>(
                        StrictOptions{.completion = StrictOptions::Completion::kLaterTurn}))
                    .ok());
  }
  SimulatedWorld world_{1};
  AioContext& io_ = world_.NewContext("io");
  TestRoot root_;
};

TEST_F(TestRootTest, QuiesceWaitsForWhatIsInFlight) {
  DiskIo io(root_, io_);
  io.Range(IoOp::kFlush, 0, 0).Submit();
  EXPECT_EQ(root_.in_flight(), 1);
  BlockOn(io_, root_.Quiesce());
  EXPECT_TRUE(io.done());
  EXPECT_EQ(io.completions(), 1);
  EXPECT_EQ(root_.in_flight(), 0);
  root_.Unquiesce();
}

TEST_F(TestRootTest, NothingStartsWhileItIsQuiescedAndParkedWorkGoesOnAfter) {
  CountingItem parked;
  EXPECT_FALSE(root_.ParkUntilUnquiesced(io_, parked));
  BlockOn(io_, root_.Quiesce());
  BlockOn(io_, root_.Quiesce());
  DiskIo io(root_, io_);
  io.Range(IoOp::kFlush, 0, 0);
  EXPECT_FALSE(io.SubmitUnlessQuiesced());
  EXPECT_FALSE(io.done());
  EXPECT_TRUE(root_.ParkUntilUnquiesced(io_, parked));
  root_.Unquiesce();
  world_.RunUntilIdle();
  EXPECT_EQ(parked.runs, 0);  // It nests.
  root_.Unquiesce();
  world_.RunUntilIdle();
  EXPECT_EQ(parked.runs, 1);
  EXPECT_TRUE(io.SubmitUnlessQuiesced());
  io_.RunUntil([&io] { return io.done(); });
}

}  // namespace
}  // namespace platter

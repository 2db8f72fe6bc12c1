// SPDX-License-Identifier: Apache-2.0

#include "drivers/home_hop.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "testing/drivers/edge_fixture.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

using ::testing::IsEmpty;
using HomeHopTest = EdgeFixture;

TEST_F(HomeHopTest, AHomeContextChildIsCalledThereAndCompletesHere) {
  AioContext& home = world_.NewContext("home");
  StrictNode& node = Open({.home_context = &home});
  std::vector<uint8_t> data(512, 3);
  DiskIo away(root_, io_);
  EXPECT_EQ(away.Transfer(IoOp::kWrite, 0, data).Run(), 0);
  EXPECT_FALSE(away.at_once());
  DiskIo at_home(root_, home);
  EXPECT_EQ(at_home.Transfer(IoOp::kRead, 0, data).Run(), 0);
  EXPECT_TRUE(at_home.at_once());
  EXPECT_EQ(node.started(), 2u);
  EXPECT_EQ(home.buffers().outstanding(), 0u);
}

TEST_F(HomeHopTest, CancelReachesTheChildAndCompletesOnce) {
  AioContext& home = world_.NewContext("home");
  for (AioContext* const where : {static_cast<AioContext*>(nullptr), &home}) {
    TestRoot root;
    StrictOptions options{.completion = StrictOptions::Completion::kLaterTurn,
                          .home_context = where};
    options.limits.max_transfer = 4096;
    auto node = std::make_shared<StrictNode>(options);
    ASSERT_TRUE(root.Open(node).ok());
    std::vector<uint8_t> data(4 * 4096);
    DiskIo io(root, io_);
    io.Transfer(IoOp::kWrite, 0, data).Submit();
    EXPECT_FALSE(io.done());
    io.Cancel();
    io.Cancel();
    world_.RunUntilIdle();
    // The piece in flight was the child's to finish; no further one starts.
    EXPECT_EQ(io.completions(), 1);
    EXPECT_EQ(io.result(), -ECANCELED);
    EXPECT_EQ(node->started(), 1u);
    EXPECT_GE(node->cancels(), 1u);
    EXPECT_THAT(node->Complaints(), IsEmpty());
  }
}

TEST_F(HomeHopTest, ErrorsAndManyContextsComeBackToWhereTheyBelong) {
  AioContext& home = world_.NewContext("home");
  AioContext& other = world_.NewContext("other");
  StrictNode& node =
      Open({.completion = StrictOptions::Completion::kLaterTurn, .home_context = &home});
  node.FailNth(1, -ENOSPC);
  std::vector<uint8_t> data(512);
  DiskIo first(root_, io_);
  first.Transfer(IoOp::kWrite, 0, data).Submit();
  io_.RunUntil([&first] { return first.done(); });
  EXPECT_EQ(first.result(), -ENOSPC);
  DiskIo second(root_, other);
  first.Submit();
  second.Transfer(IoOp::kRead, 512, data).Submit();
  // DiskIo checks that each completes in its own context.
  world_.RunUntil([&] { return first.done() && second.done(); });
  EXPECT_EQ(first.result() | second.result(), 0);
  EXPECT_EQ(other.buffers().outstanding() + home.buffers().outstanding(), 0u);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "drivers/empty/empty_node.h"

#include <cerrno>

#include "gtest/gtest.h"

#include "aio/await_io.h"
#include "aio/simulated/world.h"

namespace platter {
namespace {

Task<IoResult> Ask(BlockNode& node, IoArguments arguments) {
  co_return co_await AwaitIo(node, arguments);
}

TEST(EmptyNodeTest, HasNoBytesAndNoMedium) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  EmptyNode node("#empty");
  EXPECT_EQ(node.length(), 0u);
  EXPECT_FALSE(node.HasMedium());
  EXPECT_EQ(BlockOn(io, Ask(node, {.op = IoOp::kRead})), -ENOMEDIUM);
  EXPECT_EQ(BlockOn(io, Ask(node, {.op = IoOp::kWriteZeroes})), -ENOMEDIUM);
  EXPECT_EQ(BlockOn(io, Ask(node, {.op = IoOp::kFlush})), 0);
}

}  // namespace
}  // namespace platter

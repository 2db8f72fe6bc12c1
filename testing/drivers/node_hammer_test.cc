// SPDX-License-Identifier: Apache-2.0
//
// A hammer sees errors and wrong data: a test that relies on it can fail.
#include "testing/drivers/node_hammer.h"

#include <cerrno>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

using ::testing::HasSubstr;

class NodeHammerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(root_.Open(node_).ok()); }
  void RunFor(NodeHammer& hammer, uint64_t requests) {
    hammer.Start();
    world_.RunUntil([&] { return hammer.completed() >= requests; });
    hammer.Stop();
    world_.RunUntil([&] { return hammer.stopped(); });
  }

  SimulatedWorld world_{1};
  AioContext& io_ = world_.NewContext("io");
  std::shared_ptr<StrictNode> node_ = std::make_shared<StrictNode>(
      StrictOptions{.size = 64 * kKiB, .completion = StrictOptions::Completion::kLaterTurn});
  TestRoot root_;
};

TEST_F(NodeHammerTest, ADiskThatWorksHasNoFailures) {
  NodeHammer hammer(root_, io_, {.begin = 0, .end = 64 * kKiB});
  RunFor(hammer, 200);
  EXPECT_EQ(hammer.failures(), "");
}

TEST_F(NodeHammerTest, SeesErrors) {
  NodeHammer hammer(root_, io_, {.begin = 0, .end = 64 * kKiB});
  node_->FailNth(50, -EIO);
  RunFor(hammer, 200);
  EXPECT_THAT(hammer.failures(), HasSubstr("result -5"));
}

TEST_F(NodeHammerTest, SeesWrongData) {
  NodeHammer hammer(root_, io_, {.begin = 0, .end = 64 * kKiB});
  hammer.Start();
  world_.RunUntil([&] {
    node_->SetContent(std::vector<uint8_t>(64 * kKiB, 0x5c));
    return hammer.completed() >= 200;
  });
  hammer.Stop();
  world_.RunUntil([&] { return hammer.stopped(); });
  EXPECT_THAT(hammer.failures(), HasSubstr("wrong data at"));
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// Drained sections (drivers/edge.h).
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "drivers/edge.h"
#include "testing/drivers/filter_node.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

std::shared_ptr<StrictNode> NewNode(const StrictOptions& options = {}) {
  return std::make_shared<StrictNode>(options, "disk");
}

// A root whose requests take as long as the test says.
class SlowRoot final : public EdgeParent {
 public:
  explicit SlowRoot(NodeRef node) { EXPECT_TRUE(edge_.Attach(std::move(node), {}).ok()); }
  std::string Describe() const override { return "slow root"; }
  Task<void> Quiesce() override {
    ++quiesced;
    co_return;
  }
  void Unquiesce() override { --quiesced; }
  int quiesced = 0;

 private:
  Edge edge_{*this, "root"};
};

Task<void> DrainAndCheck(BlockNode& node, std::vector<SlowRoot*> roots, int times) {
  DrainedSection drained = co_await DrainedSection::Begin(node);
  for (const SlowRoot* const root : roots) EXPECT_EQ(root->quiesced, times);
  if (times < 3) co_await DrainAndCheck(node, roots, times + 1);
  for (const SlowRoot* const root : roots) EXPECT_EQ(root->quiesced, times);
}

TEST(DrainedSectionTest, QuiescesEveryRootOnceAndNests) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  const auto node = NewNode();
  const auto left = std::make_shared<FilterNode>("left");
  const auto right = std::make_shared<FilterNode>("right");
  ASSERT_TRUE(left->Open(node).ok());
  ASSERT_TRUE(right->Open(node).ok());
  const auto other = NewNode();
  SlowRoot a(left);
  SlowRoot b(right);
  SlowRoot c(node);
  SlowRoot bystander(other);
  BlockOn(io, DrainAndCheck(*node, {&a, &b, &c}, 1));
  EXPECT_EQ(a.quiesced + b.quiesced + c.quiesced + bystander.quiesced, 0);
}

// What `left` shares with others below it is quiet too: a resize or a permission goes down there.
TEST(DrainedSectionTest, QuiescesTheOtherUsersOfWhatIsBelow) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  const auto node = NewNode();
  const auto left = std::make_shared<FilterNode>("left");
  const auto right = std::make_shared<FilterNode>("right");
  const auto above_left = std::make_shared<FilterNode>("above_left");
  ASSERT_TRUE(left->Open(node).ok());
  ASSERT_TRUE(right->Open(node).ok());
  ASSERT_TRUE(above_left->Open(left).ok());
  const auto other = NewNode();
  SlowRoot a(above_left);
  SlowRoot b(right);
  SlowRoot c(node);
  SlowRoot bystander(other);
  BlockOn(io, DrainAndCheck(*above_left, {&a, &b, &c}, 1));
  EXPECT_EQ(a.quiesced + b.quiesced + c.quiesced + bystander.quiesced, 0);
}

Task<void> WatchDrain(TestRoot& root, BlockNode& node, bool& drained_now) {
  DrainedSection drained = co_await DrainedSection::Begin(node);
  EXPECT_EQ(root.in_flight(), 0);
  EXPECT_TRUE(root.quiesced());
  drained_now = true;
  drained.End();
  EXPECT_FALSE(root.quiesced());
}

TEST(DrainedSectionTest, C_30_BeginsOnlyWhenNothingIsInFlight) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  const auto node = NewNode({.completion = StrictOptions::Completion::kLaterTurn});
  TestRoot root;
  ASSERT_TRUE(root.Open(node).ok());
  std::vector<uint8_t> data(512);
  DiskIo request(root, io);
  request.Transfer(IoOp::kRead, 0, data).Submit();
  bool drained = false;
  Spawn(io, WatchDrain(root, *node, drained));
  io.RunUntil([&] { return drained; });
  EXPECT_TRUE(request.done());
}

}  // namespace
}  // namespace platter

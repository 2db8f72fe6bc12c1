// SPDX-License-Identifier: Apache-2.0
#include "drivers/edge_op.h"

#include "gtest/gtest.h"

#include "aio/simulated/world.h"

namespace platter {
namespace {

class PlainRequest final : public IoRequest {
 public:
  void OnIoDone(IoResult) override {}
};

class CountingOp final : public EdgeOp {
 public:
  explicit CountingOp(IoRequest& parent) : EdgeOp(parent) {}
  void CancelOp() override { ++cancels; }
  int cancels = 0;
};

TEST(EdgeOpListTest, FindsOpsByTheirParentInAnyOrderOfRemoval) {
  SimulatedWorld world(1);
  EdgeOpList list(world.NewContext("io"));
  PlainRequest requests[3];
  CountingOp first(requests[0]);
  CountingOp second(requests[1]);
  CountingOp third(requests[2]);
  EXPECT_TRUE(list.empty());
  list.Add(first);
  list.Add(second);
  list.Add(third);
  list.Find(requests[1])->CancelOp();
  EXPECT_EQ(second.cancels, 1);
  list.Remove(second);
  EXPECT_EQ(list.Find(requests[1]), nullptr);
  EXPECT_EQ(list.Find(requests[0]), &first);
  list.Remove(third);
  EXPECT_EQ(list.Find(requests[0]), &first);
  list.Remove(first);
  EXPECT_TRUE(list.empty());
}

}  // namespace
}  // namespace platter

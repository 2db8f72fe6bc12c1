// SPDX-License-Identifier: Apache-2.0
#include "drivers/per_context.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"

namespace platter {
namespace {

struct Cell {
  explicit Cell(AioContext& owner) : context(&owner) {}
  AioContext* context;
  int value = 0;
};

TEST(PerContextTest, EachContextHasItsOwn) {
  SimulatedWorld world(1);
  AioContext& a = world.NewContext("a");
  AioContext& b = world.NewContext("b");
  PerContext<Cell> cells;
  EXPECT_EQ(cells.Find(a), nullptr);
  cells.Get(a).value = 1;
  cells.Get(b).value = 2;
  EXPECT_EQ(cells.Find(a)->value, 1);
  EXPECT_EQ(cells.Get(b).value, 2);
  EXPECT_EQ(cells.Find(a)->context, &a);
  int sum = 0;
  cells.ForEach([&sum](const Cell& cell) { sum += cell.value; });
  EXPECT_EQ(sum, 3);
}

TEST(PerContextTest, ThreadsMayAskForTheirsAtTheSameTime) {
  SimulatedWorld world(1);
  std::vector<AioContext*> contexts;
  for (int i = 0; i < 4; ++i) contexts.push_back(&world.NewContext("io"));
  PerContext<Cell> cells;
  std::vector<std::thread> threads;
  for (AioContext* const context : contexts) {
    threads.emplace_back([&cells, context] {
      for (int i = 0; i < 1000; ++i) ++cells.Get(*context).value;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (AioContext* const context : contexts) EXPECT_EQ(cells.Find(*context)->value, 1000);
}

}  // namespace
}  // namespace platter

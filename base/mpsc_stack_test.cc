// SPDX-License-Identifier: Apache-2.0
#include "base/mpsc_stack.h"

#include <array>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

struct Item {
  int producer = 0;
  int value = 0;
  Item* next = nullptr;
};
using Stack = MpscStack<Item, &Item::next>;
using Fifo = IntrusiveFifo<Item, &Item::next>;

TEST(MpscStackTest, GivesPushOrderAndTellsTheFirstPush) {
  Stack stack;
  Item a{0, 1}, b{0, 2};
  EXPECT_TRUE(stack.Push(a));
  EXPECT_FALSE(stack.Push(b));
  Fifo fifo;
  stack.TakeAll(fifo);
  EXPECT_EQ(fifo.PopFront(), &a);
  EXPECT_EQ(fifo.PopFront(), &b);
  EXPECT_TRUE(stack.empty());
}

TEST(MpscStackTest, ManyProducersLoseNothingAndKeepTheirOwnOrder) {
  constexpr int kProducers = 3;
  constexpr int kEach = 20000;
  Stack stack;
  std::vector<std::vector<Item>> items(kProducers, std::vector<Item>(kEach));
  std::vector<std::thread> threads;
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([&stack, &mine = items[p], p] {
      for (int i = 0; i < kEach; ++i) {
        mine[i].producer = p;
        mine[i].value = i;
        stack.Push(mine[i]);
      }
    });
  }
  std::array<int, kProducers> expected{};
  int seen = 0;
  while (seen < kProducers * kEach) {
    Fifo fifo;
    stack.TakeAll(fifo);
    while (Item* item = fifo.PopFront()) {
      ASSERT_EQ(item->value, expected[item->producer]++);
      ++seen;
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(stack.empty());
}

}  // namespace
}  // namespace platter

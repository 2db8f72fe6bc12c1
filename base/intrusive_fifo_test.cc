// SPDX-License-Identifier: Apache-2.0
#include "base/intrusive_fifo.h"

#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

struct Item {
  int value = 0;
  Item* next = nullptr;
};
using Fifo = IntrusiveFifo<Item, &Item::next>;

std::vector<int> Drain(Fifo& fifo) {
  std::vector<int> values;
  while (Item* item = fifo.PopFront()) values.push_back(item->value);
  return values;
}

TEST(IntrusiveFifoTest, KeepsOrder) {
  Item a{1}, b{2}, c{3};
  Fifo fifo;
  EXPECT_TRUE(fifo.empty());
  fifo.PushBack(b);
  fifo.PushBack(c);
  fifo.PushFront(a);
  EXPECT_EQ(fifo.front(), &a);
  EXPECT_EQ(Drain(fifo), (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(fifo.empty());
}

TEST(IntrusiveFifoTest, AppendMovesAll) {
  Item a{1}, b{2}, c{3};
  Fifo first;
  Fifo second;
  first.PushBack(a);
  second.PushBack(b);
  second.PushBack(c);
  first.Append(second);
  EXPECT_TRUE(second.empty());
  EXPECT_EQ(Drain(first), (std::vector<int>{1, 2, 3}));
}

TEST(IntrusiveFifoTest, RemoveAtEveryPlaceKeepsTheTail) {
  for (int removed = 1; removed <= 3; ++removed) {
    Item items[] = {{1}, {2}, {3}};
    Fifo fifo;
    for (Item& item : items) fifo.PushBack(item);
    EXPECT_TRUE(fifo.Remove(items[removed - 1]));
    EXPECT_FALSE(fifo.Remove(items[removed - 1]));
    Item last{4};
    fifo.PushBack(last);
    std::vector<int> expected = {1, 2, 3, 4};
    expected.erase(expected.begin() + removed - 1);
    EXPECT_EQ(Drain(fifo), expected);
  }
}

}  // namespace
}  // namespace platter

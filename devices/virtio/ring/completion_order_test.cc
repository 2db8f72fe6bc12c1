// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/completion_order.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

std::vector<uint16_t> DrainDone(CompletionOrder& order) {
  std::vector<uint16_t> heads;
  CompletionOrder::Used used;
  while (order.NextDone(&used)) {
    EXPECT_EQ(used.written, used.head * 10u);
    heads.push_back(used.head);
  }
  return heads;
}

// Whatever the order of completion is, that of use is the order of taking, and as early as it can
// be.
TEST(CompletionOrderTest, EveryOrderOfUpToFiveCompletions) {
  for (uint32_t count = 1; count <= 5; ++count) {
    std::vector<uint16_t> done(count);
    std::iota(done.begin(), done.end(), uint16_t{0});
    do {
      CompletionOrder order;
      order.Reset(5);
      for (uint16_t i = 0; i < count; ++i) order.Take(static_cast<uint16_t>(4 - i));
      std::vector<bool> is_done(count);
      std::vector<uint16_t> given;
      for (const uint16_t place : done) {
        order.Done(static_cast<uint16_t>(4 - place), (4u - place) * 10);
        is_done[place] = true;
        const std::vector<uint16_t> now = DrainDone(order);
        given.insert(given.end(), now.begin(), now.end());
        const auto first_open = std::find(is_done.begin(), is_done.end(), false);
        ASSERT_EQ(given.size(), static_cast<size_t>(first_open - is_done.begin()));
        ASSERT_EQ(
            order.held(),
            static_cast<size_t>(std::count(is_done.begin(), is_done.end(), true)) - given.size());
      }
      for (uint16_t i = 0; i < count; ++i) ASSERT_EQ(given[i], 4 - i);
    } while (std::next_permutation(done.begin(), done.end()));
  }
}

TEST(CompletionOrderTest, GoesRound) {
  CompletionOrder order;
  order.Reset(3);
  for (int i = 0; i < 1000; ++i) {
    order.Take(2);
    order.Take(0);
    order.Done(0, 0);
    EXPECT_EQ(DrainDone(order), (std::vector<uint16_t>{}));
    order.Done(2, 20);
    ASSERT_EQ(DrainDone(order), (std::vector<uint16_t>{2, 0}));
  }
}

TEST(CompletionOrderTest, WhatWasNotTakenAfterAllHoldsNothing) {
  CompletionOrder order;
  order.Reset(4);
  order.Take(1);
  order.Take(2);
  order.UndoTake();
  order.Take(3);
  order.Done(3, 30);
  order.Done(1, 10);
  EXPECT_EQ(DrainDone(order), (std::vector<uint16_t>{1, 3}));
}

TEST(CompletionOrderTest, NothingPassesWhatWasDropped) {
  CompletionOrder order;
  order.Reset(4);
  order.Take(1);
  order.Take(2);
  order.Drop(1);
  order.Done(2, 20);
  EXPECT_EQ(DrainDone(order), (std::vector<uint16_t>{}));
  EXPECT_EQ(order.held(), 1u);
  order.Reset(4);
  EXPECT_EQ(order.held(), 0u);
}

TEST(CompletionOrderTest, WhatIsHeldCanBeTakenUpAgain) {
  CompletionOrder order;
  order.Reset(4);
  for (const uint16_t head : {3, 1, 0, 2}) order.Take(head);
  order.Done(1, 10);
  order.Done(2, 20);
  const std::vector<HeldChain> held = order.Held();
  EXPECT_EQ(held, (std::vector<HeldChain>{{1, 1, 10}, {3, 2, 20}}));

  CompletionOrder other;
  other.Reset(4);
  other.Restore(4, held);
  EXPECT_EQ(other.Held(), held);
  other.Take(3);
  other.Done(3, 30);  // Done before the others are known.
  EXPECT_EQ(DrainDone(other), (std::vector<uint16_t>{3, 1}));
  other.Take(0);
  other.Done(0, 0);
  EXPECT_EQ(DrainDone(other), (std::vector<uint16_t>{0, 2}));
  other.Take(1);
  other.Done(1, 10);
  EXPECT_EQ(DrainDone(other), (std::vector<uint16_t>{1}));
}

}  // namespace
}  // namespace platter

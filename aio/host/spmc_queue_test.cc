// SPDX-License-Identifier: Apache-2.0

#include "aio/host/spmc_queue.h"

#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(SpmcQueue, GivesElementsInTheOrderPushed) {
  SpmcQueue<int, 4> queue;
  std::array<int, 3> elements = {};
  for (int& element : elements) EXPECT_TRUE(queue.TryPush(element));
  for (int& element : elements) EXPECT_EQ(queue.TryPop(), &element);
}

TEST(SpmcQueue, IsEmptyAtFirstAndWhenAllIsTaken) {
  SpmcQueue<int, 2> queue;
  EXPECT_EQ(queue.TryPop(), nullptr);
  int element = 0;
  EXPECT_TRUE(queue.TryPush(element));
  EXPECT_EQ(queue.TryPop(), &element);
  EXPECT_EQ(queue.TryPop(), nullptr);
}

TEST(SpmcQueue, RefusesWhatDoesNotFitAndTakesItWhenThereIsRoom) {
  SpmcQueue<int, 2> queue;
  std::array<int, 3> elements = {};
  EXPECT_TRUE(queue.TryPush(elements[0]));
  EXPECT_TRUE(queue.TryPush(elements[1]));
  EXPECT_FALSE(queue.TryPush(elements[2]));
  EXPECT_EQ(queue.TryPop(), &elements[0]);
  EXPECT_TRUE(queue.TryPush(elements[2]));
  EXPECT_EQ(queue.TryPop(), &elements[1]);
  EXPECT_EQ(queue.TryPop(), &elements[2]);
  EXPECT_EQ(queue.TryPop(), nullptr);
}

TEST(SpmcQueue, GoesRoundManyTimesWithEveryFilling) {
  SpmcQueue<size_t, 4> queue;
  std::array<size_t, 4> elements = {};
  for (size_t filling = 1; filling <= elements.size(); ++filling) {
    for (int lap = 0; lap < 100; ++lap) {
      for (size_t i = 0; i < filling; ++i) ASSERT_TRUE(queue.TryPush(elements[i]));
      for (size_t i = 0; i < filling; ++i) ASSERT_EQ(queue.TryPop(), &elements[i]);
      ASSERT_EQ(queue.TryPop(), nullptr);
    }
  }
}

// One producer, several consumers: each element comes out exactly once, with what its producer
// wrote into it, and a consumer sees the elements it gets in the order pushed.
TEST(SpmcQueue, ManyConsumersShareOutEveryElementOnce) {
  constexpr size_t kElements = 20000;
  constexpr size_t kConsumers = 3;
  struct Element {
    size_t number = 0;
    std::atomic<int> taken{0};
  };
  const auto elements = std::make_unique<std::array<Element, kElements>>();
  SpmcQueue<Element, 8> queue;
  std::atomic<size_t> left{kElements};
  std::atomic<size_t> wrong{0};
  std::vector<std::thread> consumers;
  for (size_t i = 0; i < kConsumers; ++i) {
    consumers.emplace_back([&] {
      size_t least = 0;
      while (left.load() != 0) {
        Element* element = queue.TryPop();
        if (element == nullptr) {
          std::this_thread::yield();
          continue;
        }
        if (element->number <= least) ++wrong;
        least = element->number;
        ++element->taken;
        --left;
      }
    });
  }
  size_t number = 0;
  for (Element& element : *elements) {
    element.number = ++number;  // plain memory: the queue orders it before the consumer's reads
    while (!queue.TryPush(element)) std::this_thread::yield();
  }
  for (std::thread& consumer : consumers) consumer.join();
  EXPECT_EQ(wrong.load(), 0u);
  for (const Element& element : *elements) ASSERT_EQ(element.taken.load(), 1);
  EXPECT_EQ(queue.TryPop(), nullptr);
}

// A full queue and consumers that start together meet at the same elements all the time.
TEST(SpmcQueue, ConsumersThatMeetAtAnElementDoNotBothGetIt) {
  constexpr int kRounds = 200;
  constexpr size_t kConsumers = 2;
  using Element = std::atomic<int>;  // how often it was taken
  const auto elements = std::make_unique<std::array<Element, 1024>>();
  const auto queue = std::make_unique<SpmcQueue<Element, 1024>>();
  std::barrier gate(static_cast<std::ptrdiff_t>(kConsumers + 1));
  std::vector<std::thread> consumers;
  for (size_t i = 0; i < kConsumers; ++i) {
    consumers.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        gate.arrive_and_wait();
        while (Element* element = queue->TryPop()) ++*element;
        gate.arrive_and_wait();
      }
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    for (Element& element : *elements) EXPECT_TRUE(queue->TryPush(element));
    gate.arrive_and_wait();
    gate.arrive_and_wait();
    int wrong = 0;
    for (Element& element : *elements) wrong += element.exchange(0) == 1 ? 0 : 1;
    EXPECT_EQ(wrong, 0) << "round " << round;
  }
  for (std::thread& consumer : consumers) consumer.join();
}

}  // namespace
}  // namespace platter

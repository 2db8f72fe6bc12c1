// SPDX-License-Identifier: Apache-2.0
#include "aio/host/pool_file_io.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/host/spmc_queue.h"

namespace platter {
namespace {

TEST(SpmcQueueTest, FullAndEmptyAreTold) {
  SpmcQueue<int, 4> queue;
  std::array<int, 5> values = {0, 1, 2, 3, 4};
  EXPECT_EQ(queue.TryPop(), nullptr);
  for (int lap = 0; lap < 3; ++lap) {
    for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(queue.TryPush(values[i]));
    EXPECT_FALSE(queue.TryPush(values[4]));
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(queue.TryPop(), &values[i]);
    EXPECT_EQ(queue.TryPop(), nullptr);
  }
}

TEST(SpmcQueueTest, ConsumersTakeEveryElementOnce) {
  constexpr int kElements = 100'000;
  constexpr int kConsumers = 3;
  SpmcQueue<std::atomic<int>, 16> queue;
  std::vector<std::atomic<int>> taken(kElements);
  std::atomic<int> total{0};
  std::vector<std::thread> consumers;
  for (int i = 0; i < kConsumers; ++i) {
    consumers.emplace_back([&] {
      while (total.load() < kElements) {
        std::atomic<int>* element = queue.TryPop();
        if (element == nullptr) {
          std::this_thread::yield();
          continue;
        }
        element->fetch_add(1);
        total.fetch_add(1);
      }
    });
  }
  for (auto& element : taken) {
    while (!queue.TryPush(element)) std::this_thread::yield();
  }
  for (std::thread& consumer : consumers) consumer.join();
  for (const auto& element : taken) ASSERT_EQ(element.load(), 1);
}

// Lets a test wait for completions.
class CountingWaker final : public Waker {
 public:
  void Wake() override {
    wakes_.fetch_add(1);
    wakes_.notify_one();
  }
  void WaitForOneAfter(uint32_t seen) { wakes_.wait(seen); }
  uint32_t wakes() const { return wakes_.load(); }

 private:
  std::atomic<uint32_t> wakes_{0};
};

struct SyncOp final : FileOp {
  SyncOp() {
    kind = FileOpKind::kSync;
    fd = -1;
  }
  void OnFileDone(int64_t done_result) override {
    EXPECT_EQ(done_result, -EBADF);
    ++calls;
  }
  int calls = 0;
};

TEST(PoolFileIoTest, MoreThanTheQueueHoldsCompletesOnceEach) {
  CountingWaker waker;
  PoolFileIo pool(waker, 3);
  std::vector<SyncOp> ops(5'000);
  for (SyncOp& op : ops) pool.Submit(op);
  EXPECT_EQ(pool.outstanding(), 5'000u);
  while (pool.outstanding() > 0) {
    pool.Flush();
    const uint32_t seen = waker.wakes();
    if (!pool.RunDone()) waker.WaitForOneAfter(seen);
  }
  for (const SyncOp& op : ops) EXPECT_EQ(op.calls, 1);
}

TEST(PoolFileIoTest, R_C35_SleepingThreadsWakeForEveryBatch) {
  CountingWaker waker;
  PoolFileIo pool(waker, 4);
  SyncOp op;
  for (int i = 1; i <= 2'000; ++i) {
    pool.Submit(op);
    pool.Flush();
    for (;;) {
      const uint32_t seen = waker.wakes();
      if (pool.RunDone()) break;
      waker.WaitForOneAfter(seen);
    }
    ASSERT_EQ(op.calls, i);
  }
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "drivers/overlap_tracker.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "testing/model/random.h"

namespace platter {
namespace {

using Mode = OverlapTracker::Mode;

class Request final : public OverlapTracker::Entry {
 public:
  void OnOverlapGone() override { free.store(true); }
  std::atomic<bool> free{false};
};

TEST(OverlapTrackerTest, SharedRequestsNeverWaitForEachOther) {
  OverlapTracker tracker;
  Request a;
  Request b;
  EXPECT_TRUE(tracker.Add(a, 0, 100, Mode::kShared));
  EXPECT_TRUE(tracker.Add(b, 50, 60, Mode::kShared));
  tracker.Remove(a);
  tracker.Remove(b);
}

TEST(OverlapTrackerTest, SerialisingWaitsForOverlapsOnly) {
  OverlapTracker tracker;
  Request low;
  Request high;
  Request serialising;
  EXPECT_TRUE(tracker.Add(low, 0, 100, Mode::kShared));
  EXPECT_TRUE(tracker.Add(high, 100, 200, Mode::kShared));
  EXPECT_FALSE(tracker.Add(serialising, 50, 100, Mode::kSerialising));
  tracker.Remove(high);
  EXPECT_FALSE(serialising.free);
  tracker.Remove(low);
  EXPECT_TRUE(serialising.free);
  tracker.Remove(serialising);
}

// A steady stream of requests that don't wait for each other does not starve one that does.
TEST(OverlapTrackerTest, LaterRequestsQueueBehindOneThatWaits) {
  OverlapTracker tracker;
  Request first;
  Request serialising;
  Request later;
  EXPECT_TRUE(tracker.Add(first, 0, 10, Mode::kShared));
  EXPECT_FALSE(tracker.Add(serialising, 0, 10, Mode::kSerialising));
  EXPECT_FALSE(tracker.Add(later, 5, 6, Mode::kShared));
  tracker.Remove(first);
  EXPECT_TRUE(serialising.free);
  EXPECT_FALSE(later.free);
  tracker.Remove(serialising);
  EXPECT_TRUE(later.free);
  tracker.Remove(later);
}

// Two threads read, then write, counters that share ranges: no update is lost.
TEST(OverlapTrackerTest, ThreadsDoNotTearEachOthersUpdates) {
  constexpr int kRounds = 3000;
  constexpr uint64_t kCells = 4;
  OverlapTracker tracker;
  int cells[kCells] = {};
  const auto work = [&](uint64_t seed) {
    Random random(seed);
    for (int i = 0; i < kRounds; ++i) {
      const uint64_t begin = random.Below(kCells);
      const uint64_t end = begin + 1 + random.Below(kCells - begin);
      Request request;
      if (!tracker.Add(request, begin, end, Mode::kSerialising)) {
        while (!request.free.load(std::memory_order_acquire)) std::this_thread::yield();
      }
      for (uint64_t cell = begin; cell < end; ++cell) ++cells[cell];
      tracker.Remove(request);
    }
  };
  std::thread other(work, 1);
  work(2);
  other.join();
  int expected[kCells] = {};
  for (const uint64_t seed : {1, 2}) {
    Random random(seed);
    for (int i = 0; i < kRounds; ++i) {
      const uint64_t begin = random.Below(kCells);
      const uint64_t end = begin + 1 + random.Below(kCells - begin);
      for (uint64_t cell = begin; cell < end; ++cell) ++expected[cell];
    }
  }
  for (uint64_t cell = 0; cell < kCells; ++cell) EXPECT_EQ(cells[cell], expected[cell]);
}

}  // namespace
}  // namespace platter

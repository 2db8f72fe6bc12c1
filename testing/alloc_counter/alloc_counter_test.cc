// SPDX-License-Identifier: Apache-2.0
#include "testing/alloc_counter/alloc_counter.h"

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

// Keeps the compiler from removing an allocation.
void* volatile sink;

TEST(AllocCounterTest, CountsInTheNormalBuildOnly) {
  EXPECT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
}

TEST(AllocCounterTest, EveryWayToAllocateIsCountedOnce) {
  const uint64_t one = kBuiltWithSanitizer ? 0 : 1;
  const auto expect_one = [&](const char* what, void* (*allocate)()) {
    const AllocationWindow window;
    sink = allocate();
    EXPECT_EQ(window.count(), one) << what;
    std::free(sink);
  };
  expect_one("malloc", [] { return std::malloc(10); });
  expect_one("calloc", [] { return std::calloc(2, 10); });
  expect_one("realloc", [] { return std::realloc(nullptr, 10); });
  expect_one("aligned_alloc", [] { return std::aligned_alloc(64, 64); });
  expect_one("posix_memalign", [] {
    void* memory = nullptr;
    EXPECT_EQ(posix_memalign(&memory, 64, 100), 0);
    return memory;
  });
  {
    const AllocationWindow window;
    auto memory = std::make_unique<std::string>();
    sink = memory.get();
    EXPECT_EQ(window.count(), one);
  }
}

TEST(AllocCounterTest, OtherThreadsAreCounted) {
  uint64_t inside = 0;
  std::thread([&] {
    const AllocationWindow window;
    auto memory = std::make_unique<std::vector<int>>(100);
    sink = memory.get();
    inside = window.count();
  }).join();
  EXPECT_EQ(inside, kBuiltWithSanitizer ? 0u : 2u);
}

TEST(AllocCounterTest, NothingAllocatedNothingCounted) {
  const AllocationWindow window;
  volatile int value = 0;
  for (int i = 0; i < 1000; ++i) value = i;
  EXPECT_EQ(value, 999);
  EXPECT_EQ(window.count(), 0u);
}

}  // namespace
}  // namespace platter

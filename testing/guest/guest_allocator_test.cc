// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/guest_allocator.h"

#include <vector>

#include "gtest/gtest.h"

#include "testing/model/random.h"

namespace platter {
namespace {

TEST(GuestAllocatorTest, AlignsAndStaysInARegion) {
  GuestAllocator allocator;
  allocator.AddRegion(0x1001, 0xfff);
  allocator.AddRegion(0x2000, 0x1000);
  EXPECT_EQ(*allocator.Allocate(16, 16), 0x1010u);
  // 0x1800 bytes would need both regions.
  EXPECT_EQ(allocator.Allocate(0x1800, 1).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(*allocator.Allocate(0x1000, 0x1000), 0x2000u);
}

TEST(GuestAllocatorTest, WhatIsFreedJoinsAgain) {
  constexpr uint64_t kSeed = 11;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  GuestAllocator allocator;
  allocator.AddRegion(0x1000, 0x10000);
  allocator.AddRegion(0x11000, 0x10000);
  std::vector<uint64_t> held;
  for (int i = 0; i < 5000; ++i) {
    if (held.empty() || random.OneIn(2)) {
      const auto got = allocator.Allocate(random.Between(1, 700), 1u << random.Below(8));
      if (got.ok()) held.push_back(*got);
    } else {
      std::swap(held[random.Below(held.size())], held.back());
      allocator.Free(held.back());
      held.pop_back();
    }
  }
  for (const uint64_t address : held) allocator.Free(address);
  EXPECT_EQ(allocator.free_bytes(), 0x20000u);
  EXPECT_TRUE(allocator.Allocate(0x10000, 1).ok());
  EXPECT_TRUE(allocator.Allocate(0x10000, 1).ok());
}

TEST(GuestAllocatorDeathTest, FreeingWhatIsNotAllocatedIsAnErrorOfTheTest) {
  GuestAllocator allocator;
  allocator.AddRegion(0x1000, 0x1000);
  EXPECT_DEATH(allocator.Free(0x1000), "check failed");
}

}  // namespace
}  // namespace platter

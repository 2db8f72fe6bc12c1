// SPDX-License-Identifier: Apache-2.0
#include "drivers/memory/sparse_memory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr uint64_t kPage = SparseMemory::kPageBytes;

bool IsZero(SparseMemory& memory, uint64_t offset, uint64_t bytes) {
  return std::all_of(memory.data() + offset, memory.data() + offset + bytes,
                     [](uint8_t byte) { return byte == 0; });
}

TEST(SparseMemoryTest, CountsPagesOnceAndGivesThemBack) {
  SparseMemory memory;
  ASSERT_TRUE(memory.Resize(kGiB).ok());
  EXPECT_TRUE(memory.Take(kPage - 1, 2));
  EXPECT_TRUE(memory.Take(0, 2 * kPage));
  EXPECT_EQ(memory.taken_bytes(), 2 * kPage);
  std::memset(memory.data(), 1, 2 * kPage);
  memory.Free(1, kPage);  // No page whole.
  EXPECT_EQ(memory.taken_bytes(), 2 * kPage);
  EXPECT_EQ(memory.data()[0], 1);
  EXPECT_TRUE(IsZero(memory, 1, kPage));
  memory.Free(0, 2 * kPage);
  EXPECT_EQ(memory.taken_bytes(), 0u);
  EXPECT_TRUE(IsZero(memory, 0, 2 * kPage));
}

TEST(SparseMemoryTest, TheLimitIsAllOrNothingAndLive) {
  SparseMemory memory;
  ASSERT_TRUE(memory.Resize(kMiB).ok());
  memory.set_limit(3 * kPage);
  EXPECT_TRUE(memory.Take(0, 2 * kPage));
  EXPECT_FALSE(memory.Take(2 * kPage, 2 * kPage));
  EXPECT_EQ(memory.taken_bytes(), 2 * kPage);
  EXPECT_TRUE(memory.Take(0, 3 * kPage));
  memory.set_limit(4 * kPage);
  EXPECT_TRUE(memory.Take(3 * kPage, 1));
  memory.set_limit(0);
  EXPECT_TRUE(memory.Take(0, 4 * kPage));  // Has its room already.
  EXPECT_FALSE(memory.Take(4 * kPage, 1));
}

TEST(SparseMemoryTest, RunsOfPagesAcrossWords) {
  SparseMemory memory;
  ASSERT_TRUE(memory.Resize(kGiB).ok());
  ASSERT_TRUE(memory.Take(300 * kPage, 200 * kPage));
  EXPECT_EQ(memory.RunEnd(5, kGiB), 300 * kPage);
  EXPECT_EQ(memory.RunEnd(300 * kPage + 7, kGiB), 500 * kPage);
  EXPECT_EQ(memory.RunEnd(500 * kPage, kGiB), kGiB);
  EXPECT_EQ(memory.RunEnd(0, 100), 100u);
}

TEST(SparseMemoryTest, ResizeKeepsContentAndForgetsWhatWasCutOff) {
  SparseMemory memory;
  ASSERT_TRUE(memory.Resize(10000).ok());
  ASSERT_TRUE(memory.Take(0, 10000));
  std::memset(memory.data(), 1, 10000);
  ASSERT_TRUE(memory.Resize(5000).ok());
  EXPECT_EQ(memory.taken_bytes(), 2 * kPage);
  ASSERT_TRUE(memory.Resize(20000).ok());
  EXPECT_EQ(memory.data()[4999], 1);
  EXPECT_TRUE(IsZero(memory, 5000, 15000));
  ASSERT_TRUE(memory.Resize(0).ok());
  EXPECT_EQ(memory.taken_bytes(), 0u);
  EXPECT_EQ(ErrnoOf(memory.Resize(uint64_t{1} << 60)), EFBIG);
}

TEST(SparseMemoryTest, ThreadsThatTakeAndFreeEndWithARightAccount) {
  SparseMemory memory;
  ASSERT_TRUE(memory.Resize(kMiB).ok());
  const auto work = [&memory](uint64_t step) {
    for (uint64_t i = 0; i < 2000; ++i) {
      const uint64_t page = i * step % 200;
      memory.Take(page * kPage, 3 * kPage);
      if (i % 3 == 0) memory.Free(page * kPage, 2 * kPage);
    }
  };
  std::thread other(work, 7);
  work(11);
  other.join();
  uint64_t taken = 0;
  for (uint64_t page = 0; page < kMiB / kPage; ++page)
    taken += memory.IsTaken(page * kPage) ? 1 : 0;
  EXPECT_EQ(memory.taken_bytes(), taken * kPage);
}

}  // namespace
}  // namespace platter

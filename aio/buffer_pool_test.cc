// SPDX-License-Identifier: Apache-2.0
#include "aio/buffer_pool.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(BufferPoolTest, EverySizeIsUsableAndAligned) {
  BufferPool pool;
  for (size_t size : {size_t{0}, size_t{1}, size_t{64}, size_t{65}, size_t{4095}, size_t{4096},
                      size_t{4097}, size_t{1} << 20, BufferPool::kMaxSize}) {
    void* memory = pool.TryAllocate(size);
    ASSERT_NE(memory, nullptr) << size;
    const size_t alignment = size > BufferPool::kPageAligned / 2 ? 4096 : 64;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % alignment, 0u) << size;
    std::memset(memory, 0xff, size);
    EXPECT_EQ(pool.outstanding(), 1u);
    pool.Free(memory, size);
    EXPECT_EQ(pool.outstanding(), 0u);
  }
}

TEST(BufferPoolTest, TooLargeIsRefused) {
  BufferPool pool;
  EXPECT_EQ(pool.TryAllocate(BufferPool::kMaxSize + 1), nullptr);
  EXPECT_EQ(pool.TryAllocate(SIZE_MAX), nullptr);
}

TEST(BufferPoolTest, GivenBackIsGivenOutAgain) {
  BufferPool pool;
  void* first = pool.Allocate(100);
  pool.Free(first, 100);
  EXPECT_EQ(pool.Allocate(128), first);  // The same class.
  void* other = pool.Allocate(128);
  EXPECT_NE(other, first);
  pool.Free(other, 128);
  pool.Free(first, 128);
}

TEST(BufferPoolTest, PiecesDoNotOverlap) {
  BufferPool pool;
  std::vector<unsigned char*> pieces;
  for (int i = 0; i < 100; ++i) {
    pieces.push_back(static_cast<unsigned char*>(pool.Allocate(200)));
    std::memset(pieces.back(), i, 200);
  }
  for (int i = 0; i < 100; ++i) {
    for (int at = 0; at < 200; ++at) ASSERT_EQ(pieces[static_cast<size_t>(i)][at], i);
    pool.Free(pieces[static_cast<size_t>(i)], 200);
  }
}

TEST(BufferPoolTest, AClassIsWarmAfterItsFirstUse) {
  BufferPool pool;
  std::vector<unsigned char*> pieces = {static_cast<unsigned char*>(pool.Allocate(1024))};
  // The rest of the first chunk lies behind the first piece: nothing new is allocated for it.
  for (size_t i = 1; i < BufferPool::kChunkSize / 1024; ++i) {
    pieces.push_back(static_cast<unsigned char*>(pool.Allocate(1024)));
    EXPECT_EQ(pieces[i], pieces[0] + i * 1024);
  }
  for (unsigned char* piece : pieces) pool.Free(piece, 1024);
}

TEST(BufferPoolTest, NewAndDelete) {
  struct Counted {
    explicit Counted(int& counter) : alive(counter) { ++alive; }
    ~Counted() { --alive; }
    int& alive;
  };
  BufferPool pool;
  int alive = 0;
  auto* object = pool.New<Counted>(alive);
  EXPECT_EQ(alive, 1);
  pool.Delete(object);
  EXPECT_EQ(alive, 0);
}

TEST(BufferPoolDeathTest, DyingWithPiecesOutIsAViolation) {
  EXPECT_DEATH(
      {
        BufferPool pool;
        pool.Allocate(10);
      },
      "outstanding_ == 0");
}

}  // namespace
}  // namespace platter

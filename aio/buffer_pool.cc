// SPDX-License-Identifier: Apache-2.0
#include "aio/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "base/check.h"

namespace platter {

namespace {

int ClassOf(size_t size) {
  if (size <= BufferPool::kMinSize) return 0;
  return static_cast<int>(std::bit_width(size - 1)) -
         static_cast<int>(std::bit_width(BufferPool::kMinSize - 1));
}

size_t ClassSize(int size_class) { return BufferPool::kMinSize << size_class; }

}  // namespace

BufferPool::~BufferPool() {
  PLATTER_CHECK(outstanding_ == 0);
  for (void* chunk : chunks_) std::free(chunk);
}

bool BufferPool::Grow(int size_class) {
  const size_t piece = ClassSize(size_class);
  const size_t bytes = std::max(piece, kChunkSize);
  auto* chunk = static_cast<char*>(
      std::aligned_alloc(piece >= kPageAligned ? kPageAligned : kMinSize, bytes));
  if (chunk == nullptr) return false;
  chunks_.push_back(chunk);
  // From the last piece to the first, so that they are given out in the order of their addresses.
  for (size_t at = bytes; at >= piece; at -= piece) {
    free_[size_class] = ::new (chunk + at - piece) FreeNode{free_[size_class]};
  }
  return true;
}

void* BufferPool::TryAllocate(size_t size) {
  if (size > kMaxSize) return nullptr;
  const int size_class = ClassOf(size);
  if (free_[size_class] == nullptr && !Grow(size_class)) [[unlikely]]
    return nullptr;
  void* memory = free_[size_class];
  free_[size_class] = free_[size_class]->next;
  ++outstanding_;
  return memory;
}

void* BufferPool::Allocate(size_t size) {
  PLATTER_CHECK(size <= kPageAligned);
  void* memory = TryAllocate(size);
  PLATTER_CHECK(memory != nullptr);
  return memory;
}

void BufferPool::Free(void* memory, size_t size) {
  const int size_class = ClassOf(size);
  free_[size_class] = ::new (memory) FreeNode{free_[size_class]};
  --outstanding_;
}

}  // namespace platter

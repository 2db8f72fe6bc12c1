// SPDX-License-Identifier: Apache-2.0
#include "aio/buffer_pool.h"

#include <bit>
#include <cstdlib>

#include "base/check.h"

namespace platter {

namespace {

int ClassOf(size_t size) {
  if (size <= BufferPool::kMinSize) return 0;
  return std::bit_width(size - 1) - std::bit_width(BufferPool::kMinSize - 1);
}

size_t ClassSize(int size_class) { return BufferPool::kMinSize << size_class; }

}  // namespace

BufferPool::~BufferPool() {
  PLATTER_CHECK(outstanding_ == 0);
  for (FreeNode* node : free_) {
    while (node != nullptr) {
      FreeNode* next = node->next;
      std::free(node);
      node = next;
    }
  }
}

void* BufferPool::TryAllocate(size_t size) {
  if (size > kMaxSize) return nullptr;
  const int size_class = ClassOf(size);
  void* memory = free_[size_class];
  if (memory != nullptr) [[likely]] {
    free_[size_class] = free_[size_class]->next;
  } else {
    const size_t bytes = ClassSize(size_class);
    memory = std::aligned_alloc(bytes >= kPageAligned ? kPageAligned : kMinSize, bytes);
    if (memory == nullptr) return nullptr;
  }
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

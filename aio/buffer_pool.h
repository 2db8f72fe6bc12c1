// SPDX-License-Identifier: Apache-2.0
//
// BufferPool: memory that an AioContext reuses: coroutine frames, child requests, bounce buffers.
// Power-of-two size classes with free lists; once a class is warm, taking from it is a few
// instructions and allocates nothing. A class grows by kChunkSize bytes of pieces at once (by one
// piece where that is larger), so it is warm after the first uses, not only after the worst moment.
//
// Ownership: the pool owns all memory; what was taken is given back before the pool dies (checked).
// Threading: one thread at a time (the context's). Give back in the context that it was taken in.
// Units: bytes. Alignment: classes from kPageAligned up are aligned to 4096, smaller ones to 64.
// Errors: TryAllocate returns nullptr when memory is short or size exceeds kMaxSize; Allocate is
// for
//   small fixed sizes of our own and aborts.

#ifndef PLATTER_AIO_BUFFER_POOL_H_
#define PLATTER_AIO_BUFFER_POOL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

namespace platter {

class BufferPool {
 public:
  static constexpr size_t kMinSize = 64;
  static constexpr size_t kPageAligned = 4096;
  static constexpr size_t kMaxSize = size_t{4} << 20;
  static constexpr size_t kChunkSize = size_t{64} << 10;

  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  // At least `size` bytes, not initialised; nullptr when size > kMaxSize or memory is short.
  void* TryAllocate(size_t size);
  // `size` <= kPageAligned; aborts when memory is short, as operator new would.
  void* Allocate(size_t size);
  // `size` as given to the allocation.
  void Free(void* memory, size_t size);

  // Pieces that are out now.
  uint64_t outstanding() const { return outstanding_; }

  // A T built in pool memory; sizeof(T) <= kPageAligned.
  template <typename T, typename... Args>
  T* New(Args&&... args) {
    static_assert(sizeof(T) <= kPageAligned && alignof(T) <= kMinSize);
    return ::new (Allocate(sizeof(T))) T(std::forward<Args>(args)...);
  }
  template <typename T>
  void Delete(T* object) {
    object->~T();
    Free(object, sizeof(T));
  }

 private:
  struct FreeNode {
    FreeNode* next;
  };
  static constexpr int kClasses = 17;  // 64 B ... 4 MiB.

  // False when memory is short.
  bool Grow(int size_class);

  std::array<FreeNode*, kClasses> free_{};
  std::vector<void*> chunks_;
  uint64_t outstanding_ = 0;
};

}  // namespace platter

#endif  // PLATTER_AIO_BUFFER_POOL_H_

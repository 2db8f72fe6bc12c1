// SPDX-License-Identifier: Apache-2.0
#include "testing/alloc_counter/alloc_counter.h"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

namespace platter {

namespace {

// Constant-initialised: malloc runs before any constructor does.
constinit std::atomic<uint64_t> allocations{0};

}  // namespace

uint64_t AllocationCount() { return allocations.load(std::memory_order_relaxed); }

bool AllocationsAreCounted() {
  const uint64_t before = AllocationCount();
  // Through a volatile pointer, so that the compiler can't remove the pair.
  void* volatile memory = std::malloc(1);
  std::free(memory);
  return AllocationCount() != before;
}

namespace alloc_counter_internal {

void Count() { allocations.fetch_add(1, std::memory_order_relaxed); }

}  // namespace alloc_counter_internal

}  // namespace platter

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define PLATTER_SANITIZER_OWNS_MALLOC 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLATTER_SANITIZER_OWNS_MALLOC 1
#endif

#ifndef PLATTER_SANITIZER_OWNS_MALLOC

// The C library's headers call the parameters __nmemb and the like.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)

// glibc's own entry points under their second names.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  platter::alloc_counter_internal::Count();
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  platter::alloc_counter_internal::Count();
  return __libc_calloc(count, size);
}

void* realloc(void* memory, size_t size) {
  platter::alloc_counter_internal::Count();
  return __libc_realloc(memory, size);
}

void* memalign(size_t alignment, size_t size) {
  platter::alloc_counter_internal::Count();
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** memory, size_t alignment, size_t size) {
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) {
    return EINVAL;
  }
  void* allocated = memalign(alignment, size);
  if (allocated == nullptr) return ENOMEM;
  *memory = allocated;
  return 0;
}
}  // extern "C"

// NOLINTEND(readability-inconsistent-declaration-parameter-name)

#endif  // PLATTER_SANITIZER_OWNS_MALLOC

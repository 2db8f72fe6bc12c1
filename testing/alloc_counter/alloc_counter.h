// SPDX-License-Identifier: Apache-2.0
//
// Counts the allocations of the whole process, on every thread, so that a test can assert that a
// path makes none. Linking this library replaces malloc, calloc, realloc, aligned_alloc, memalign
// and posix_memalign by versions that count and pass on; operator new ends in malloc and is counted
// with it. free is not counted.
//
//   ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
//   const uint64_t runs = AllocationsAreCounted() ? 100'000 : 1'000;  // Uncounted: fewer.
//   WarmUp();
//   const AllocationWindow window;
//   Run(runs);
//   EXPECT_EQ(window.count(), 0u);  // Always 0 under a sanitizer.
//
// Sanitizers replace malloc themselves: in their builds nothing is counted, AllocationCount() stays
// 0, and AllocationsAreCounted() is false. Asking that allocates: not within a window.
//
// Threading: any. Units: calls. Errors: none.

#ifndef PLATTER_TESTING_ALLOC_COUNTER_ALLOC_COUNTER_H_
#define PLATTER_TESTING_ALLOC_COUNTER_ALLOC_COUNTER_H_

#include <cstdint>

namespace platter {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kBuiltWithSanitizer = true;
#elif defined(__has_feature)
inline constexpr bool kBuiltWithSanitizer = __has_feature(address_sanitizer) ||
                                            __has_feature(thread_sanitizer) ||
                                            __has_feature(memory_sanitizer);
#else
inline constexpr bool kBuiltWithSanitizer = false;
#endif

// Calls of the allocation functions so far, on all threads.
uint64_t AllocationCount();

// Whether they are counted: found out by allocating.
bool AllocationsAreCounted();

// The allocations since it was made.
class AllocationWindow {
 public:
  AllocationWindow() : start_(AllocationCount()) {}
  uint64_t count() const { return AllocationCount() - start_; }

 private:
  const uint64_t start_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_ALLOC_COUNTER_ALLOC_COUNTER_H_

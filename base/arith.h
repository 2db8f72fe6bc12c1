// SPDX-License-Identifier: Apache-2.0
//
// Checked and rounding arithmetic on byte offsets and lengths, for numbers that come from outside.
//
// Threading: any. Units: bytes unless said. Errors: a result that does not fit is nullopt or false.

#ifndef PLATTER_BASE_ARITH_H_
#define PLATTER_BASE_ARITH_H_

#include <bit>
#include <cstdint>
#include <optional>

namespace platter {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;
inline constexpr uint64_t kTiB = 1024 * kGiB;

// The sector of virtio, ATA and the historical block layer, in bytes.
inline constexpr uint32_t kSectorSize = 512;

// a + b, or nullopt when it does not fit 64 bits.
constexpr std::optional<uint64_t> CheckedAdd(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

// a * b, or nullopt when it does not fit 64 bits.
constexpr std::optional<uint64_t> CheckedMul(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// Whether [offset, offset + bytes) lies within [0, length); an empty range at the end does.
constexpr bool RangeFits(uint64_t offset, uint64_t bytes, uint64_t length) {
  return offset <= length && bytes <= length - offset;
}

constexpr bool IsPowerOfTwo(uint64_t value) { return std::has_single_bit(value); }

// `value` rounded down or up to a multiple of `alignment`, a power of two. The caller makes sure
// that rounding up fits 64 bits.
constexpr uint64_t AlignDown(uint64_t value, uint64_t alignment) {
  return value & ~(alignment - 1);
}
constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return AlignDown(value + alignment - 1, alignment);
}
constexpr bool IsAligned(uint64_t value, uint64_t alignment) {
  return (value & (alignment - 1)) == 0;
}

}  // namespace platter

#endif  // PLATTER_BASE_ARITH_H_

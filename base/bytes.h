// SPDX-License-Identifier: Apache-2.0
//
// Integers with their byte order in the type: Le16 ... Be64 are laid out as a wire format has them,
// with no alignment and no padding, so a wire struct is a plain struct of these.
//
//   struct BlkHeader { Le32 type; Le32 reserved; Le64 sector; };
//   static_assert(sizeof(BlkHeader) == 16);
//
// Ownership: trivially copyable values. Threading: any. Errors: none.

#ifndef PLATTER_BASE_BYTES_H_
#define PLATTER_BASE_BYTES_H_

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace platter {

// The bytes of `value` in reverse order.
template <std::unsigned_integral T>
constexpr T ByteSwap(T value) {
  if constexpr (sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    static_assert(sizeof(T) == 8);
    return __builtin_bswap64(value);
  }
}

// An unsigned integer stored in byte order `kOrder`.
template <std::unsigned_integral T, std::endian kOrder>
class WireInt {
 public:
  constexpr WireInt() = default;
  constexpr WireInt(T value) { set(value); }  // NOLINT: reads like the integer it is

  constexpr T get() const {
    const T raw = std::bit_cast<T>(bytes_);
    return kOrder == std::endian::native ? raw : ByteSwap(raw);
  }
  constexpr void set(T value) {
    bytes_ = std::bit_cast<Bytes>(kOrder == std::endian::native ? value : ByteSwap(value));
  }

  friend constexpr bool operator==(const WireInt& a, const WireInt& b) {
    return a.get() == b.get();
  }

 private:
  struct Bytes {
    unsigned char at[sizeof(T)];
  };
  Bytes bytes_{};
};

using Le16 = WireInt<uint16_t, std::endian::little>;
using Le32 = WireInt<uint32_t, std::endian::little>;
using Le64 = WireInt<uint64_t, std::endian::little>;
using Be16 = WireInt<uint16_t, std::endian::big>;
using Be32 = WireInt<uint32_t, std::endian::big>;
using Be64 = WireInt<uint64_t, std::endian::big>;

static_assert(sizeof(Le64) == 8 && alignof(Le64) == 1);

}  // namespace platter

#endif  // PLATTER_BASE_BYTES_H_

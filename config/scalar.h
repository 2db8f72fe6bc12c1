// SPDX-License-Identifier: Apache-2.0
//
// Scalars as text: what on, 0x10, 64M mean in key=value options and in the schema's defaults.
//
// Ownership: nothing is kept. Threading: pure functions.
// Units: sizes are bytes.
// Errors: nullopt. A text means its whole length or nothing: "12x", "1 " and "" are no numbers.

#ifndef PLATTER_CONFIG_SCALAR_H_
#define PLATTER_CONFIG_SCALAR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace platter {

// A number with its sign apart, so that all of int64 and uint64 fit.
struct Integer {
  uint64_t magnitude = 0;
  bool negative = false;  // never with magnitude 0
  bool operator==(const Integer&) const = default;
};

// on, yes, true, y; off, no, false, n: the words of the field's command lines. Lower case.
std::optional<bool> ParseBool(std::string_view text);

// Decimal, or hexadecimal after 0x; a '-' may stand before it. No blanks, no '+'. A leading 0 is
// refused (is 010 eight or ten?). Magnitudes beyond 64 bits are refused.
std::optional<Integer> ParseInteger(std::string_view text);

// A decimal or hexadecimal number of bytes with an optional suffix, of powers of 1024:
// B, K, M, G, T, P, E in either case. A hexadecimal number takes no suffix (0x1B is a number).
// No fractions, no sign; beyond 64 bits is refused.
std::optional<uint64_t> ParseSize(std::string_view text);

// A size in the shortest exact form: 1536 -> "1536", 1048576 -> "1M".
std::string FormatSize(uint64_t bytes);

}  // namespace platter

#endif  // PLATTER_CONFIG_SCALAR_H_

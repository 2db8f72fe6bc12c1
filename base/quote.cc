// SPDX-License-Identifier: Apache-2.0

#include "base/quote.h"

#include <cstddef>
#include <cstdint>

namespace platter {
namespace {

constexpr size_t kMaxShown = 60;

// Bytes of the well-formed UTF-8 sequence that text starts with; 0: there is none.
// RFC 3629, section 4, table of the syntax of UTF-8 byte sequences.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto tail = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const auto second_in = [&](uint8_t low, uint8_t high) {
    return text.size() > 1 && byte(1) >= low && byte(1) <= high;
  };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return tail(1) ? 2 : 0;
  if (first < 0xF0) {
    const uint8_t low = first == 0xE0 ? 0xA0 : 0x80;   // shortest form
    const uint8_t high = first == 0xED ? 0x9F : 0xBF;  // no surrogates
    return second_in(low, high) && tail(2) ? 3 : 0;
  }
  if (first > 0xF4) return 0;
  const uint8_t low = first == 0xF0 ? 0x90 : 0x80;   // shortest form
  const uint8_t high = first == 0xF4 ? 0x8F : 0xBF;  // up to U+10FFFF
  return second_in(low, high) && tail(2) && tail(3) ? 4 : 0;
}

std::string QuoteUpTo(size_t max_shown, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "'";
  size_t i = 0;
  while (i < text.size() && i < max_shown) {
    const size_t length = SequenceLength(text.substr(i));
    const auto byte = static_cast<uint8_t>(text[i]);
    // U+0080 to U+009F are control characters, too.
    const bool is_c1 = length == 2 && byte == 0xC2 && static_cast<uint8_t>(text[i + 1]) < 0xA0;
    if ((length > 1 && !is_c1) || (length == 1 && byte >= 0x20 && byte != 0x7F)) {
      out.append(text.substr(i, length));
      i += length;
    } else {
      out.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 0xF]});
      ++i;
    }
  }
  if (i < text.size()) out += "...";
  return out + "'";
}

}  // namespace

std::string Quote(std::string_view text) { return QuoteUpTo(kMaxShown, text); }

std::string QuoteWhole(std::string_view text) { return QuoteUpTo(text.size(), text); }

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace platter

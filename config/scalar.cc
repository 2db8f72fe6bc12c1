// SPDX-License-Identifier: Apache-2.0

#include "config/scalar.h"

#include <charconv>
#include <limits>
#include <system_error>

namespace platter {
namespace {

constexpr std::string_view kSuffixes = "BKMGTPE";
constexpr int kBitsPerSuffix = 10;

std::optional<uint64_t> ParseMagnitude(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    return std::nullopt;
  }
  uint64_t value = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value, base);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "on" || text == "yes" || text == "true" || text == "y") return true;
  if (text == "off" || text == "no" || text == "false" || text == "n") return false;
  return std::nullopt;
}

std::optional<Integer> ParseInteger(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::optional<uint64_t> magnitude = ParseMagnitude(text);
  if (!magnitude.has_value()) return std::nullopt;
  return Integer{*magnitude, negative && *magnitude != 0};
}

std::optional<uint64_t> ParseSize(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.starts_with("0x") || text.starts_with("0X")) return ParseMagnitude(text);
  int shift = 0;
  const char last = text.back();
  const char upper = last >= 'a' && last <= 'z' ? static_cast<char>(last - 'a' + 'A') : last;
  if (const size_t index = kSuffixes.find(upper); index != std::string_view::npos) {
    shift = static_cast<int>(index) * kBitsPerSuffix;
    text.remove_suffix(1);
  }
  const std::optional<uint64_t> number = ParseMagnitude(text);
  if (!number.has_value()) return std::nullopt;
  if (*number > std::numeric_limits<uint64_t>::max() >> shift) return std::nullopt;
  return *number << shift;
}

std::string FormatSize(uint64_t bytes) {
  size_t suffix = 0;
  while (bytes != 0 && bytes % 1024 == 0 && suffix + 1 < kSuffixes.size()) {
    bytes /= 1024;
    ++suffix;
  }
  std::string out = std::to_string(bytes);
  if (suffix != 0) out += kSuffixes[suffix];
  return out;
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "config/limits.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "google/protobuf/descriptor.h"

#include "base/quote.h"
#include "config/proto/schema.pb.h"
#include "config/schema.h"

namespace platter {
namespace {

using google::protobuf::FieldDescriptor;

struct Range {
  uint64_t min = 0;
  uint64_t max = 0;
};

// What fits in the field's type, its unit and its declared range.
Range RangeOf(const FieldDescriptor* field) {
  const bool is_32_bits = field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
  const config::Option& spec = OptionSpec(field);
  Range range;
  range.max =
      is_32_bits ? std::numeric_limits<uint32_t>::max() : std::numeric_limits<uint64_t>::max();
  if (spec.unit() == config::UNIT_BYTES) {
    range.max = std::min<uint64_t>(range.max, std::numeric_limits<int64_t>::max());
  }
  if (spec.has_min()) range.min = spec.min();
  if (spec.has_max()) range.max = std::min(range.max, spec.max());
  return range;
}

std::string FormatNumber(const FieldDescriptor* field, uint64_t number) {
  const bool size = OptionSpec(field).unit() == config::UNIT_BYTES;
  return size ? FormatSize(number) : std::to_string(number);
}

// A letter, then letters, digits, '-', '.' and '_'.
bool IsId(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto other = [&letter](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return !text.empty() && letter(text[0]) && std::ranges::all_of(text, other);
}

}  // namespace

std::string NumberProblem(const FieldDescriptor* field, Integer number) {
  const config::Option& spec = OptionSpec(field);
  if (spec.or_zero() && number.magnitude == 0) return "";
  const std::string zero = spec.or_zero() ? "0 or " : "";
  const Range range = RangeOf(field);
  if (number.negative || number.magnitude < range.min || number.magnitude > range.max) {
    return "must be " + zero + "between " + FormatNumber(field, range.min) + " and " +
           FormatNumber(field, range.max);
  }
  if (spec.power_of_two() && !std::has_single_bit(number.magnitude)) {
    return "must be " + zero + "a power of two";
  }
  return "";
}

std::string StringProblem(const FieldDescriptor* field, std::string_view text) {
  const config::Option& spec = OptionSpec(field);
  if (text.find('\0') != std::string_view::npos) return "must not hold a NUL byte";
  if (!IsUtf8(text)) return "must be valid UTF-8";
  if (spec.not_empty() && text.empty()) return "must not be empty";
  if (spec.has_max_length() && text.size() > spec.max_length()) {
    return "must not be longer than " + std::to_string(spec.max_length()) + " bytes";
  }
  if (spec.format() == config::FORMAT_ID && !IsId(text)) {
    return "must be a letter followed by letters, digits, '-', '.' and '_'";
  }
  return "";
}

std::string OneOf(const google::protobuf::EnumDescriptor* type) {
  const std::vector<SchemaChoice> choices = EnumChoices(type);
  std::string text;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (i != 0) text += i + 1 == choices.size() ? " or " : ", ";
    text += choices[i].name;
  }
  return text;
}

}  // namespace platter

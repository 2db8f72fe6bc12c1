// SPDX-License-Identifier: Apache-2.0

#include "config/value.h"

#include "config/quote.h"

namespace platter {

const Value* Value::Find(std::string_view name) const {
  if (!is_object()) return nullptr;
  for (const Member& member : as_object()) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

std::string Value::Describe() const {
  if (is_null()) return "null";
  if (is_bool()) return as_bool() ? "true" : "false";
  if (is_int()) return std::to_string(as_int());
  if (is_uint()) return std::to_string(as_uint());
  if (is_double()) return "a number with a fraction or exponent";
  if (is_string()) return "the string " + Quote(as_string());
  if (is_text()) return Quote(as_text());
  if (is_list()) return "a list";
  return "an object";
}

}  // namespace platter

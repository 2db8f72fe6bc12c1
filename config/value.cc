// SPDX-License-Identifier: Apache-2.0

#include "config/value.h"

#include <utility>

#include "base/quote.h"

namespace platter {

// Out of line, for in the header's class the members of an object are an incomplete type yet.
Value::Value() : data_(Null{}) {}
Value::Value(Data data) : data_(std::move(data)) {}

Value Value::Bool(bool value) { return Value(Data(value)); }
Value Value::Int(int64_t value) { return Value(Data(value)); }
Value Value::Uint(uint64_t value) { return Value(Data(value)); }
Value Value::Double(double value) { return Value(Data(value)); }
Value Value::String(std::string value) { return Value(Data(std::move(value))); }
Value Value::FromText(std::string text) { return Value(Data(Text{std::move(text)})); }
Value Value::FromList(List list) { return Value(Data(std::move(list))); }
Value Value::FromObject(Object object) { return Value(Data(std::move(object))); }

bool Value::operator==(const Value& other) const { return data_ == other.data_; }

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

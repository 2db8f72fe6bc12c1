// SPDX-License-Identifier: Apache-2.0

#include "config/json_writer.h"

#include <string_view>

#include <nlohmann/json.hpp>

namespace platter {
namespace {

template <typename Scalar>
void AppendScalar(const Scalar& scalar, std::string& out) {
  using Json = nlohmann::json;
  out += Json(scalar).dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

void Append(const Value& value, std::string& out) {
  std::string_view separator;
  if (value.is_object()) {
    out += '{';
    for (const Value::Member& member : value.as_object()) {
      out += separator;
      AppendScalar(member.name, out);
      out += ": ";
      Append(member.value, out);
      separator = ", ";
    }
    out += '}';
  } else if (value.is_list()) {
    out += '[';
    for (const Value& element : value.as_list()) {
      out += separator;
      Append(element, out);
      separator = ", ";
    }
    out += ']';
  } else if (value.is_bool()) {
    out += value.as_bool() ? "true" : "false";
  } else if (value.is_int()) {
    out += std::to_string(value.as_int());
  } else if (value.is_uint()) {
    out += std::to_string(value.as_uint());
  } else if (value.is_double()) {
    AppendScalar(value.as_double(), out);
  } else if (value.is_string()) {
    AppendScalar(value.as_string(), out);
  } else if (value.is_text()) {
    AppendScalar(value.as_text(), out);
  } else {
    out += "null";
  }
}

}  // namespace

std::string FormatJson(const Value& value) {
  std::string out;
  Append(value, out);
  return out;
}

}  // namespace platter

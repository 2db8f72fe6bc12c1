// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_request.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/quote.h"
#include "config/json_writer.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

absl::Status Refuse(std::string_view member, std::string_view why) {
  return QmpError(QmpErrorClass::kGenericError,
                  absl::StrCat("QMP input member ", Quote(member), " ", std::string(why)));
}

}  // namespace

std::optional<Value> IdOf(const Value& input) {
  if (!input.is_object()) return std::nullopt;
  const Value* const id = input.Find("id");
  if (id == nullptr) return std::nullopt;
  return *id;
}

absl::StatusOr<QmpRequest> ParseRequest(Value input) {
  if (!input.is_object()) {
    return QmpError(QmpErrorClass::kGenericError, "QMP input must be a JSON object");
  }
  QmpRequest request{.command = {}, .arguments = Value::FromObject({})};
  bool named = false;
  for (Value::Member& member : input.mutable_object()) {
    if (member.name == "execute") {
      if (!member.value.is_string()) return Refuse(member.name, "must be a string");
      request.command = member.value.as_string();
      named = true;
    } else if (member.name == "arguments") {
      if (!member.value.is_object()) return Refuse(member.name, "must be an object");
      request.arguments = std::move(member.value);
    } else if (member.name != "id") {
      return Refuse(member.name, "is unexpected");
    }
  }
  if (!named) return QmpError(QmpErrorClass::kGenericError, "QMP input lacks member 'execute'");
  return request;
}

std::string FormatReply(absl::StatusOr<Value> result, std::optional<Value> id) {
  Value::Object reply;
  if (result.ok()) {
    reply.push_back({"return", *std::move(result)});
  } else {
    reply.push_back({"error", ErrorValue(result.status())});
  }
  if (id.has_value()) reply.push_back({"id", *std::move(id)});
  return FormatJson(Value::FromObject(std::move(reply)));
}

}  // namespace platter

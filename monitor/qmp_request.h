// SPDX-License-Identifier: Apache-2.0
//
// What a client sends, as an object: {"execute": NAME, "arguments": {...}, "id": ANY}; and what it
// is sent back.
//
// Ownership: values. Threading: pure functions. Units: none.
// Errors: a request that breaks the form, in the words that QMP's clients know.

#ifndef PLATTER_MONITOR_QMP_REQUEST_H_
#define PLATTER_MONITOR_QMP_REQUEST_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "config/value.h"

namespace platter {

struct QmpRequest {
  std::string command;
  Value arguments;  // An object.
};

// The "id" of what the client sent, for the reply: also of a request that is wrong otherwise.
std::optional<Value> IdOf(const Value& input);

absl::StatusOr<QmpRequest> ParseRequest(Value input);

// The reply to a request, a line without its end: {"return": ...} or {"error": ...}.
std::string FormatReply(absl::StatusOr<Value> result, std::optional<Value> id);

}  // namespace platter

#endif  // PLATTER_MONITOR_QMP_REQUEST_H_

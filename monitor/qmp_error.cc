// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_error.h"

#include <cerrno>
#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

#include "base/quote.h"
#include "base/status.h"

namespace platter {
namespace {

// Where a status keeps its class; its text is the name on the wire.
constexpr char kPayload[] = "platter/qmp-error-class";

constexpr const char* Name(QmpErrorClass error_class) {
  switch (error_class) {
    case QmpErrorClass::kCommandNotFound:
      return "CommandNotFound";
    case QmpErrorClass::kDeviceNotFound:
      return "DeviceNotFound";
    case QmpErrorClass::kGenericError:
      break;
  }
  return "GenericError";
}

}  // namespace

absl::Status QmpError(QmpErrorClass error_class, std::string_view text) {
  absl::Status status =
      ErrorWithErrno(error_class == QmpErrorClass::kDeviceNotFound ? ENODEV : EINVAL, text);
  if (error_class != QmpErrorClass::kGenericError) {
    status.SetPayload(kPayload, absl::Cord(Name(error_class)));
  }
  return status;
}

absl::Status DeviceNotFound(std::string_view name) {
  return QmpError(QmpErrorClass::kDeviceNotFound,
                  absl::StrCat("Device ", Quote(name), " not found"));
}

QmpErrorClass ErrorClassOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (payload.has_value()) {
    for (const QmpErrorClass each :
         {QmpErrorClass::kCommandNotFound, QmpErrorClass::kDeviceNotFound}) {
      if (*payload == Name(each)) return each;
    }
  }
  return QmpErrorClass::kGenericError;
}

Value ErrorValue(const absl::Status& status) {
  return Value::FromObject({{"class", Value::String(Name(ErrorClassOf(status)))},
                            {"desc", Value::String(MessageOf(status))}});
}

}  // namespace platter

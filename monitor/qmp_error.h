// SPDX-License-Identifier: Apache-2.0
//
// Errors as QMP tells them: a class, which programs look at, and a text for people. A Status that
// says nothing of classes is a GenericError.
//
// Ownership: values. Threading: pure functions. Units: none. Errors: are what it is about.

#ifndef PLATTER_MONITOR_QMP_ERROR_H_
#define PLATTER_MONITOR_QMP_ERROR_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "config/value.h"

namespace platter {

enum class QmpErrorClass : uint8_t {
  kGenericError,
  kCommandNotFound,  // No such command, or not now.
  kDeviceNotFound,   // No such device, backend or drive.
};

absl::Status QmpError(QmpErrorClass error_class, std::string_view text);

// "Device 'x' not found".
absl::Status DeviceNotFound(std::string_view name);

// Of a status that is not ok.
QmpErrorClass ErrorClassOf(const absl::Status& status);

// {"class": ..., "desc": ...} of a status that is not ok.
Value ErrorValue(const absl::Status& status);

}  // namespace platter

#endif  // PLATTER_MONITOR_QMP_ERROR_H_

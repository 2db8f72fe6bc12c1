// SPDX-License-Identifier: Apache-2.0

#include "capi/call.h"

#include <string>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter::capi {
namespace {

constexpr char kNoMemory[] = "out of memory";

struct Error {
  std::string text;
  const char* shown = "";
};

Error& ThisThread() noexcept {
  static thread_local Error error;
  return error;
}

int& CallbackDepth() noexcept {
  static thread_local int depth = 0;
  return depth;
}

}  // namespace

int OutOfMemory() noexcept {
  ThisThread().shown = kNoMemory;
  return -ENOMEM;
}

int Report(const absl::Status& status) noexcept {
  if (status.ok()) return 0;
  try {
    Error& error = ThisThread();
    error.text = MessageOf(status);
    error.shown = error.text.c_str();
    return -ErrnoOf(status);
  } catch (...) {
    return OutOfMemory();
  }
}

int Refuse(int error_number, const char* function, std::string_view text) noexcept {
  try {
    return Report(ErrorWithErrno(error_number, absl::StrCat(function, ": ", std::string(text))));
  } catch (...) {
    return OutOfMemory();
  }
}

const char* LastError() noexcept { return ThisThread().shown; }

CallbackScope::CallbackScope() { ++CallbackDepth(); }
CallbackScope::~CallbackScope() { --CallbackDepth(); }
bool CallbackScope::active() { return CallbackDepth() > 0; }

}  // namespace platter::capi

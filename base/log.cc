// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <cstdio>

#include "absl/strings/str_cat.h"

namespace platter {
namespace {

const char* Name(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "?";
}

}  // namespace

void StderrLog::Log(LogLevel level, std::string_view text) {
  std::fprintf(stderr, "platter: %s: %.*s\n", Name(level), static_cast<int>(text.size()),
               text.data());
}

void MemoryLog::Log(LogLevel level, std::string_view text) {
  MutexLock lock(mutex_);
  lines_.push_back(absl::StrCat(Name(level), ": ", std::string(text)));
}

std::vector<std::string> MemoryLog::Lines() const {
  MutexLock lock(mutex_);
  return lines_;
}

void RateLimitedLog::Log(LogLevel level, std::string_view text, int64_t now_ns) {
  if (now_ns - interval_start_ns_ >= kIntervalNs) {
    interval_start_ns_ = now_ns;
    in_interval_ = 0;
    if (held_back_ > 0) {
      sink_.Log(LogLevel::kWarning, absl::StrCat(held_back_, " similar messages were held back"));
      held_back_ = 0;
    }
  }
  if (in_interval_ >= kBurst) {
    ++held_back_;
    return;
  }
  ++in_interval_;
  sink_.Log(level, text);
}

}  // namespace platter

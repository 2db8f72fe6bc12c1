// SPDX-License-Identifier: Apache-2.0
//
// LogSink: where messages for the host's operator go. The owner of a machine or graph gives one;
// nothing in Platter prints by itself. RateLimitedLog is what code that a guest can trigger uses:
// at most a burst of messages per interval, then one line that counts what was held back.
//
// Ownership: the sink outlives what was given it. Threading: a LogSink is called from any thread
// and synchronises itself; a RateLimitedLog belongs to one thread. Units: nanoseconds.

#ifndef PLATTER_BASE_LOG_H_
#define PLATTER_BASE_LOG_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "base/mutex.h"

namespace platter {

enum class LogLevel : uint8_t { kInfo, kWarning, kError };

class LogSink {
 public:
  virtual ~LogSink() = default;
  // `text` is one line without its newline.
  virtual void Log(LogLevel level, std::string_view text) = 0;
};

// Writes "platter: warning: TEXT" lines to stderr.
class StderrLog final : public LogSink {
 public:
  void Log(LogLevel level, std::string_view text) override;
};

// Keeps the lines, for tests.
class MemoryLog final : public LogSink {
 public:
  void Log(LogLevel level, std::string_view text) override;
  std::vector<std::string> Lines() const;

 private:
  mutable Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

class RateLimitedLog {
 public:
  static constexpr uint32_t kBurst = 5;
  static constexpr int64_t kIntervalNs = 5'000'000'000;

  explicit RateLimitedLog(LogSink& sink) : sink_(sink) {}

  // Logs, or counts as held back when kBurst messages came within kIntervalNs. `now_ns` is the
  // time of the caller's clock.
  void Log(LogLevel level, std::string_view text, int64_t now_ns);

 private:
  LogSink& sink_;
  int64_t interval_start_ns_ = INT64_MIN / 2;
  uint32_t in_interval_ = 0;
  uint64_t held_back_ = 0;
};

}  // namespace platter

#endif  // PLATTER_BASE_LOG_H_

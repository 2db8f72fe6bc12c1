// SPDX-License-Identifier: Apache-2.0
//
// ErrorActions: what a backend does about a request that failed: the policy table (rerror/werror),
// the iostatus, and the FIFO of BLOCK_IO_ERROR events and stop requests on their way from the
// channel that saw the error to the control context. Allocates nothing.
//
// The order is fixed: iostatus first, then the event, then the request to stop the machine or the
// stall of the drive. A request that is tried again by itself is told of at its first failure and,
// with another action, at its last; what fails in between is no news.
//
// What is no matter for a policy never gets here: requests that the channel itself refuses (no
// medium, range, block size, read-only), cancelled ones, and those that ask for plain reports.
//
// Ownership: the backend's. Threading: in any context what says so, everything else in the control
//   context; the parts of a policy that changes are seen one by one.
// Errors: a positive errno.

#ifndef PLATTER_BLOCKBACKEND_ERROR_ACTION_H_
#define PLATTER_BLOCKBACKEND_ERROR_ACTION_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"

#include "aio/clock.h"
#include "aio/io_request.h"
#include "base/mpsc_stack.h"
#include "blockbackend/device_view.h"
#include "blockbackend/events.h"

namespace platter {

enum class IoStatus : uint8_t { kOk, kFailed, kNospace };

// Whether there is a machine that the action "stop" can stop. Without one it acts as "report".
enum class StopSupport : uint8_t { kNo, kYes };

// What a backend does about failed requests; no kAuto.
struct ErrorPolicies {
  OnError read = OnError::kReport;
  OnError write = OnError::kEnospc;
  RetryPolicy retry = {};

  bool operator==(const ErrorPolicies&) const = default;
};

// "report", "ignore", ...: as the configuration and the monitor call it.
const char* OnErrorName(OnError policy);

// The table: what `policy` (not kAuto) says about `error`.
ErrorAction DecideErrorAction(OnError policy, int error);

// Whether the channel keeps the request, until the machine or the drive goes on.
inline bool IsKept(ErrorAction action) {
  return action == ErrorAction::kStop || action == ErrorAction::kStall;
}

class ErrorActions {
 public:
  // Events that wait for the control context; more are counted and dropped (never a stop or stall).
  static constexpr size_t kMaxPending = 64;

  explicit ErrorActions(StopSupport stop) : stop_(stop) {}
  ErrorActions(const ErrorActions&) = delete;
  ErrorActions& operator=(const ErrorActions&) = delete;

  // --- Any context. ---

  // What becomes of an `op` that failed with `error` after it was tried again `retries` times.
  ErrorAction Decide(IoOp op, int error, uint32_t retries) const;
  // Sets the iostatus and queues the event. The caller has put the request away already, since it
  // may go on soon, and then makes the control context call Deliver.
  void Tell(IoOp op, ErrorAction action, int error);
  Duration retry_delay() const { return retry_delay_.load(std::memory_order_relaxed); }
  // The device gave up what was kept.
  void NoteDropped() { dropped_kept_.store(true, std::memory_order_release); }
  // The drive holds its requests for a failed one.
  bool stalled() const { return stalled_.load(std::memory_order_relaxed); }

  // --- Control context. ---

  // None is kAuto, `retry.then` neither that nor kRetry.
  void SetPolicies(const ErrorPolicies& policies);
  ErrorPolicies policies() const;
  OnError read_policy() const { return read_.load(std::memory_order_relaxed); }
  OnError write_policy() const { return write_.load(std::memory_order_relaxed); }

  void SetStalled(bool stalled) { stalled_.store(stalled, std::memory_order_relaxed); }
  // Whether there was a NoteDropped since the last call.
  bool TakeDropped() { return dropped_kept_.exchange(false, std::memory_order_acquire); }

  // Whether the attached device shows an iostatus; off when none is attached.
  enum class Iostatus : uint8_t { kOff, kOn };
  void SetIostatusSupport(Iostatus support);
  // The device supports it and a policy of stop, enospc or stall is in force, at once or when tries
  // have come to their end.
  bool iostatus_enabled() const { return iostatus_enabled_.load(std::memory_order_relaxed); }
  IoStatus iostatus() const { return iostatus_.load(std::memory_order_relaxed); }
  void ResetIostatus() { SetIostatus(IoStatus::kOk); }
  void SetIostatus(IoStatus status) { iostatus_.store(status, std::memory_order_relaxed); }

  struct Failure {
    IoDirection direction = IoDirection::kRead;
    ErrorAction action = ErrorAction::kReport;
    int error = 0;
  };
  struct Wanted {
    bool stop = false;   // Of the machine.
    bool stall = false;  // Of the drive.
  };
  // Hands over what Tell queued, oldest first. What they want done, all together.
  Wanted Deliver(absl::FunctionRef<void(const Failure&)> emit);
  // Events dropped so far because kMaxPending were waiting.
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Record {
    Record* next = nullptr;
    std::atomic<bool> taken{false};
    Failure failure;
  };

  void Queue(const Failure& failure);
  void UpdateIostatusEnabled();
  bool ShowsIostatus(OnError policy) const;

  const StopSupport stop_;
  Iostatus support_ = Iostatus::kOff;
  std::atomic<OnError> read_{OnError::kReport};
  std::atomic<OnError> write_{OnError::kEnospc};
  std::atomic<Duration> retry_delay_{RetryPolicy().delay};
  std::atomic<uint32_t> retry_limit_{RetryPolicy().limit};
  std::atomic<OnError> retry_then_{RetryPolicy().then};
  std::atomic<bool> stalled_{false};
  std::atomic<bool> dropped_kept_{false};
  std::atomic<bool> iostatus_enabled_{false};
  std::atomic<IoStatus> iostatus_{IoStatus::kOk};

  std::array<Record, kMaxPending> records_;
  MpscStack<Record, &Record::next> pending_;
  std::atomic<uint64_t> dropped_{0};
  // The newest stop, and stall, that found no record: errno and direction, 0 for none.
  std::atomic<uint32_t> overflowed_stop_{0};
  std::atomic<uint32_t> overflowed_stall_{0};
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_ERROR_ACTION_H_

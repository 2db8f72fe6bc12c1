// SPDX-License-Identifier: Apache-2.0
//
// ErrorActions: what a backend does about a request that failed: the policy table (rerror/werror),
// the iostatus, and the FIFO of BLOCK_IO_ERROR events and stop requests on their way from the
// channel that saw the error to the control context. Allocates nothing.
//
// The order is fixed: iostatus first, then the event, then the request to stop the machine.
//
// What is no matter for a policy never gets here: requests that the channel itself refuses (no
// medium, range, block size, read-only), cancelled ones, and those that ask for plain reports.
//
// Ownership: the backend's. Threading: Act in any context, everything else in the control context.
// Errors: a positive errno.

#ifndef PLATTER_BLOCKBACKEND_ERROR_ACTION_H_
#define PLATTER_BLOCKBACKEND_ERROR_ACTION_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"

#include "aio/io_request.h"
#include "base/mpsc_stack.h"
#include "blockbackend/device_view.h"
#include "blockbackend/events.h"

namespace platter {

enum class IoStatus : uint8_t { kOk, kFailed, kNospace };

// Whether there is a machine that the action "stop" can stop. Without one it acts as "report".
enum class StopSupport : uint8_t { kNo, kYes };

// The table: what `policy` (not kAuto) says about `error`.
ErrorAction DecideErrorAction(OnError policy, int error);

class ErrorActions {
 public:
  // Events that wait for the control context; more are counted and dropped (never a stop).
  static constexpr size_t kMaxPending = 64;

  explicit ErrorActions(StopSupport stop) : stop_(stop) {}
  ErrorActions(const ErrorActions&) = delete;
  ErrorActions& operator=(const ErrorActions&) = delete;

  // --- Any context. ---

  // Decides about an `op` that failed with `error`, sets the iostatus and queues the event. The
  // caller then makes the control context call Deliver.
  ErrorAction Act(IoOp op, int error);

  // --- Control context. ---

  // None is kAuto.
  void SetPolicy(OnError read, OnError write);
  OnError read_policy() const { return read_.load(std::memory_order_relaxed); }
  OnError write_policy() const { return write_.load(std::memory_order_relaxed); }

  // Whether the attached device shows an iostatus; off when none is attached.
  enum class Iostatus : uint8_t { kOff, kOn };
  void SetIostatusSupport(Iostatus support);
  // The device supports it and a policy of stop or enospc is in force.
  bool iostatus_enabled() const { return iostatus_enabled_.load(std::memory_order_relaxed); }
  IoStatus iostatus() const { return iostatus_.load(std::memory_order_relaxed); }
  void ResetIostatus() { iostatus_.store(IoStatus::kOk, std::memory_order_relaxed); }

  struct Failure {
    IoDirection direction = IoDirection::kRead;
    ErrorAction action = ErrorAction::kReport;
    int error = 0;
  };
  // Hands over what Act queued, oldest first. True when one of them stops the machine.
  bool Deliver(absl::FunctionRef<void(const Failure&)> emit);
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

  const StopSupport stop_;
  Iostatus support_ = Iostatus::kOff;
  std::atomic<OnError> read_{OnError::kReport};
  std::atomic<OnError> write_{OnError::kEnospc};
  std::atomic<bool> iostatus_enabled_{false};
  std::atomic<IoStatus> iostatus_{IoStatus::kOk};

  std::array<Record, kMaxPending> records_;
  MpscStack<Record, &Record::next> pending_;
  std::atomic<uint64_t> dropped_{0};
  // The newest stop that found no record: errno and direction, 0 for none.
  std::atomic<uint32_t> overflowed_stop_{0};
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_ERROR_ACTION_H_

// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/error_action.h"

#include <cerrno>

#include "base/check.h"
#include "base/intrusive_fifo.h"

namespace platter {
namespace {

// How overflowed_stop_ keeps the direction.
constexpr uint32_t kOverflowWrite = uint32_t{1} << 31;

IoDirection DirectionOf(IoOp op) {
  return op == IoOp::kRead ? IoDirection::kRead : IoDirection::kWrite;
}

struct PolicyRow {
  ErrorAction no_space;
  ErrorAction other;
};

// Indexed by OnError: report, ignore, enospc, stop.
constexpr std::array<PolicyRow, 4> kPolicies = {{
    {ErrorAction::kReport, ErrorAction::kReport},
    {ErrorAction::kIgnore, ErrorAction::kIgnore},
    {ErrorAction::kStop, ErrorAction::kReport},
    {ErrorAction::kStop, ErrorAction::kStop},
}};
static_assert(static_cast<size_t>(OnError::kStop) == kPolicies.size() - 1);

bool ShowsIostatus(OnError policy) {
  return policy == OnError::kStop || policy == OnError::kEnospc;
}

}  // namespace

ErrorAction DecideErrorAction(OnError policy, int error) {
  PLATTER_CHECK(policy != OnError::kAuto);
  const PolicyRow& row = kPolicies[static_cast<size_t>(policy)];
  return error == ENOSPC ? row.no_space : row.other;
}

ErrorAction ErrorActions::Act(IoOp op, int error) {
  const IoDirection direction = DirectionOf(op);
  const OnError policy =
      (direction == IoDirection::kRead ? read_ : write_).load(std::memory_order_relaxed);
  ErrorAction action = DecideErrorAction(policy, error);
  if (action == ErrorAction::kStop && stop_ == StopSupport::kNo) action = ErrorAction::kReport;
  if (action == ErrorAction::kStop && iostatus_enabled()) {
    // The first error sticks.
    IoStatus expected = IoStatus::kOk;
    iostatus_.compare_exchange_strong(expected,
                                      error == ENOSPC ? IoStatus::kNospace : IoStatus::kFailed,
                                      std::memory_order_relaxed);
  }
  Queue({.direction = direction, .action = action, .error = error});
  return action;
}

void ErrorActions::Queue(const Failure& failure) {
  for (Record& record : records_) {
    if (record.taken.load(std::memory_order_relaxed)) continue;
    if (record.taken.exchange(true, std::memory_order_acquire)) continue;
    record.failure = failure;
    pending_.Push(record);
    return;
  }
  if (failure.action != ErrorAction::kStop) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const uint32_t direction = failure.direction == IoDirection::kWrite ? kOverflowWrite : 0;
  overflowed_stop_.store(direction | static_cast<uint32_t>(failure.error),
                         std::memory_order_release);
}

bool ErrorActions::Deliver(absl::FunctionRef<void(const Failure&)> emit) {
  // Taken first: a stop that overflowed after this comes with the next call.
  const uint32_t overflowed = overflowed_stop_.exchange(0, std::memory_order_acquire);
  IntrusiveFifo<Record, &Record::next> records;
  pending_.TakeAll(records);
  bool stop = false;
  while (Record* const record = records.PopFront()) {
    const Failure failure = record->failure;
    record->taken.store(false, std::memory_order_release);
    stop = stop || failure.action == ErrorAction::kStop;
    emit(failure);
  }
  if (overflowed != 0) {
    stop = true;
    emit(
        {.direction = (overflowed & kOverflowWrite) != 0 ? IoDirection::kWrite : IoDirection::kRead,
         .action = ErrorAction::kStop,
         .error = static_cast<int>(overflowed & ~kOverflowWrite)});
  }
  return stop;
}

void ErrorActions::SetPolicy(OnError read, OnError write) {
  PLATTER_CHECK(read != OnError::kAuto && write != OnError::kAuto);
  read_.store(read, std::memory_order_relaxed);
  write_.store(write, std::memory_order_relaxed);
  UpdateIostatusEnabled();
}

void ErrorActions::SetIostatusSupport(Iostatus support) {
  support_ = support;
  UpdateIostatusEnabled();
}

void ErrorActions::UpdateIostatusEnabled() {
  const bool enabled =
      support_ == Iostatus::kOn && (ShowsIostatus(read_policy()) || ShowsIostatus(write_policy()));
  iostatus_enabled_.store(enabled, std::memory_order_relaxed);
}

}  // namespace platter

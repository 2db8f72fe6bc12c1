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

// Indexed by OnError: report, ignore, enospc, stop, stall.
constexpr std::array<PolicyRow, 5> kPolicies = {{
    {ErrorAction::kReport, ErrorAction::kReport},
    {ErrorAction::kIgnore, ErrorAction::kIgnore},
    {ErrorAction::kStop, ErrorAction::kReport},
    {ErrorAction::kStop, ErrorAction::kStop},
    {ErrorAction::kStall, ErrorAction::kStall},
}};
static_assert(static_cast<size_t>(OnError::kStall) == kPolicies.size() - 1);

uint32_t Packed(const ErrorActions::Failure& failure) {
  const uint32_t direction = failure.direction == IoDirection::kWrite ? kOverflowWrite : 0;
  return direction | static_cast<uint32_t>(failure.error);
}

ErrorActions::Failure Unpacked(uint32_t packed, ErrorAction action) {
  return {.direction = (packed & kOverflowWrite) != 0 ? IoDirection::kWrite : IoDirection::kRead,
          .action = action,
          .error = static_cast<int>(packed & ~kOverflowWrite)};
}

}  // namespace

const char* OnErrorName(OnError policy) {
  switch (policy) {
    case OnError::kReport:
      return "report";
    case OnError::kIgnore:
      return "ignore";
    case OnError::kEnospc:
      return "enospc";
    case OnError::kStop:
      return "stop";
    case OnError::kStall:
      return "stall";
    case OnError::kRetry:
      return "retry";
    case OnError::kAuto:
      return "auto";
  }
  return "?";
}

ErrorAction DecideErrorAction(OnError policy, int error) {
  PLATTER_CHECK(policy != OnError::kAuto);
  if (policy == OnError::kRetry) return ErrorAction::kRetry;
  const PolicyRow& row = kPolicies[static_cast<size_t>(policy)];
  return error == ENOSPC ? row.no_space : row.other;
}

ErrorAction ErrorActions::Decide(IoOp op, int error, uint32_t retries) const {
  const bool read = DirectionOf(op) == IoDirection::kRead;
  OnError policy = (read ? read_ : write_).load(std::memory_order_relaxed);
  if (policy == OnError::kRetry) {
    const uint32_t limit = retry_limit_.load(std::memory_order_relaxed);
    if (limit == 0 || retries < limit) return ErrorAction::kRetry;
    policy = retry_then_.load(std::memory_order_relaxed);
  }
  const ErrorAction action = DecideErrorAction(policy, error);
  return action == ErrorAction::kStop && stop_ == StopSupport::kNo ? ErrorAction::kReport : action;
}

void ErrorActions::Tell(IoOp op, ErrorAction action, int error) {
  if (IsKept(action) && iostatus_enabled()) {
    // The first error sticks.
    IoStatus expected = IoStatus::kOk;
    iostatus_.compare_exchange_strong(expected,
                                      error == ENOSPC ? IoStatus::kNospace : IoStatus::kFailed,
                                      std::memory_order_relaxed);
  }
  Queue({.direction = DirectionOf(op), .action = action, .error = error});
}

void ErrorActions::Queue(const Failure& failure) {
  for (Record& record : records_) {
    if (record.taken.load(std::memory_order_relaxed)) continue;
    if (record.taken.exchange(true, std::memory_order_acquire)) continue;
    record.failure = failure;
    pending_.Push(record);
    return;
  }
  if (!IsKept(failure.action)) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  (failure.action == ErrorAction::kStop ? overflowed_stop_ : overflowed_stall_)
      .store(Packed(failure), std::memory_order_release);
}

ErrorActions::Wanted ErrorActions::Deliver(absl::FunctionRef<void(const Failure&)> emit) {
  // Taken first: what overflowed after this comes with the next call.
  const uint32_t stop = overflowed_stop_.exchange(0, std::memory_order_acquire);
  const uint32_t stall = overflowed_stall_.exchange(0, std::memory_order_acquire);
  IntrusiveFifo<Record, &Record::next> records;
  pending_.TakeAll(records);
  Wanted wanted = {.stop = stop != 0, .stall = stall != 0};
  while (Record* const record = records.PopFront()) {
    const Failure failure = record->failure;
    record->taken.store(false, std::memory_order_release);
    wanted.stop = wanted.stop || failure.action == ErrorAction::kStop;
    wanted.stall = wanted.stall || failure.action == ErrorAction::kStall;
    emit(failure);
  }
  if (stall != 0) emit(Unpacked(stall, ErrorAction::kStall));
  if (stop != 0) emit(Unpacked(stop, ErrorAction::kStop));
  return wanted;
}

void ErrorActions::SetPolicies(const ErrorPolicies& policies) {
  const RetryPolicy& retry = policies.retry;
  PLATTER_CHECK(policies.read != OnError::kAuto && policies.write != OnError::kAuto);
  PLATTER_CHECK(retry.then != OnError::kAuto && retry.then != OnError::kRetry);
  read_.store(policies.read, std::memory_order_relaxed);
  write_.store(policies.write, std::memory_order_relaxed);
  retry_delay_.store(retry.delay, std::memory_order_relaxed);
  retry_limit_.store(retry.limit, std::memory_order_relaxed);
  retry_then_.store(retry.then, std::memory_order_relaxed);
  UpdateIostatusEnabled();
}

ErrorPolicies ErrorActions::policies() const {
  return {.read = read_policy(),
          .write = write_policy(),
          .retry = {.delay = retry_delay(),
                    .limit = retry_limit_.load(std::memory_order_relaxed),
                    .then = retry_then_.load(std::memory_order_relaxed)}};
}

void ErrorActions::SetIostatusSupport(Iostatus support) {
  support_ = support;
  UpdateIostatusEnabled();
}

bool ErrorActions::ShowsIostatus(OnError policy) const {
  if (policy == OnError::kRetry) policy = retry_then_.load(std::memory_order_relaxed);
  return policy == OnError::kStop || policy == OnError::kEnospc || policy == OnError::kStall;
}

void ErrorActions::UpdateIostatusEnabled() {
  const bool enabled =
      support_ == Iostatus::kOn && (ShowsIostatus(read_policy()) || ShowsIostatus(write_policy()));
  iostatus_enabled_.store(enabled, std::memory_order_relaxed);
}

}  // namespace platter

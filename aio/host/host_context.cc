// SPDX-License-Identifier: Apache-2.0
#include "aio/host/host_context.h"

#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/status.h"

namespace platter {

namespace {

// Its address tells threads apart.
thread_local char this_thread;

// Iterations of polling between looks at the kernel.
constexpr uint32_t kSpinsPerKernelLook = 64;

inline void CpuRelax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

absl::StatusOr<int> HostContext::MakeEventFd(const std::string& name) {
  const int fd = eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "AioContext '" + name + "': eventfd");
  return fd;
}

HostContext::HostContext(std::string name, PollOptions poll, int event_fd)
    : AioContext(std::move(name)), event_fd_(event_fd) {
  window_.SetMax(poll.max);
  BindToThisThread();
  RefreshTime();
}

HostContext::~HostContext() {
  PLATTER_CHECK(timers_.empty());
  PLATTER_CHECK(pollers_.empty());
  close(event_fd_);
  if (timer_fd_ >= 0) close(timer_fd_);
}

void HostContext::Finish() {
  BindToThisThread();
  asleep_.store(false, std::memory_order_relaxed);
  FinishQueuedWork();
}

bool HostContext::InContext() const {
  const void* turn = turn_thread_.load(std::memory_order_relaxed);
  if (turn == nullptr) turn = home_thread_.load(std::memory_order_relaxed);
  return turn == &this_thread;
}

void HostContext::BindToThisThread() {
  home_thread_.store(&this_thread, std::memory_order_relaxed);
}

void HostContext::AddPoller(Poller& poller) {
  pollers_.push_back(&poller);
  if (notifications_off_) poller.OnPollStart();
}

void HostContext::RemovePoller(Poller& poller) {
  PLATTER_CHECK(std::erase(pollers_, &poller) == 1);
  if (notifications_off_) poller.OnPollEnd();
}

void HostContext::WakeUp() {
  if (!asleep_.load(std::memory_order_seq_cst)) return;
  if (!asleep_.exchange(false, std::memory_order_seq_cst)) return;
  const uint64_t one = 1;
  PLATTER_CHECK(write(event_fd_, &one, sizeof(one)) == sizeof(one));
}

void HostContext::ArmTimer(Timer& timer) {
  timers_.Arm(timer);
  NudgeForeignLoop();
}

bool HostContext::HasReady() const {
  if (HasQueuedWork() || HasCompletions()) return true;
  const auto next = timers_.next();
  return next.has_value() && *next <= turn_time_;
}

bool HostContext::Turn() {
  turn_thread_.store(&this_thread, std::memory_order_relaxed);
  bool did = false;
  {
    CurrentScope scope(*this);
    ++stats_.turns;
    RefreshTime();
    did = RunQueuedWork();
    did |= timers_.RunExpired(turn_time_);
    did |= DispatchDescriptors();
    if (notifications_off_) did |= AskPollers();
    did |= DispatchCompletions();
    // Inside RunUntil a batch may go along with the wait that follows.
    if (!in_run_until() || HasReady()) SubmitBatch();
  }
  turn_thread_.store(nullptr, std::memory_order_relaxed);
  return did;
}

bool HostContext::AskPollers() {
  bool found = false;
  // By index: a poller may add or remove pollers.
  for (size_t i = 0; i < pollers_.size(); ++i) found |= pollers_[i]->Poll();
  return found;
}

bool HostContext::EndPolling() {
  if (!notifications_off_) return false;
  notifications_off_ = false;
  CurrentScope scope(*this);
  bool found = false;
  for (size_t i = 0; i < pollers_.size(); ++i) found |= pollers_[i]->OnPollEnd();
  return found;
}

bool HostContext::PollForWork(Duration window, std::optional<Instant> deadline) {
  if (HasUnsubmitted()) SubmitBatch();
  ++stats_.poll_windows;
  turn_thread_.store(&this_thread, std::memory_order_relaxed);
  CurrentScope scope(*this);
  if (!notifications_off_) {
    notifications_off_ = true;
    for (size_t i = 0; i < pollers_.size(); ++i) pollers_[i]->OnPollStart();
  }
  Instant end = turn_time_ + window;
  if (deadline.has_value()) end = std::min(end, *deadline);
  bool found = false;
  for (uint32_t spin = 1; !found; ++spin) {
    found = AskPollers() || HasReady();
    if (found || RefreshTime() >= end) break;
    if (spin % kSpinsPerKernelLook == 0) {
      Collect(WaitTime::None());
      found = HasReady();
    }
    CpuRelax();
  }
  turn_thread_.store(nullptr, std::memory_order_relaxed);
  // A timer is due: nothing that polling found, and no reason to sleep.
  if (!found) return deadline.has_value() && *deadline <= turn_time_;
  ++stats_.poll_hits;
  window_.OnHit();
  LookAtKernel();
  return true;
}

void HostContext::LookAtKernel() {
  if (++busy_turns_ < KernelLookInterval()) return;
  busy_turns_ = 0;
  Collect(WaitTime::None());
}

void HostContext::WaitForWork() {
  const Instant start = RefreshTime();
  const auto deadline = timers_.next();
  if (deadline.has_value() && *deadline <= start) {
    Collect(WaitTime::None());
    return;
  }
  if (!pollers_.empty() && window_.window() > Duration{0} &&
      PollForWork(window_.window(), deadline)) {
    return;
  }
  if (EndPolling()) return;
  asleep_.store(true, std::memory_order_seq_cst);
  if (HasReady()) {
    asleep_.store(false, std::memory_order_relaxed);
    Collect(WaitTime::None());
    return;
  }
  WaitTime wait{std::nullopt};
  if (deadline.has_value()) wait.limit = std::max(*deadline - RefreshTime(), Duration{0});
  ++stats_.sleeps;
  Collect(wait);
  asleep_.store(false, std::memory_order_relaxed);
  busy_turns_ = 0;
  if (window_.max() > Duration{0}) window_.OnSlept(RefreshTime() - start);
}

void HostContext::RunOnce() {
  PLATTER_CHECK(Current() == nullptr);
  asleep_.store(false, std::memory_order_relaxed);
  if (!HasReady()) {
    WaitForWork();
  } else {
    LookAtKernel();
  }
  Turn();
  if (mode_ == Mode::kForeignLoop) AnnounceIdle();
}

bool HostContext::RunReady() {
  PLATTER_CHECK(Current() != this);
  asleep_.store(false, std::memory_order_relaxed);
  Collect(WaitTime::None());
  if (Turn() || HasReady()) return true;
  if (mode_ == Mode::kForeignLoop) AnnounceIdle();
  return false;
}

void HostContext::LeaveRunUntil() {
  if (HasUnsubmitted()) SubmitBatch();
}

int HostContext::PollFd() {
  if (mode_ == Mode::kOwnLoop) {
    timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer_fd_ < 0) return -1;
    mode_ = Mode::kForeignLoop;
    foreign_fd_ = StartForeignLoop();
    if (Current() != this) AnnounceIdle();
  }
  return foreign_fd_;
}

void HostContext::AnnounceIdle() {
  const bool found = EndPolling();
  if (HasUnsubmitted()) SubmitBatch();
  const auto next = timers_.next();
  if (next != timer_fd_deadline_) {
    timer_fd_deadline_ = next;
    itimerspec spec{};  // Zero disarms.
    // A deadline of zero or before is long past, but must not disarm.
    if (next.has_value()) {
      spec.it_value = ToTimespec(std::max(next->time_since_epoch(), Duration{1}));
    }
    PLATTER_CHECK(timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &spec, nullptr) == 0);
  }
  asleep_.store(true, std::memory_order_seq_cst);
  if (found || HasReady()) WakeUp();
}

std::optional<Instant> HostContext::NextDeadline() {
  if (HasReady()) return Now();
  return timers_.next();
}

}  // namespace platter

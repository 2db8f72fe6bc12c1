// SPDX-License-Identifier: Apache-2.0
//
// HostContext: what the two kinds of AioContext over the kernel share: threads, timers, pollers,
// the wake protocol, adaptive polling, and the order of a turn. A kind adds how to wait for
// descriptors and how file operations reach the kernel.
//
// Life of RunOnce: nothing ready -> poll for a bounded window (if pollers exist and polling pays)
// -> arm the pollers' notifications -> announce sleep -> look once more -> wait in the kernel ->
// turn.
//
// Ownership, threading, units, errors: as aio/aio_context.h says.

#ifndef PLATTER_AIO_HOST_HOST_CONTEXT_H_
#define PLATTER_AIO_HOST_HOST_CONTEXT_H_

#include <time.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/clock.h"
#include "aio/host/pool_file_io.h"
#include "aio/poll_window.h"
#include "aio/timer_queue.h"

namespace platter {

// `duration` is not negative.
inline timespec ToTimespec(Duration duration) {
  constexpr int64_t kNanosPerSecond = 1'000'000'000;
  return timespec{duration.count() / kNanosPerSecond, duration.count() % kNanosPerSecond};
}

class HostContext : public AioContext, public Waker {
 public:
  ~HostContext() override;

  bool InContext() const final;
  void BindToThisThread() final;
  Instant Now() const final { return clock_.Now(); }
  void AddPoller(Poller& poller) final;
  void RemovePoller(Poller& poller) final;
  void SetPollOptions(PollOptions options) final { window_.SetMax(options.max); }
  bool RunReady() final;
  void RunOnce() final;
  int PollFd() final;
  std::optional<Instant> NextDeadline() final;

  // For the threads of a pool.
  void Wake() final { WakeUp(); }

 protected:
  // Between RunReady calls of a foreign loop the kernel must know the next deadline.
  enum class Mode : uint8_t { kOwnLoop, kForeignLoop };
  // How long Collect may wait.
  struct WaitTime {
    static constexpr WaitTime None() { return {Duration{0}}; }
    std::optional<Duration> limit;  // nullopt: for ever.
  };

  // What a context is woken by. ErrnoError naming the context.
  static absl::StatusOr<int> MakeEventFd(const std::string& name);
  // Takes `event_fd` over.
  HostContext(std::string name, PollOptions poll, int event_fd);

  // Finishes what is queued; a derived destructor calls it first, while everything still works.
  void Finish();

  // --- What a kind does. ---

  // Takes events and completions from the kernel for the next turn. Waits only if the limit is
  // not zero. What is queued for the kernel goes along or has gone.
  virtual void Collect(WaitTime wait) = 0;
  // Whether completions wait in memory; no system call.
  virtual bool HasCompletions() const = 0;
  virtual bool DispatchDescriptors() = 0;
  virtual bool DispatchCompletions() = 0;
  // Gives the kernel what the turn queued.
  virtual void SubmitBatch() = 0;
  // Whether SubmitBatch has work that must not wait for the end of the next turn.
  virtual bool HasUnsubmitted() const = 0;
  // Turns between looks at the kernel while local work keeps the context busy.
  virtual uint32_t KernelLookInterval() const = 0;
  // The descriptor that is readable when there is something to do; from now on timer_fd_ counts.
  virtual int StartForeignLoop() = 0;

  void WakeUp() final;
  void ArmTimer(Timer& timer) final;
  void DisarmTimer(Timer& timer) final { timers_.Disarm(timer); }
  void LeaveRunUntil() final;

  // `count` wake-up writes were read from event_fd_.
  void CountWakeups(uint64_t count) { stats_.wakeups += count; }
  // timer_fd_ expired and was read.
  void OnTimerFdRead() { timer_fd_deadline_.reset(); }
  // Something was queued for the kernel outside a turn of a foreign loop.
  void NudgeForeignLoop() {
    if (asleep_.load(std::memory_order_relaxed)) [[unlikely]]
      WakeUp();
  }

  const int event_fd_;
  int timer_fd_ = -1;  // Made by the first PollFd.

 private:
  bool HasReady() const;
  bool Turn();
  // Returns when something may be ready.
  void WaitForWork();
  // A look without waiting, in one of KernelLookInterval() calls.
  void LookAtKernel();
  // True when there is something to do: what polling found, or a timer.
  bool PollForWork(Duration window, std::optional<Instant> deadline);
  bool AskPollers();
  // True when OnPollEnd found work.
  bool EndPolling();
  // Tells posters and the kernel that nobody turns this context until PollFd() is readable.
  void AnnounceIdle();

  MonotonicClock clock_;
  TimerQueue timers_;
  std::vector<Poller*> pollers_;
  PollWindow window_;
  Mode mode_ = Mode::kOwnLoop;
  int foreign_fd_ = -1;
  bool notifications_off_ = false;  // Between OnPollStart and OnPollEnd.
  uint32_t busy_turns_ = 0;         // Since the last look at the kernel.
  std::optional<Instant> timer_fd_deadline_;
  std::atomic<const void*> home_thread_{nullptr};
  std::atomic<const void*> turn_thread_{nullptr};
};

}  // namespace platter

#endif  // PLATTER_AIO_HOST_HOST_CONTEXT_H_

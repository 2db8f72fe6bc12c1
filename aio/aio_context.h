// SPDX-License-Identifier: Apache-2.0
//
// AioContext: an event loop. One thread at a time drives it; everything it runs, runs there: posted
// work, file descriptor events, timers, completions of file I/O. Three kinds exist
// (aio/uring, aio/epoll, aio/simulated); aio/create.h makes them.
//
// A turn, in order: work posted by other threads, deferred work, expired timers, descriptor events,
// file I/O completions, and at its end one submission of all file I/O that the turn queued. Work
// that a turn queues for this context runs in the next turn, so a turn is bounded.
//
// Ownership: the context outlives everything registered with it. Its destructor checks that no
//   watch, poller or timer is left and that no file I/O is outstanding.
// Threading: "any thread" where said; everything else only in the context (InContext()).
// Units: Duration and Instant are nanoseconds of the context's clock.
// Errors: registering is infallible; what can fail says so.
//
// Embedding in a foreign loop: watch PollFd() for readability, wake up at NextDeadline() at the
// latest, and call RunReady() until it returns false.

#ifndef PLATTER_AIO_AIO_CONTEXT_H_
#define PLATTER_AIO_AIO_CONTEXT_H_

#include <atomic>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"

#include "aio/buffer_pool.h"
#include "aio/clock.h"
#include "aio/file_io.h"
#include "aio/work_item.h"
#include "base/intrusive_fifo.h"
#include "base/mpsc_stack.h"

namespace platter {

class Timer;

// A callback on a file descriptor; level-triggered. See AioContext::Watch.
class FdWatch {
 public:
  // `events` is the subset of EPOLLIN|EPOLLOUT|EPOLLERR|EPOLLHUP that is true now. It may unwatch
  // and free itself.
  virtual void OnFdReady(uint32_t events) = 0;

  int fd = -1;  // Set by Watch.

 protected:
  ~FdWatch() = default;
};

// Something that can find work by looking at memory, such as a virtqueue's avail index. While the
// context polls (bounded and adaptive, see PollOptions) it asks every poller; before it sleeps it
// tells each, and a poller then arms its notification (for a virtqueue: stops suppressing kicks).
class Poller {
 public:
  // Does what work there is. True when there was any.
  virtual bool Poll() = 0;
  // The context starts to poll: notifications may be suppressed from now on.
  virtual void OnPollStart() {}
  // The context is about to sleep: notifications must be armed when this returns. True when work
  // came in the meantime: the context then does not sleep.
  virtual bool OnPollEnd() { return false; }

 protected:
  ~Poller() = default;
};

// Bounded adaptive polling: after work was found the context polls for up to a window that grows
// to `max` while polling pays and shrinks while it does not. Zero (the default) turns it off.
struct PollOptions {
  Duration max{0};
};

// Counters for tests and reports; read in the context.
struct AioStats {
  uint64_t turns = 0;
  uint64_t sleeps = 0;        // Times the context waited in the kernel.
  uint64_t poll_windows = 0;  // Times it polled before it would have slept.
  uint64_t poll_hits = 0;     // Of these, times polling found work.
  uint64_t wakeups = 0;       // Wake-up writes that posts and pool completions cost.
};

class AioContext {
 public:
  AioContext(const AioContext&) = delete;
  AioContext& operator=(const AioContext&) = delete;
  virtual ~AioContext();

  const std::string& name() const { return name_; }

  // The context whose turn runs on the calling thread, or nullptr. Any thread.
  static AioContext* Current();

  // Whether the calling thread may use the context: it runs a turn of it, or no turn runs and the
  // thread is its home (the one that created it or last called BindToThisThread). Any thread.
  virtual bool InContext() const = 0;
  // Makes the calling thread the context's home; no turn runs anywhere.
  virtual void BindToThisThread() = 0;

  // --- Work. ---

  // Queues `item` from any thread; it runs in a later turn, in the order of posting per thread.
  // Lock-free; costs a wake-up only when the context sleeps. The item must not be queued already.
  // The call may return after the item has run: join threads that post before destroying the
  // context.
  void Post(WorkItem& item);
  // As above for the control plane: allocates.
  void Post(absl::AnyInvocable<void() &&> work);
  // Queues `item` from inside the context for the next turn.
  void Defer(WorkItem& item) {
    deferred_.PushBack(item);
    // Only between turns of a foreign loop: PollFd() must become readable.
    if (asleep_.load(std::memory_order_relaxed)) [[unlikely]]
      WakeUp();
  }
  // Takes a deferred item back (linear in the number queued); false when it was not deferred.
  bool CancelDeferred(WorkItem& item) { return deferred_.Remove(item); }
  // The same for a posted item; in the context.
  bool CancelPosted(WorkItem& item);

  // --- Time. ---

  virtual Instant Now() const = 0;
  // The time read last at the start of the turn or by RefreshTime: what per-batch stamps use.
  Instant turn_time() const { return turn_time_; }
  Instant RefreshTime() { return turn_time_ = Now(); }

  // --- Descriptors and pollers. ---

  // Calls `watch` while `events` (EPOLLIN and/or EPOLLOUT) are true of `fd`. The watch stays
  // registered and alive until Unwatch; one watch per descriptor.
  virtual void Watch(FdWatch& watch, int fd, uint32_t events) = 0;
  virtual void Unwatch(FdWatch& watch) = 0;

  virtual void AddPoller(Poller& poller) = 0;
  virtual void RemovePoller(Poller& poller) = 0;
  virtual void SetPollOptions(PollOptions options) = 0;

  // --- File I/O and memory. ---

  virtual FileIo& file_io() = 0;
  // Buffers and frames that are reused: allocation-free once warm. In the context only.
  BufferPool& buffers() { return buffers_; }

  // --- Driving it. ---

  // One turn that does not block. True when it did something or has more to do.
  virtual bool RunReady() = 0;
  // One turn that first waits (polling, then sleeping) until there is something to do. The
  // simulated kind advances its clock instead of waiting, and fails a check when nothing can ever
  // happen (a deadlock of the simulation).
  virtual void RunOnce() = 0;
  // Turns until `done` returns true. The blocking form for a top level: not from inside a turn.
  void RunUntil(absl::FunctionRef<bool()> done);
  // Readable when RunReady has something to do. -1 for the simulated kind, and where the
  // host refuses the descriptor of a timer.
  virtual int PollFd() = 0;
  // When RunReady must be called at the latest; nullopt: no timer is armed. Now() when work is
  // ready.
  virtual std::optional<Instant> NextDeadline() = 0;

  const AioStats& stats() const { return stats_; }

 protected:
  explicit AioContext(std::string name) : name_(std::move(name)) {}

  friend class Timer;
  // Timer's way in; see aio/timer.h.
  virtual void ArmTimer(Timer& timer) = 0;
  virtual void DisarmTimer(Timer& timer) = 0;

  // Wakes the context if it announced in asleep_ that it sleeps; any thread; called after the first
  // push to remote_.
  virtual void WakeUp() = 0;

  // Whether RunUntil turns the context: another RunOnce follows, or LeaveRunUntil.
  bool in_run_until() const { return in_run_until_; }
  virtual void LeaveRunUntil() {}

  // Makes the context the current one of the calling thread for a scope.
  class CurrentScope {
   public:
    explicit CurrentScope(AioContext& context);
    ~CurrentScope();
    CurrentScope(const CurrentScope&) = delete;
    CurrentScope& operator=(const CurrentScope&) = delete;

   private:
    AioContext* const outer_;
  };

  // The first two steps of a turn: runs what was posted or deferred before the call. True when
  // there was any.
  bool RunQueuedWork();
  // Whether posted or deferred work waits.
  bool HasQueuedWork() const { return !remote_.empty() || !posted_.empty() || !deferred_.empty(); }
  // For destructors of derived classes: runs queued work until none is left.
  void FinishQueuedWork();

  using WorkFifo = IntrusiveFifo<WorkItem, &WorkItem::next>;

  MpscStack<WorkItem, &WorkItem::next> remote_;
  WorkFifo deferred_;
  Instant turn_time_{};
  AioStats stats_;
  // The consumer's half of the wake protocol: it sets asleep_, looks at its lists once more, and
  // only then sleeps; a producer pushes, and only then reads asleep_ (all seq_cst).
  std::atomic<bool> asleep_{false};

 private:
  // Depth of nested synchronous starts of coroutines; see aio/task.h.
  friend class TaskPromiseBase;

  // Marks in a list where a turn stops.
  class Marker final : public WorkItem {
    void Run() override {}
  };
  // Runs the items of `fifo` that are in it now.
  static bool RunUpToMarker(WorkFifo& fifo, Marker& marker);

  const std::string name_;
  WorkFifo posted_;  // Taken from remote_, not run yet.
  Marker posted_marker_;
  Marker deferred_marker_;
  uint32_t task_depth_ = 0;
  bool in_run_until_ = false;
  BufferPool buffers_;
};

// A WorkItem that any thread may schedule any number of times: it runs once per round of
// scheduling. Destroy it only in its context and when it is not scheduled.
class BottomHalf final : private WorkItem {
 public:
  // Built in place: see Timer.
  template <std::invocable Function>
  BottomHalf(AioContext& context, Function&& run)
      : context_(context), run_(std::forward<Function>(run)) {}
  ~BottomHalf();

  // Any thread. What was written before Schedule is visible to the run.
  void Schedule() {
    if (!scheduled_.exchange(true, std::memory_order_acq_rel)) context_.Post(*this);
  }
  bool scheduled() const { return scheduled_.load(std::memory_order_acquire); }

 private:
  void Run() override {
    scheduled_.store(false, std::memory_order_seq_cst);
    run_();
  }

  AioContext& context_;
  absl::AnyInvocable<void()> run_;
  std::atomic<bool> scheduled_{false};
};

}  // namespace platter

#endif  // PLATTER_AIO_AIO_CONTEXT_H_

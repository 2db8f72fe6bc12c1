// SPDX-License-Identifier: Apache-2.0
//
// What a Task can wait for besides Tasks: time, its turn, another context, events and callbacks.
// None of them suspends when what it waits for is there already.
//
//   co_await Yield();                  // Goes on in the next turn.
//   co_await SleepFor(delay);          // At or after Now() + delay of the Task's context.
//   co_await SleepUntil(deadline);
//   co_await MoveTo(context);          // Goes on in a turn of `context`.
//   co_await event.Wait();             // AsyncEvent: until Set.
//   T value = co_await completion;     // Completion<T>: what a callback gave.
//
// Ownership: an AsyncEvent or Completion outlives the coroutines that wait for it.
// Threading: AsyncEvent and waiting: in the context. Completion::Complete: any thread.
// Units: Instants and Durations of the context's clock. Errors: none.

#ifndef PLATTER_AIO_AWAIT_H_
#define PLATTER_AIO_AWAIT_H_

#include <atomic>
#include <concepts>
#include <coroutine>
#include <optional>
#include <utility>

#include "aio/aio_context.h"
#include "aio/clock.h"
#include "aio/task.h"
#include "aio/timer.h"
#include "base/check.h"

namespace platter {

template <typename Promise>
concept TaskPromiseType = std::derived_from<Promise, TaskPromiseBase>;

class Yield {
 public:
  bool await_ready() const noexcept { return false; }
  template <TaskPromiseType Promise>
  void await_suspend(std::coroutine_handle<Promise> handle) {
    handle.promise().ScheduleResume();
  }
  void await_resume() const noexcept {}
};

class MoveTo {
 public:
  explicit MoveTo(AioContext& context) : context_(context) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromiseType Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    TaskPromiseBase& promise = handle.promise();
    if (&promise.context() == &context_) return false;
    promise.MoveAndResume(context_);  // It may run elsewhere already: touch nothing after this.
    return true;
  }
  void await_resume() const noexcept {}

 private:
  AioContext& context_;
};

class SleepUntil {
 public:
  explicit SleepUntil(Instant deadline) : deadline_(deadline) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromiseType Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return Arm(handle.promise(), deadline_);
  }
  void await_resume() const noexcept {}

 protected:
  bool Arm(TaskPromiseBase& promise, Instant deadline) {
    if (deadline <= promise.context().Now()) return false;
    timer_.emplace(promise.context(), [&promise] { promise.ScheduleResume(); });
    timer_->ArmAt(deadline);
    return true;
  }

 private:
  Instant deadline_;
  std::optional<Timer> timer_;
};

class SleepFor : private SleepUntil {
 public:
  explicit SleepFor(Duration delay) : SleepUntil(Instant{}), delay_(delay) {}

  using SleepUntil::await_ready;
  using SleepUntil::await_resume;
  template <TaskPromiseType Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    TaskPromiseBase& promise = handle.promise();
    return Arm(promise, promise.context().Now() + delay_);
  }

 private:
  Duration delay_;
};

// Coroutines of one context wait until it is set; all of them go on then, in the order in which
// they came.
class AsyncEvent {
 public:
  AsyncEvent() = default;
  AsyncEvent(const AsyncEvent&) = delete;
  AsyncEvent& operator=(const AsyncEvent&) = delete;
  ~AsyncEvent() { PLATTER_CHECK(first_ == nullptr); }

  bool is_set() const { return set_; }
  void Set() {
    set_ = true;
    while (first_ != nullptr) {
      Waiter& waiter = *first_;
      Remove(waiter);
      waiter.promise_->ScheduleResume();
    }
  }
  void Reset() { set_ = false; }

  class Waiter {
   public:
    explicit Waiter(AsyncEvent& event) : event_(event) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    // A coroutine that is destroyed while it waits.
    ~Waiter() {
      if (waiting_) event_.Remove(*this);
    }

    bool await_ready() const noexcept { return event_.set_; }
    template <TaskPromiseType Promise>
    void await_suspend(std::coroutine_handle<Promise> handle) {
      promise_ = &handle.promise();
      event_.Add(*this);
    }
    void await_resume() const noexcept {}

   private:
    friend class AsyncEvent;

    AsyncEvent& event_;
    TaskPromiseBase* promise_ = nullptr;
    Waiter* before_ = nullptr;
    Waiter* after_ = nullptr;
    bool waiting_ = false;
  };
  Waiter Wait() { return Waiter(*this); }

 private:
  void Add(Waiter& waiter) {
    waiter.waiting_ = true;
    waiter.before_ = last_;
    (last_ == nullptr ? first_ : last_->after_) = &waiter;
    last_ = &waiter;
  }
  void Remove(Waiter& waiter) {
    waiter.waiting_ = false;
    (waiter.before_ == nullptr ? first_ : waiter.before_->after_) = waiter.after_;
    (waiter.after_ == nullptr ? last_ : waiter.after_->before_) = waiter.before_;
  }

  bool set_ = false;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

// One value, given once by a callback on any thread, awaited once.
template <typename T>
class Completion {
 public:
  Completion() = default;
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  // Once.
  void Complete(T value) {
    value_.emplace(std::move(value));
    // The waiter may free this object as soon as it runs: nothing is touched after the exchange.
    TaskPromiseBase* waiter = waiter_.exchange(Completed(), std::memory_order_acq_rel);
    PLATTER_CHECK(waiter != Completed());
    if (waiter != nullptr) waiter->ScheduleResume();
  }

  class Waiter {
   public:
    explicit Waiter(Completion& completion) : completion_(completion) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    // A coroutine that is destroyed while it waits; nobody may be completing meanwhile.
    ~Waiter() {
      if (promise_ == nullptr) return;
      completion_.waiter_.compare_exchange_strong(promise_, nullptr, std::memory_order_relaxed);
    }

    bool await_ready() const noexcept {
      return completion_.waiter_.load(std::memory_order_acquire) == completion_.Completed();
    }
    template <TaskPromiseType Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      promise_ = &handle.promise();
      TaskPromiseBase* none = nullptr;
      if (completion_.waiter_.compare_exchange_strong(none, promise_, std::memory_order_acq_rel)) {
        return true;
      }
      PLATTER_CHECK(none == completion_.Completed());  // Awaited once.
      promise_ = nullptr;
      return false;
    }
    T await_resume() {
      promise_ = nullptr;
      return std::move(*completion_.value_);
    }

   private:
    Completion& completion_;
    TaskPromiseBase* promise_ = nullptr;
  };
  Waiter operator co_await() { return Waiter(*this); }

 private:
  // A value of waiter_ that is no promise: this object's own address.
  TaskPromiseBase* Completed() const {
    return reinterpret_cast<TaskPromiseBase*>(const_cast<Completion*>(this));
  }

  std::optional<T> value_;
  std::atomic<TaskPromiseBase*> waiter_{nullptr};
};

}  // namespace platter

#endif  // PLATTER_AIO_AWAIT_H_

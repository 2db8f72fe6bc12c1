// SPDX-License-Identifier: Apache-2.0
//
// Task<T>: a coroutine of an AioContext, for code that is a sequence of steps (drivers with
// metadata, jobs, handshakes, the monitor), never for device models.
//
//   Task<IoResult> CopyHeader(Node& node) {
//     IoResult read = co_await ReadHeader(node);   // A child Task.
//     if (read < 0) co_return read;
//     co_await SleepFor(Duration(1'000'000));       // aio/await.h
//     co_return co_await WriteHeader(node);
//   }
//   IoResult result = BlockOn(context, CopyHeader(node));   // From a top level.
//   Spawn(context, Watcher(node));                          // Runs and frees itself.
//
// A Task is lazy: it starts when it is awaited, spawned or blocked on. A child starts by a plain
// call inside its parent's await, so one that finishes without waiting never suspends its parent;
// any other coroutine goes on by way of its context's ready list (Defer or Post). No stack depth
// depends on how many coroutines follow each other: starts nest kMaxDepth deep and then go through
// the ready list too.
//
// Each coroutine belongs to a context: a child to its parent's, until it moves away by MoveTo. The
// parent goes on in its own context, wherever the child ended.
//
// Ownership: the Task owns the frame. Destroying a Task early destroys a coroutine where it waits
//   (in the context that it belongs to, and not while a child of it runs in another one). Frames
//   of up to a page come from the BufferPool of the context whose turn made the call.
// Threading: in the context; Spawn from any thread.
// Errors: T carries them; an exception that leaves a coroutine aborts.

#ifndef PLATTER_AIO_TASK_H_
#define PLATTER_AIO_TASK_H_

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "aio/aio_context.h"
#include "aio/work_item.h"
#include "base/check.h"

namespace platter {

template <typename T>
class Task;
class TaskOwner;

// What every Task's promise has in common: its place in the tree of coroutines and in the ready
// list of its context. Awaitables resume a coroutine by ScheduleResume.
class TaskPromiseBase : public WorkItem {
 public:
  // Synchronous starts nest this deep at most.
  static constexpr uint32_t kMaxDepth = 64;

  // The context that the coroutine belongs to; set when it starts.
  AioContext& context() const { return *context_; }
  // Queues the suspended coroutine for a later turn of its context. Any thread.
  void ScheduleResume();
  // As above, in `context` from now on.
  void MoveAndResume(AioContext& context);

  // --- For the compiler. ---

  static void* operator new(size_t size);
  static void operator delete(void* frame, size_t size);

  std::suspend_always initial_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept {
    CheckFailed(__FILE__, __LINE__, "no exception leaves a coroutine");
  }

  class FinalAwaiter {
   public:
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> handle) noexcept {
      handle.promise().Finish();
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }

 protected:
  TaskPromiseBase() = default;
  // Virtual for the compiler's warning only: nobody deletes through the base.
  virtual ~TaskPromiseBase();
  void SetHandle(std::coroutine_handle<> self) { self_ = self; }

 private:
  friend class TaskOwner;
  template <typename T>
  friend class Task;
  template <typename T>
  friend class TaskAwaiter;
  friend void Spawn(AioContext& context, Task<void> task);
  friend void StartOwned(AioContext& context, Task<void>& task);

  enum class State : uint8_t {
    kNotStarted,
    kStarting,   // Inside the start: whoever started it looks when the start returns.
    kWaitedFor,  // It waited: its end resumes the parent.
    kDone,       // Ended inside the start.
  };

  void Run() override {
    queued_ = false;
    self_.resume();
  }
  // Starts it as a child of `parent`; true when it has ended.
  bool StartFor(TaskPromiseBase& parent);
  void Finish() noexcept;
  // Destroys the frames of `root` and of the children it waits for, innermost first and without
  // recursion.
  static void Destroy(TaskPromiseBase& root);

  std::coroutine_handle<> self_;
  AioContext* context_ = nullptr;
  TaskPromiseBase* parent_ = nullptr;
  TaskPromiseBase* child_ = nullptr;  // That it waits for.
  TaskOwner* owner_ = nullptr;
  State state_ = State::kNotStarted;
  bool queued_ = false;    // In the ready list.
  bool detached_ = false;  // Spawned: the end frees the frame.
};

// The untyped part of Task: owns a frame.
class TaskOwner {
 public:
  TaskOwner(TaskOwner&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {
    if (promise_ != nullptr) promise_->owner_ = this;
  }
  TaskOwner& operator=(TaskOwner&& other) noexcept {
    if (this == &other) return *this;
    Reset();
    promise_ = std::exchange(other.promise_, nullptr);
    if (promise_ != nullptr) promise_->owner_ = this;
    return *this;
  }
  ~TaskOwner() { Reset(); }

  // Whether it has ended; what was moved from or reset has.
  bool done() const { return promise_ == nullptr || promise_->self_.done(); }
  // Destroys the coroutine.
  void Reset() {
    if (promise_ != nullptr) TaskPromiseBase::Destroy(*promise_);
  }

 protected:
  explicit TaskOwner(TaskPromiseBase& promise) : promise_(&promise) { promise.owner_ = this; }

  TaskPromiseBase* Release() {
    if (promise_ != nullptr) promise_->owner_ = nullptr;
    return std::exchange(promise_, nullptr);
  }

  TaskPromiseBase* promise_;

 private:
  friend class TaskPromiseBase;
};

template <typename T>
class TaskAwaiter;

template <typename T>
class TaskPromise final : public TaskPromiseBase {
 public:
  TaskPromise() { SetHandle(std::coroutine_handle<TaskPromise>::from_promise(*this)); }
  Task<T> get_return_object() { return Task<T>(*this); }
  template <typename U>
    requires std::convertible_to<U&&, T>
  void return_value(U&& value) {
    result_.emplace(std::forward<U>(value));
  }
  T TakeResult() { return std::move(*result_); }

 private:
  std::optional<T> result_;
};

template <>
class TaskPromise<void> final : public TaskPromiseBase {
 public:
  TaskPromise() { SetHandle(std::coroutine_handle<TaskPromise>::from_promise(*this)); }
  Task<void> get_return_object();
  void return_void() noexcept {}
  void TakeResult() {}
};

template <typename T>
class [[nodiscard]] Task : public TaskOwner {
 public:
  using promise_type = TaskPromise<T>;
  static_assert(!std::is_reference_v<T>);

  TaskAwaiter<T> operator co_await() &&;

 private:
  friend promise_type;
  friend class TaskAwaiter<T>;
  friend void Spawn(AioContext& context, Task<void> task);
  friend void StartOwned(AioContext& context, Task<void>& task);

  explicit Task(promise_type& promise) : TaskOwner(promise) {}
  promise_type& promise() { return static_cast<promise_type&>(*promise_); }
};

inline Task<void> TaskPromise<void>::get_return_object() { return Task<void>(*this); }

template <typename T>
class TaskAwaiter {
 public:
  explicit TaskAwaiter(Task<T>&& task) : task_(std::move(task)) {}
  TaskAwaiter(const TaskAwaiter&) = delete;
  TaskAwaiter& operator=(const TaskAwaiter&) = delete;
  ~TaskAwaiter() {
    if (parent_ != nullptr) parent_->child_ = nullptr;
  }

  bool await_ready() const noexcept { return false; }
  // False, so that the parent goes right on, when the child ended inside its start.
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    parent_ = &parent.promise();
    return !task_.promise().StartFor(*parent_);
  }
  T await_resume() { return task_.promise().TakeResult(); }

 private:
  TaskPromiseBase* parent_ = nullptr;
  Task<T> task_;
};

template <typename T>
TaskAwaiter<T> Task<T>::operator co_await() && {
  return TaskAwaiter<T>(std::move(*this));
}

// Runs `task` in `context`, from its next turn on; it frees itself at its end. It must end before
// the context dies. Any thread.
void Spawn(AioContext& context, Task<void> task);

// Runs `task` in `context`, from its next turn on; the caller keeps owning it, may ask whether it
// is done(), and ends it early by destroying it. In the context.
void StartOwned(AioContext& context, Task<void>& task);

// Runs `task` in `context` and turns the context until it has ended: the blocking form for a top
// level, not from inside a turn.
template <typename T>
T BlockOn(AioContext& context, Task<T> task) {
  bool done = false;
  std::optional<T> result;
  // The parameters live in the frame, so this lambda may go before the coroutine does.
  constexpr auto kRun = [](Task<T> inner, std::optional<T>& to, bool& ended) -> Task<void> {
    to.emplace(co_await std::move(inner));
    ended = true;
  };
  Spawn(context, kRun(std::move(task), result, done));
  context.RunUntil([&] { return done; });
  return std::move(*result);
}
void BlockOn(AioContext& context, Task<void> task);

}  // namespace platter

#endif  // PLATTER_AIO_TASK_H_

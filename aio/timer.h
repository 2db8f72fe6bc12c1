// SPDX-License-Identifier: Apache-2.0
//
// Timer: a callback at an Instant of an AioContext's clock. Arming allocates nothing.
//
// Ownership: the owner destroys it in its context; destruction disarms.
// Threading: in the context. Units: Instants of the context. Errors: none.

#ifndef PLATTER_AIO_TIMER_H_
#define PLATTER_AIO_TIMER_H_

#include <concepts>
#include <cstddef>
#include <utility>

#include "absl/functional/any_invocable.h"

#include "aio/aio_context.h"
#include "aio/clock.h"

namespace platter {

class Timer {
 public:
  // `expired` runs in the context once per arming, at or after the deadline; it may arm again.
  // Built in place: g++ 12 takes the move of an empty lambda's wrapper for a use of its bytes.
  template <std::invocable Function>
  Timer(AioContext& context, Function&& expired)
      : context_(context), expired_(std::forward<Function>(expired)) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { Cancel(); }

  // Arms it, or moves it when it is armed.
  void ArmAt(Instant deadline) {
    Cancel();
    deadline_ = deadline;
    context_.ArmTimer(*this);
  }
  void ArmAfter(Duration delay) { ArmAt(context_.Now() + delay); }
  // Does nothing when it is not armed.
  void Cancel() {
    if (armed()) context_.DisarmTimer(*this);
  }
  bool armed() const { return heap_index_ != kNotArmed; }
  Instant deadline() const { return deadline_; }

 private:
  friend class TimerQueue;
  static constexpr size_t kNotArmed = static_cast<size_t>(-1);

  AioContext& context_;
  absl::AnyInvocable<void()> expired_;
  Instant deadline_{};
  size_t heap_index_ = kNotArmed;  // Of the context's TimerQueue.
};

}  // namespace platter

#endif  // PLATTER_AIO_TIMER_H_

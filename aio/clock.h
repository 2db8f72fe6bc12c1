// SPDX-License-Identifier: Apache-2.0
//
// Time of an AioContext: Instants of a monotonic clock that starts wherever its owner chose, and a
// Clock that reads it. The simulated context has a virtual clock; the others read CLOCK_MONOTONIC.
//
// Threading: NowInstant may be called from any thread. Units: nanoseconds. Errors: none.

#ifndef PLATTER_AIO_CLOCK_H_
#define PLATTER_AIO_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace platter {

using Duration = std::chrono::nanoseconds;

// The tag of Platter's time line: an Instant mixes with no other clock's time points.
struct AioClockTag {
  using rep = int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<AioClockTag>;
  static constexpr bool is_steady = true;
};
using Instant = AioClockTag::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() const = 0;
};

// CLOCK_MONOTONIC (about 20 ns a call: one call a batch, not one a request).
class MonotonicClock final : public Clock {
 public:
  Instant Now() const override {
    return Instant(std::chrono::steady_clock::now().time_since_epoch());
  }
};

// Time that only its owner moves.
class VirtualClock final : public Clock {
 public:
  Instant Now() const override { return now_; }
  // `to` is not before Now().
  void AdvanceTo(Instant to) { now_ = to > now_ ? to : now_; }

 private:
  Instant now_{};
};

}  // namespace platter

#endif  // PLATTER_AIO_CLOCK_H_

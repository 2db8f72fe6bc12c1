// SPDX-License-Identifier: Apache-2.0
//
// PollWindow: how long a context polls before it sleeps. The window grows, up to a maximum, when
// polling found work or would have found it (the sleep that followed was shorter than the maximum);
// it shrinks to nothing while sleeps are long.
//
// Threading: in the context. Units: Durations. Errors: none.

#ifndef PLATTER_AIO_POLL_WINDOW_H_
#define PLATTER_AIO_POLL_WINDOW_H_

#include <algorithm>

#include "aio/clock.h"

namespace platter {

class PollWindow {
 public:
  // Where the window starts to grow; below it, it is zero.
  static constexpr Duration kFirst{4'000};

  void SetMax(Duration max) {
    max_ = std::max(max, Duration{0});
    window_ = std::min(window_, max_);
  }
  Duration max() const { return max_; }
  Duration window() const { return window_; }

  // Polling found work.
  void OnHit() { Grow(); }
  // From the end of the last work to the end of a sleep, `idle` passed.
  void OnSlept(Duration idle) {
    if (idle <= max_) {
      Grow();
    } else {
      window_ /= 2;
      if (window_ < std::min(kFirst, max_)) window_ = Duration{0};
    }
  }

 private:
  void Grow() { window_ = std::min(std::max(window_ * 2, kFirst), max_); }

  Duration max_{0};
  Duration window_{0};
};

}  // namespace platter

#endif  // PLATTER_AIO_POLL_WINDOW_H_

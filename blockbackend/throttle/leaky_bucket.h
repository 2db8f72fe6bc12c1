// SPDX-License-Identifier: Apache-2.0
//
// LeakyBucket: one limit at work. What was served fills it, time empties it at the average rate,
// and something may be served while it is not over its capacity. What it is asked for does not
// matter, so a request of any size gets its turn and those after it wait for as long as it was
// worth.
//
//   capacity      a tenth of a second at the average; with a burst: burst * burst_seconds
//   burst bucket  with burst_seconds > 1 a second one, which empties at `burst` and holds a tenth
//   of
//                 a second of it, keeps the burst itself to its rate
//
// A level is a number of NanoUnits: rate (units a second) times time (nanoseconds) is one without a
// remainder, so nothing is rounded and nothing drifts, over any time. They take 128 bits: the
// largest capacity is 10^15 units, 10^24 NanoUnits.
//
// Ownership: a value. Threading: one at a time. Units: NanoUnits are 10^-9 bytes or operations.
// Errors: none; the limit has passed CheckThrottleConfig.

#ifndef PLATTER_BLOCKBACKEND_THROTTLE_LEAKY_BUCKET_H_
#define PLATTER_BLOCKBACKEND_THROTTLE_LEAKY_BUCKET_H_

#include <algorithm>
#include <cstdint>

#include "aio/clock.h"
#include "blockbackend/throttle/throttle_config.h"

namespace platter {

__extension__ using NanoUnits = unsigned __int128;

inline constexpr uint64_t kNanoUnitsPerUnit = 1'000'000'000;

// Waits are cut to this (about 73 years), so that the Instant that they end at can be told.
inline constexpr Duration kLongestThrottleWait{int64_t{1} << 61};

class LeakyBucket {
 public:
  // Keeps what is in it, up to the new capacity: a debt under the old limit is no debt under a
  // lower one.
  void SetLimit(const ThrottleLimit& limit) {
    if (limit == limit_) return;
    limit_ = limit;
    level_ = std::min(level_, Capacity());
    burst_level_ = std::min(burst_level_, BurstCapacity());
  }

  // Time passes; `elapsed` is not negative.
  void Leak(Duration elapsed) {
    const auto time = static_cast<NanoUnits>(elapsed.count());
    level_ -= std::min(level_, limit_.average * time);
    burst_level_ -= std::min(burst_level_, limit_.burst * time);
  }

  // From now until something may be served; 0: now.
  Duration Wait() const {
    if (limit_.average == 0) return Duration{0};
    return std::max(TimeOver(level_, Capacity(), limit_.average),
                    TimeOver(burst_level_, BurstCapacity(), limit_.burst));
  }

  // So much is served.
  void Add(NanoUnits amount) {
    if (limit_.average == 0) return;
    level_ += amount;
    if (limit_.burst_seconds > 1) burst_level_ += amount;
  }

  NanoUnits level() const { return level_; }

 private:
  static constexpr uint64_t kTenthOfSecond = 100'000'000;  // Nanoseconds.

  NanoUnits Capacity() const {
    if (limit_.burst == 0) return static_cast<NanoUnits>(limit_.average) * kTenthOfSecond;
    return static_cast<NanoUnits>(limit_.burst) * limit_.burst_seconds * kNanoUnitsPerUnit;
  }
  NanoUnits BurstCapacity() const { return static_cast<NanoUnits>(limit_.burst) * kTenthOfSecond; }
  // Until a level is down to `capacity`, rounded up.
  static Duration TimeOver(NanoUnits level, NanoUnits capacity, uint64_t rate) {
    if (level <= capacity) return Duration{0};
    const NanoUnits time = (level - capacity + rate - 1) / rate;
    const auto longest = static_cast<NanoUnits>(kLongestThrottleWait.count());
    return Duration{static_cast<int64_t>(std::min(time, longest))};
  }

  ThrottleLimit limit_;
  NanoUnits level_ = 0;
  NanoUnits burst_level_ = 0;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_THROTTLE_LEAKY_BUCKET_H_

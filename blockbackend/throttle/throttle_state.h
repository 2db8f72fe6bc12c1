// SPDX-License-Identifier: Apache-2.0
//
// ThrottleState: the six buckets of a ThrottleConfig. Asked when a read or a write may be served
// next, and told what was.
//
// Ownership: a value. Threading: one at a time. Units: bytes; Instants of any one clock.
// Errors: none. An operation of iops_size is rounded down to 10^-9 operations; nothing else is.

#ifndef PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_STATE_H_
#define PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_STATE_H_

#include <array>
#include <cstdint>

#include "aio/clock.h"
#include "blockbackend/throttle/leaky_bucket.h"
#include "blockbackend/throttle/throttle_config.h"

namespace platter {

enum class ThrottleDirection : uint8_t { kRead, kWrite };
inline constexpr ThrottleDirection kThrottleDirections[] = {ThrottleDirection::kRead,
                                                            ThrottleDirection::kWrite};

class ThrottleState {
 public:
  // `config` has passed CheckThrottleConfig. The buckets keep what is in them, up to their new
  // capacities.
  void SetConfig(const ThrottleConfig& config, Instant now);
  const ThrottleConfig& config() const { return config_; }

  // From `now` until a request in that direction may be served, whatever its size; 0: now. A `now`
  // before an earlier one counts as that one: clocks of several threads are read at will.
  Duration WaitFor(ThrottleDirection direction, Instant now);
  // A request of `bytes` is served. It counts though WaitFor wasn't 0.
  void Account(ThrottleDirection direction, uint64_t bytes, Instant now);

 private:
  // What a request in `direction` is counted in.
  static std::array<ThrottleKind, 4> KindsOf(ThrottleDirection direction);
  LeakyBucket& bucket(ThrottleKind kind) { return buckets_[static_cast<size_t>(kind)]; }
  void LeakUntil(Instant now);
  NanoUnits OperationsOf(uint64_t bytes) const;

  ThrottleConfig config_;
  std::array<LeakyBucket, kThrottleKinds> buckets_;
  Instant leaked_until_{};
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_STATE_H_

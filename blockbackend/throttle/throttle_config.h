// SPDX-License-Identifier: Apache-2.0
//
// ThrottleConfig: the I/O limits of a drive or of a group of drives, as block_set_io_throttle and
// the throttling.* options of the field name them: bytes and operations per second, each in total
// or for reads and writes apart, with bursts.
//
// Ownership: values. Threading: values. Units: bytes, operations, seconds.
// Errors: CheckThrottleConfig: INVALID_ARGUMENT naming the option as the field spells it.

#ifndef PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_CONFIG_H_
#define PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_CONFIG_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace platter {

// No average, burst or burst times its length is above this (bytes or operations per second).
inline constexpr uint64_t kMaxThrottleValue = 1'000'000'000'000'000;

// One limit, of bytes or of operations.
struct ThrottleLimit {
  uint64_t average = 0;  // A second; 0: no limit.
  // What may come at once on top after a quiet time or, with a longer burst_seconds, the rate at
  // which it may come. 0: a tenth of a second's worth at once.
  uint64_t burst = 0;
  // How long the burst may last after a quiet time, at the rate of `burst`: 1 is "at once".
  uint64_t burst_seconds = 1;

  bool operator==(const ThrottleLimit&) const = default;
};

enum class ThrottleKind : uint8_t {
  kBpsTotal,
  kBpsRead,
  kBpsWrite,
  kIopsTotal,
  kIopsRead,
  kIopsWrite,
};
inline constexpr size_t kThrottleKinds = 6;

struct ThrottleConfig {
  ThrottleLimit bps_total = {};
  ThrottleLimit bps_read = {};
  ThrottleLimit bps_write = {};
  ThrottleLimit iops_total = {};
  ThrottleLimit iops_read = {};
  ThrottleLimit iops_write = {};
  // A request of more bytes counts as bytes / iops_size operations, fractions too; 0: as one.
  uint64_t iops_size = 0;

  const ThrottleLimit& limit(ThrottleKind kind) const;
  // Whether anything is limited.
  bool enabled() const;
  bool operator==(const ThrottleConfig&) const = default;
};

// OK, or what is wrong with `config`: total together with read or write limits of the same unit, a
// burst without an average or below it, a length of 0 or one without a burst, values above
// kMaxThrottleValue, an iops_size without a limit of operations.
absl::Status CheckThrottleConfig(const ThrottleConfig& config);

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_CONFIG_H_

// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/throttle/throttle_state.h"

#include <algorithm>

namespace platter {
namespace {

bool CountsBytes(ThrottleKind kind) { return kind <= ThrottleKind::kBpsWrite; }

}  // namespace

std::array<ThrottleKind, 4> ThrottleState::KindsOf(ThrottleDirection direction) {
  if (direction == ThrottleDirection::kRead) {
    return {ThrottleKind::kBpsTotal, ThrottleKind::kBpsRead, ThrottleKind::kIopsTotal,
            ThrottleKind::kIopsRead};
  }
  return {ThrottleKind::kBpsTotal, ThrottleKind::kBpsWrite, ThrottleKind::kIopsTotal,
          ThrottleKind::kIopsWrite};
}

void ThrottleState::SetConfig(const ThrottleConfig& config, Instant now) {
  LeakUntil(now);
  config_ = config;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    buckets_[i].SetLimit(config_.limit(static_cast<ThrottleKind>(i)));
  }
}

void ThrottleState::LeakUntil(Instant now) {
  if (now <= leaked_until_) return;
  for (LeakyBucket& bucket : buckets_) bucket.Leak(now - leaked_until_);
  leaked_until_ = now;
}

Duration ThrottleState::WaitFor(ThrottleDirection direction, Instant now) {
  LeakUntil(now);
  Duration longest{0};
  for (const ThrottleKind kind : KindsOf(direction)) {
    longest = std::max(longest, bucket(kind).Wait());
  }
  return longest;
}

NanoUnits ThrottleState::OperationsOf(uint64_t bytes) const {
  if (config_.iops_size == 0 || bytes <= config_.iops_size) return kNanoUnitsPerUnit;
  return static_cast<NanoUnits>(bytes) * kNanoUnitsPerUnit / config_.iops_size;
}

void ThrottleState::Account(ThrottleDirection direction, uint64_t bytes, Instant now) {
  LeakUntil(now);
  const NanoUnits operations = OperationsOf(bytes);
  for (const ThrottleKind kind : KindsOf(direction)) {
    bucket(kind).Add(CountsBytes(kind) ? static_cast<NanoUnits>(bytes) * kNanoUnitsPerUnit
                                       : operations);
  }
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace platter {

// Values below 2^kSubBits have a bucket each; above, the power of two and the kSubBits bits that
// follow the leading one make the bucket.
size_t LatencyHistogram::BucketOf(uint64_t nanoseconds) {
  constexpr uint64_t kLinear = uint64_t{1} << kSubBits;
  if (nanoseconds < kLinear) return nanoseconds;
  const auto power = static_cast<unsigned>(std::bit_width(nanoseconds)) - 1;
  if (power > kMaxPower) return kBuckets - 1;
  const uint64_t sub = (nanoseconds >> (power - kSubBits)) - kLinear;
  return ((power - kSubBits + 1) << kSubBits) + sub;
}

uint64_t LatencyHistogram::UpperBound(size_t bucket) {
  constexpr uint64_t kLinear = uint64_t{1} << kSubBits;
  if (bucket < kLinear) return bucket;
  const uint64_t shift = (bucket >> kSubBits) - 1;
  const uint64_t sub = (bucket & (kLinear - 1)) + kLinear;
  return ((sub + 1) << shift) - 1;
}

void LatencyHistogram::Add(const LatencyHistogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
}

uint64_t LatencyHistogram::total() const {
  uint64_t sum = 0;
  for (const uint64_t count : counts_) sum += count;
  return sum;
}

uint64_t LatencyHistogram::Percentile(double fraction) const {
  const uint64_t all = total();
  if (all == 0) return 0;
  const auto wanted =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(all))));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= wanted) return UpperBound(i);
  }
  return UpperBound(kBuckets - 1);
}

}  // namespace platter

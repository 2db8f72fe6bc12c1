// SPDX-License-Identifier: Apache-2.0
//
// LatencyHistogram: counts of latencies in buckets that are at most 1/32 wide, for percentiles of
// millions of requests in a few KiB.
//
// Ownership: a value. Threading: one thread; Add merges others'. Units: nanoseconds.
// Errors: none; longer than about 2^42 ns counts as that.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_HISTOGRAM_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace platter {

class LatencyHistogram {
 public:
  void Record(uint64_t nanoseconds) { ++counts_[BucketOf(nanoseconds)]; }
  void Add(const LatencyHistogram& other);
  uint64_t total() const;
  // The smallest bucket bound that `fraction` (0 ... 1) of the latencies do not exceed; 0 when
  // empty.
  uint64_t Percentile(double fraction) const;

 private:
  static constexpr unsigned kSubBits = 5;  // 32 buckets a power of two.
  static constexpr unsigned kMaxPower = 42;
  static constexpr size_t kBuckets = (kMaxPower - kSubBits + 2) << kSubBits;

  static size_t BucketOf(uint64_t nanoseconds);
  static uint64_t UpperBound(size_t bucket);

  std::array<uint64_t, kBuckets> counts_{};
};

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_HISTOGRAM_H_

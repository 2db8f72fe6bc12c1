// SPDX-License-Identifier: Apache-2.0
//
// BlockStats, BlockIntervalStats, BlockLatencyHistogram: the accounting of a backend.
//
// Threading: values. Units: bytes, nanoseconds. Errors: none.

#ifndef PLATTER_BLOCKBACKEND_BLOCK_STATS_H_
#define PLATTER_BLOCKBACKEND_BLOCK_STATS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "aio/clock.h"

namespace platter {

// Totals since creation, of all channels (closed ones too).
struct BlockStats {
  struct Operation {
    uint64_t operations = 0;     // Ended well.
    uint64_t bytes = 0;          // Of these.
    uint64_t failed = 0;         // Ended with an error of the medium, ignored ones included.
    uint64_t invalid = 0;        // Refused before they reached the medium.
    uint64_t merged = 0;         // Went as part of another one, which is what was counted.
    uint64_t total_time_ns = 0;  // From Submit to OnBlockDone, of ended and failed ones.
  };
  Operation read, write, flush, unmap;
  // Since a request ended last; nullopt when none has.
  std::optional<uint64_t> idle_time_ns = std::nullopt;
  uint32_t queue_depth = 0;  // Requests in flight now.
  // The highest end of a write that ended well; 0: there was none.
  uint64_t highest_write_end = 0;
};

// What intervals and histograms tell apart.
enum class StatsKind : uint8_t { kRead, kWrite, kFlush };
inline constexpr size_t kStatsKinds = 3;

// Of the latest part of time, at least half an interval long and at most a whole one.
struct BlockIntervalStats {
  struct Operation {
    uint64_t operations = 0;  // Of the numbers below; 0: they say nothing.
    uint64_t min_ns = 0;
    uint64_t max_ns = 0;
    uint64_t avg_ns = 0;
    double avg_queue_depth = 0;  // Requests under way at a time.
  };
  uint64_t interval_ns = 0;
  Operation read, write, flush;
};

// bins[i] counts latencies from boundaries_ns[i - 1] up to, and without, boundaries_ns[i]; the
// first bin begins at 0, the last one has no end.
struct BlockLatencyHistogram {
  std::vector<uint64_t> boundaries_ns;
  std::vector<uint64_t> bins;  // One more than there are boundaries.
};

// Whether a histogram may have these boundaries: above 0 and ascending. None is a histogram's end.
inline bool AreHistogramBoundaries(const std::vector<uint64_t>& boundaries_ns) {
  const bool ascend = std::adjacent_find(boundaries_ns.begin(), boundaries_ns.end(),
                                         std::greater_equal<>()) == boundaries_ns.end();
  return ascend && (boundaries_ns.empty() || boundaries_ns.front() > 0);
}

inline constexpr size_t kMaxStatsIntervals = 8;

// How a backend counts; fixed when it is made.
struct BlockStatsOptions {
  // At most kMaxStatsIntervals, each longer than 1 ns.
  std::vector<Duration> intervals = {};
  // Whether a failed request counts in times and ends an idle time; whether an invalid one does the
  // latter.
  bool account_failed = true;
  bool account_invalid = true;

  bool operator==(const BlockStatsOptions&) const = default;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_BLOCK_STATS_H_

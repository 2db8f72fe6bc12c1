// SPDX-License-Identifier: Apache-2.0
//
// The accounting of a backend: what its channels have counted, added up.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "blockbackend/backend_impl.h"

namespace platter {

bool BlockBackendImpl::IsValid(const BlockStatsOptions& options) {
  return options.intervals.size() <= kMaxStatsIntervals &&
         std::all_of(options.intervals.begin(), options.intervals.end(),
                     [](Duration interval) { return interval >= Duration{2}; });
}

BlockStats BlockBackendImpl::Stats() const {
  const StatsSum sum = hub_.Stats();
  BlockStats stats = sum.totals;
  if (sum.last_access != kNeverAccessed) {
    // Another context's clock may have been read a moment later than this one's.
    const Duration idle = services_.control->Now() - sum.last_access;
    stats.idle_time_ns = static_cast<uint64_t>(std::max(idle, Duration{0}).count());
  }
  stats.queue_depth = hub_.InFlight();
  return stats;
}

std::vector<BlockIntervalStats> BlockBackendImpl::IntervalStats() const {
  const StatsSum sum = hub_.Stats();
  const Instant now = services_.control->Now();
  std::vector<BlockIntervalStats> intervals;
  for (size_t i = 0; i < stats_plan_.half_intervals_ns.size(); ++i) {
    intervals.push_back(IntervalOf(sum.slots[i], stats_plan_.half_intervals_ns[i], now));
  }
  return intervals;
}

std::optional<BlockLatencyHistogram> BlockBackendImpl::LatencyHistogram(StatsKind kind) const {
  const auto index = static_cast<size_t>(kind);
  const std::vector<uint64_t>& boundaries = stats_plan_.boundaries_ns[index];
  if (boundaries.empty()) return std::nullopt;
  return BlockLatencyHistogram{.boundaries_ns = boundaries, .bins = hub_.Stats().bins[index]};
}

Task<absl::Status> BlockBackendImpl::SetLatencyHistogram(StatsKind kind,
                                                         std::vector<uint64_t> boundaries_ns) {
  if (!AreHistogramBoundaries(boundaries_ns)) {
    co_return absl::InvalidArgumentError(
        absl::StrCat(Title(), ": the boundaries of a latency histogram are above 0 and ascend"));
  }
  const ChangeSection section = co_await BeginChange();
  stats_plan_.SetBoundaries(kind, std::move(boundaries_ns));
  hub_.ResetHistogram(kind);
  co_return absl::OkStatus();
}

}  // namespace platter

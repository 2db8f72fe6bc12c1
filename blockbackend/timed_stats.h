// SPDX-License-Identifier: Apache-2.0
//
// TimedStats: latencies by interval and by histogram, of one channel. Nothing here is touched
// unless the owner asked for an interval or a histogram.
//
// An interval is two slots of half its length, at times that all channels agree on: the slot of
// now, and the one before it. A slot is emptied by its first request, so that nothing has to run
// when nothing happens.
//
// Ownership: the channel's; the plan is the backend's and outlives it.
// Threading: written by the channel's context alone, read by any thread: plain loads and stores. A
//   reader that meets the moment in which a slot is emptied sees it incomplete. The boundaries of
//   histograms, and with them the bins, change in the control context while the backend is drained.
// Units: nanoseconds. Errors: none.

#ifndef PLATTER_BLOCKBACKEND_TIMED_STATS_H_
#define PLATTER_BLOCKBACKEND_TIMED_STATS_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "aio/clock.h"
#include "blockbackend/block_stats.h"

namespace platter {

// A number with one writer.
class OwnedCounter {
 public:
  void Add(uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// What is counted, the same for all channels of a backend.
struct StatsPlan {
  explicit StatsPlan(const BlockStatsOptions& options)
      : account_failed(options.account_failed), account_invalid(options.account_invalid) {
    for (const Duration interval : options.intervals) {
      half_intervals_ns.push_back(static_cast<uint64_t>(interval.count()) / 2);
    }
  }

  // Control context, drained.
  void SetBoundaries(StatsKind kind, std::vector<uint64_t> boundaries) {
    boundaries_ns[static_cast<size_t>(kind)] = std::move(boundaries);
  }
  // Whether there is a histogram, which wants a time stamp for each request, not for a batch.
  bool exact() const {
    return std::any_of(boundaries_ns.begin(), boundaries_ns.end(),
                       [](const auto& one) { return !one.empty(); });
  }

  const bool account_failed;
  const bool account_invalid;
  std::vector<uint64_t> half_intervals_ns;
  std::array<std::vector<uint64_t>, kStatsKinds> boundaries_ns;  // Ascending; empty: off.
};

// A slot as a value, and what slots of several channels add up to.
struct StatsSlot {
  uint64_t number = 0;  // Of half intervals since the clock's beginning.
  uint64_t operations = 0;
  uint64_t sum_ns = 0;
  uint64_t min_ns = 0;
  uint64_t max_ns = 0;

  // The newer of two slots wins, equal ones add up.
  void Merge(const StatsSlot& other) {
    if (other.operations == 0 || (operations > 0 && other.number < number)) return;
    if (operations == 0 || other.number > number) {
      *this = other;
      return;
    }
    operations += other.operations;
    sum_ns += other.sum_ns;
    min_ns = std::min(min_ns, other.min_ns);
    max_ns = std::max(max_ns, other.max_ns);
  }
};

// Earlier than every access.
inline constexpr Instant kNeverAccessed = Instant::min();

// What the channels of a backend add up to.
struct StatsSum {
  using Slots = std::array<std::array<StatsSlot, 2>, kStatsKinds>;

  BlockStats totals;
  Instant last_access = kNeverAccessed;
  std::array<Slots, kMaxStatsIntervals> slots = {};
  std::array<std::vector<uint64_t>, kStatsKinds> bins = {};
};

class TimedStats {
 public:
  explicit TimedStats(const StatsPlan& plan) : plan_(plan) {
    for (size_t kind = 0; kind < kStatsKinds; ++kind) ResetBins(static_cast<StatsKind>(kind));
  }

  // A request of `kind` that took `time` ended at `now`.
  void Count(StatsKind kind, uint64_t time_ns, Instant now) {
    const auto index = static_cast<size_t>(kind);
    for (size_t i = 0; i < plan_.half_intervals_ns.size(); ++i) {
      CountSlot(slots_[i][index], NanosecondsOf(now) / plan_.half_intervals_ns[i], time_ns);
    }
    const std::vector<uint64_t>& boundaries = plan_.boundaries_ns[index];
    if (boundaries.empty()) return;
    const auto bin = std::upper_bound(boundaries.begin(), boundaries.end(), time_ns);
    bins_[index][static_cast<size_t>(bin - boundaries.begin())].Add(1);
  }

  // Empties the bins of `kind` and makes them fit the plan. Control context, drained.
  void ResetBins(StatsKind kind) {
    const auto index = static_cast<size_t>(kind);
    const size_t boundaries = plan_.boundaries_ns[index].size();
    bins_[index] = boundaries == 0 ? nullptr : std::make_unique<OwnedCounter[]>(boundaries + 1);
  }

  void AddTo(StatsSum& sum) const {
    for (size_t i = 0; i < plan_.half_intervals_ns.size(); ++i) {
      for (size_t kind = 0; kind < kStatsKinds; ++kind) {
        for (size_t slot = 0; slot < 2; ++slot) {
          sum.slots[i][kind][slot].Merge(slots_[i][kind][slot].Value());
        }
      }
    }
    for (size_t kind = 0; kind < kStatsKinds; ++kind) {
      if (bins_[kind] == nullptr) continue;
      const size_t count = plan_.boundaries_ns[kind].size() + 1;
      sum.bins[kind].resize(count);
      for (size_t bin = 0; bin < count; ++bin) sum.bins[kind][bin] += bins_[kind][bin].value();
    }
  }

  static uint64_t NanosecondsOf(Instant now) {
    return static_cast<uint64_t>(now.time_since_epoch().count());
  }

 private:
  struct Slot {
    OwnedCounter number, operations, sum_ns, min_ns, max_ns;

    StatsSlot Value() const {
      return {.number = number.value(),
              .operations = operations.value(),
              .sum_ns = sum_ns.value(),
              .min_ns = min_ns.value(),
              .max_ns = max_ns.value()};
    }
  };
  using Slots = std::array<std::array<Slot, 2>, kStatsKinds>;

  static void CountSlot(std::array<Slot, 2>& ring, uint64_t number, uint64_t time_ns) {
    Slot& slot = ring[number % 2];
    if (slot.number.value() != number || slot.operations.value() == 0) {
      slot.operations.Set(0);
      slot.number.Set(number);
      slot.sum_ns.Set(0);
      slot.min_ns.Set(time_ns);
      slot.max_ns.Set(time_ns);
    }
    slot.sum_ns.Add(time_ns);
    if (time_ns < slot.min_ns.value()) slot.min_ns.Set(time_ns);
    if (time_ns > slot.max_ns.value()) slot.max_ns.Set(time_ns);
    slot.operations.Add(1);
  }

  const StatsPlan& plan_;
  std::array<Slots, kMaxStatsIntervals> slots_;
  std::array<std::unique_ptr<OwnedCounter[]>, kStatsKinds> bins_;
};

// What `slots` say at `now` of the interval whose half is `half_ns`.
inline BlockIntervalStats IntervalOf(const StatsSum::Slots& slots, uint64_t half_ns, Instant now) {
  const uint64_t present = TimedStats::NanosecondsOf(now) / half_ns;
  const uint64_t covered_ns = half_ns + TimedStats::NanosecondsOf(now) % half_ns;
  const auto of = [&](StatsKind kind) {
    StatsSlot both;
    for (StatsSlot slot : slots[static_cast<size_t>(kind)]) {
      if (slot.number + 1 < present || slot.number > present) continue;
      slot.number = present;
      both.Merge(slot);
    }
    BlockIntervalStats::Operation result;
    if (both.operations == 0) return result;
    result.operations = both.operations;
    result.min_ns = both.min_ns;
    result.max_ns = both.max_ns;
    result.avg_ns = both.sum_ns / both.operations;
    result.avg_queue_depth = static_cast<double>(both.sum_ns) / static_cast<double>(covered_ns);
    return result;
  };
  return {.interval_ns = 2 * half_ns,
          .read = of(StatsKind::kRead),
          .write = of(StatsKind::kWrite),
          .flush = of(StatsKind::kFlush)};
}

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_TIMED_STATS_H_

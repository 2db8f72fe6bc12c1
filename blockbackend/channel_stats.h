// SPDX-License-Identifier: Apache-2.0
//
// ChannelStats: what one channel has done. Written by the channel's context alone, read by any
// thread: plain loads and stores, no locked instruction.
//
// Ownership: the channel's; the plan is the backend's. Threading: as above; the context may change
//   as the channel's does. Units: bytes, nanoseconds. Errors: none.

#ifndef PLATTER_BLOCKBACKEND_CHANNEL_STATS_H_
#define PLATTER_BLOCKBACKEND_CHANNEL_STATS_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "aio/clock.h"
#include "aio/io_request.h"
#include "blockbackend/block_stats.h"
#include "blockbackend/timed_stats.h"

namespace platter {

class ChannelStats {
 public:
  explicit ChannelStats(const StatsPlan& plan)
      : plan_(plan), timed_(std::make_unique<TimedStats>(plan)) {
    NotePlan();
  }

  // Whether each request is to have time stamps of its own.
  bool exact() const { return exact_.load(std::memory_order_relaxed); }
  // Whether CountTimes is to be told of each request: a histogram or an interval wants it.
  bool counts_times() const { return counts_times_.load(std::memory_order_relaxed); }

  void CountDone(IoOp op, uint64_t bytes, Duration time) {
    Counters& counters = Of(op);
    counters.operations.Add(1);
    counters.bytes.Add(bytes);
    counters.time_ns.Add(static_cast<uint64_t>(time.count()));
  }
  // A write or write-zeroes that ended at byte `end` ended well.
  void CountWriteEnd(uint64_t end) {
    if (end > highest_write_end_.value()) highest_write_end_.Set(end);
  }
  // These two: whether it was an access, and its time counts.
  bool CountFailed(IoOp op, Duration time) {
    Of(op).failed.Add(1);
    if (!plan_.account_failed) return false;
    Of(op).time_ns.Add(static_cast<uint64_t>(time.count()));
    return true;
  }
  bool CountInvalid(IoOp op) {
    Of(op).invalid.Add(1);
    return plan_.account_invalid;
  }
  // The latest access was `now`: once for a batch.
  void NoteAccess(Instant now) { last_access_.store(now, std::memory_order_relaxed); }
  // A request whose time counts took `time` and ended at `now`.
  void CountTimes(IoOp op, Duration time, Instant now) {
    const size_t index = kIndex[static_cast<size_t>(op)];
    if (index == kUnmap) return;
    timed_->Count(static_cast<StatsKind>(index), static_cast<uint64_t>(time.count()), now);
  }
  bool account_failed() const { return plan_.account_failed; }
  void CountMerged(IoOp op, uint64_t requests) { Of(op).merged.Add(requests); }

  // The boundaries of `kind` have changed: counts from 0. Control context, drained.
  void ResetBins(StatsKind kind) {
    timed_->ResetBins(kind);
    NotePlan();
  }

  // All but idle time and queue depth.
  void AddTo(StatsSum& sum) const {
    counters_[0].AddTo(sum.totals.read);
    counters_[1].AddTo(sum.totals.write);
    counters_[2].AddTo(sum.totals.flush);
    counters_[3].AddTo(sum.totals.unmap);
    sum.totals.highest_write_end =
        std::max(sum.totals.highest_write_end, highest_write_end_.value());
    sum.last_access = std::max(sum.last_access, last_access_.load(std::memory_order_relaxed));
    timed_->AddTo(sum);
  }

 private:
  struct Counters {
    OwnedCounter operations, bytes, failed, invalid, merged, time_ns;

    void AddTo(BlockStats::Operation& sum) const {
      sum.operations += operations.value();
      sum.bytes += bytes.value();
      sum.failed += failed.value();
      sum.invalid += invalid.value();
      sum.merged += merged.value();
      sum.total_time_ns += time_ns.value();
    }
  };

  // Zeroes are writes to the field's accounting, discards are "unmap".
  static constexpr std::array<uint8_t, kIoOpCount> kIndex = {0, 1, 2, 3, 1};
  static constexpr size_t kUnmap = 3;

  void NotePlan() {
    exact_.store(plan_.exact(), std::memory_order_relaxed);
    counts_times_.store(plan_.exact() || !plan_.half_intervals_ns.empty(),
                        std::memory_order_relaxed);
  }

  Counters& Of(IoOp op) { return counters_[kIndex[static_cast<size_t>(op)]]; }

  // What a request looks at, together; of the plan, which is elsewhere.
  std::atomic<bool> exact_{false};
  std::atomic<bool> counts_times_{false};
  std::atomic<Instant> last_access_{kNeverAccessed};
  std::array<Counters, 4> counters_;
  OwnedCounter highest_write_end_;
  const StatsPlan& plan_;
  const std::unique_ptr<TimedStats> timed_;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_CHANNEL_STATS_H_

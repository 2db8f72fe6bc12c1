// SPDX-License-Identifier: Apache-2.0
//
// ChannelStats: what one channel has done. Written by the channel's context alone, read by any
// thread: plain loads and stores, no locked instruction.
//
// Ownership: the channel's. Threading: as above. Units: bytes, nanoseconds. Errors: none.

#ifndef PLATTER_BLOCKBACKEND_CHANNEL_STATS_H_
#define PLATTER_BLOCKBACKEND_CHANNEL_STATS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "aio/clock.h"
#include "aio/io_request.h"
#include "blockbackend/block_stats.h"

namespace platter {

// A number with one writer.
class OwnedCounter {
 public:
  void Add(uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class ChannelStats {
 public:
  void CountDone(IoOp op, uint64_t bytes, Duration time) {
    Counters& counters = Of(op);
    counters.operations.Add(1);
    counters.bytes.Add(bytes);
    counters.time_ns.Add(static_cast<uint64_t>(time.count()));
  }
  void CountFailed(IoOp op, Duration time) {
    Of(op).failed.Add(1);
    Of(op).time_ns.Add(static_cast<uint64_t>(time.count()));
  }
  void CountInvalid(IoOp op) { Of(op).invalid.Add(1); }

  void AddTo(BlockStats& sum) const {
    counters_[0].AddTo(sum.read);
    counters_[1].AddTo(sum.write);
    counters_[2].AddTo(sum.flush);
    counters_[3].AddTo(sum.unmap);
  }

 private:
  struct Counters {
    OwnedCounter operations, bytes, failed, invalid, time_ns;

    void AddTo(BlockStats::Operation& sum) const {
      sum.operations += operations.value();
      sum.bytes += bytes.value();
      sum.failed += failed.value();
      sum.invalid += invalid.value();
      sum.total_time_ns += time_ns.value();
    }
  };

  // Zeroes are writes to the field's accounting, discards are "unmap".
  Counters& Of(IoOp op) {
    static constexpr std::array<uint8_t, kIoOpCount> kIndex = {0, 1, 2, 3, 1};
    return counters_[kIndex[static_cast<size_t>(op)]];
  }

  std::array<Counters, 4> counters_;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_CHANNEL_STATS_H_

// SPDX-License-Identifier: Apache-2.0
//
// BenchTarget: what the load is put on: a device that a guest's driver has probed, in this process
// (bench_machine.h) or behind a socket (vhost_user_target.h).
//
// Ownership: its creator's; queues that it made go before it. Threading: the guest's thread.
// Units: bytes, Durations. Errors: creating one says what could not be, by option.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_BENCH_TARGET_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_BENCH_TARGET_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/clock.h"
#include "base/log.h"
#include "benchmarks/throughput/load_queue.h"
#include "benchmarks/throughput/workload.h"
#include "testing/guest/guest_bus.h"

namespace platter {

class BenchTarget {
 public:
  virtual ~BenchTarget() = default;

  virtual GuestBus& bus() = 0;
  // Queue `index` of the workload's.
  virtual std::unique_ptr<LoadQueue> MakeQueue(uint32_t index) = 0;
  // What an interrupt handler does first, before it looks at the queues.
  virtual void TakeInterrupts() = 0;
  // Between two rounds of the guest. `done`: requests of the round that was. Where that is 0 it may
  // sleep until something happens, not longer than `limit`.
  virtual void Turn(uint32_t done, Duration limit) = 0;
  // OK, or why nothing more can come of it.
  virtual absl::Status Health() = 0;

 protected:
  // Whether the workload fits the medium; by option.
  static absl::Status CheckMedium(const Workload& workload, uint64_t bytes, bool read_only);
};

// In this process, or where Workload::target says.
absl::StatusOr<std::unique_ptr<BenchTarget>> MakeBenchTarget(const Workload& workload,
                                                             LogSink& log);

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_BENCH_TARGET_H_

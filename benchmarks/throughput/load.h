// SPDX-License-Identifier: Apache-2.0
//
// RunLoad: keeps the workload's depth of requests in flight on every queue for its time and counts.
// One time stamp a batch, not one a request: a latency is from the stamp of the batch that
// submitted a request to the stamp of the batch that took its completion.
//
// Threading: the guest's thread. Errors: a device that breaks its ring or goes away.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_LOAD_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_LOAD_H_

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include "benchmarks/throughput/bench_target.h"
#include "benchmarks/throughput/workload.h"

namespace platter {

// Called about ten times a second: seconds so far and requests so far.
using LoadProgress = absl::FunctionRef<void(double seconds, uint64_t requests)>;

absl::StatusOr<LoadResult> RunLoad(BenchTarget& target, const Workload& workload,
                                   LoadProgress progress);

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_LOAD_H_

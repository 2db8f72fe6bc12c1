// SPDX-License-Identifier: Apache-2.0
//
// Workload: what the throughput tool asks of a device, what it measured, and both as text.
//
// Ownership: values. Threading: any. Units: bytes, seconds; latencies in nanoseconds.
// Errors: CheckWorkload names the option that is wrong.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_WORKLOAD_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "benchmarks/throughput/histogram.h"

namespace platter {

enum class LoadOp : uint8_t { kRandRead, kRandWrite, kSeqRead, kSeqWrite };

// "randread", "randwrite", "seqread", "seqwrite"; INVALID_ARGUMENT naming the text.
absl::StatusOr<LoadOp> ParseLoadOp(std::string_view text);
std::string_view LoadOpName(LoadOp op);
constexpr bool IsWrite(LoadOp op) { return op == LoadOp::kRandWrite || op == LoadOp::kSeqWrite; }

// What --device takes.
inline constexpr std::string_view kBenchModels[] = {"virtio-blk", "scsi-disk", "scsi-cd",
                                                    "ide-disk", "ide-cd"};
// How the guest comes to know of completions.
enum class Completions : uint8_t { kInterrupt, kPoll };

// What Workload::target begins with.
inline constexpr std::string_view kVhostUserTargetPrefix = "vhost-user:";

// 1 for IDE, which does one command at a time, else 32.
uint32_t UsualQueueDepth(std::string_view device);

struct Workload {
  std::string device = "virtio-blk";  // One of kBenchModels.
  // Block nodes, key=value or JSON, in the order of their making; the last one is the disk.
  std::vector<std::string> blockdevs;
  // "vhost-user:PATH": a device behind that socket, in place of `blockdevs` and I/O threads.
  std::string target = {};
  // Of a target's guest: one that polls has interrupts off and never sleeps.
  Completions completions = Completions::kInterrupt;
  LoadOp op = LoadOp::kRandRead;
  uint32_t block_size = 4096;  // A multiple of 512 (2048 for CDs), at most 1 MiB.
  uint32_t queue_depth = 32;   // Per queue, 1 ... 256.
  uint32_t queues = 1;         // 1 ... 16.
  // I/O threads that serve the queues; 0: the guest's own thread does everything.
  uint32_t iothreads = 0;        // 0 ... 16.
  double seconds = 2;            // Up to 3600.
  uint64_t requests = 0;         // Ends sooner after as many; 0: no limit.
  std::string aio = "io_uring";  // Or "threads".
  uint64_t seed = 1;
};

absl::Status CheckWorkload(const Workload& workload);

struct LoadResult {
  uint64_t requests = 0;
  uint64_t errors = 0;
  double seconds = 0;
  double cpu_seconds = 0;  // User and system time of the whole process.
  LatencyHistogram latency;

  double iops() const { return seconds > 0 ? static_cast<double>(requests) / seconds : 0; }
};

// One line of JSON: iops, mbps (10^6 bytes a second), p50_us, p99_us, p999_us, errors,
// cpu_us_per_io, ns_per_io and the workload.
std::string ResultAsJson(const Workload& workload, const LoadResult& result);
// A small table for people.
std::string ResultAsTable(const Workload& workload, const LoadResult& result);

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_WORKLOAD_H_

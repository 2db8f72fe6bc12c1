// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/workload.h"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr double kMicro = 1e-3;  // Nanoseconds to microseconds.

absl::Status Wrong(std::string_view option, std::string_view why) {
  return ErrorWithErrno(EINVAL, absl::StrCat("--", std::string(option), ": ", std::string(why)));
}

double MegabytesPerSecond(const Workload& workload, const LoadResult& result) {
  return result.iops() * workload.block_size / 1e6;
}

double CpuMicrosPerIo(const LoadResult& result) {
  return result.requests == 0 ? 0 : result.cpu_seconds * 1e6 / static_cast<double>(result.requests);
}

double NanosPerIo(const LoadResult& result) {
  return result.requests == 0 ? 0 : result.seconds * 1e9 / static_cast<double>(result.requests);
}

constexpr uint32_t kCdBlockBytes = 2048;

bool IsIde(std::string_view device) { return device.starts_with("ide-"); }
bool IsCd(std::string_view device) { return device.ends_with("-cd"); }

// What only some devices can do.
absl::Status CheckDevice(const Workload& workload) {
  if (std::find(std::begin(kBenchModels), std::end(kBenchModels), workload.device) ==
      std::end(kBenchModels)) {
    std::string models;
    for (const std::string_view model : kBenchModels) {
      models += (models.empty() ? "" : ", ") + std::string(model);
    }
    return Wrong("device", absl::StrCat("'", workload.device, "' is none of ", models));
  }
  if (IsCd(workload.device) && IsWrite(workload.op)) {
    return Wrong("op", absl::StrCat(workload.device, " is read-only"));
  }
  if (!IsIde(workload.device)) return absl::OkStatus();
  if (workload.queue_depth != 1) return Wrong("qd", "an IDE drive does one command at a time");
  if (workload.queues != 1) return Wrong("queues", "an IDE drive has one");
  if (workload.iothreads != 0) return Wrong("iothreads", "an IDE drive has none");
  return absl::OkStatus();
}

// Of a device in this process.
absl::Status CheckMachine(const Workload& workload) {
  if (workload.blockdevs.empty() || workload.blockdevs.back().empty()) {
    return Wrong("blockdev", "missing; for example driver=null-co,node-name=d0,size=1G");
  }
  if (workload.completions == Completions::kPoll) return Wrong("poll", "needs a --target");
  return absl::OkStatus();
}

// Of a device behind a socket.
absl::Status CheckTarget(const Workload& workload) {
  if (!workload.target.starts_with(kVhostUserTargetPrefix) ||
      workload.target.size() == kVhostUserTargetPrefix.size()) {
    return Wrong("target", absl::StrCat("'", workload.target, "' is not vhost-user:SOCKET"));
  }
  if (workload.device != "virtio-blk") {
    return Wrong("device", absl::StrCat("of a --target virtio-blk alone is supported, not ",
                                        workload.device));
  }
  if (!workload.blockdevs.empty()) return Wrong("blockdev", "a --target has its own");
  if (workload.iothreads != 0) return Wrong("iothreads", "a --target has its own");
  return absl::OkStatus();
}

// What the requests go to, for people and scripts.
std::string_view MediumOf(const Workload& workload) {
  return workload.target.empty() ? workload.blockdevs.back() : workload.target;
}

std::string ThreadsOf(const Workload& workload) {
  if (workload.completions == Completions::kPoll) return "another process, the guest polls";
  if (!workload.target.empty()) return "another process";
  if (workload.iothreads == 0) return "one thread for guest and device";
  return absl::StrCat(workload.iothreads, " I/O threads");
}

}  // namespace

std::string_view LoadOpName(LoadOp op) {
  switch (op) {
    case LoadOp::kRandRead:
      return "randread";
    case LoadOp::kRandWrite:
      return "randwrite";
    case LoadOp::kSeqRead:
      return "seqread";
    case LoadOp::kSeqWrite:
      return "seqwrite";
  }
  return "?";
}

absl::StatusOr<LoadOp> ParseLoadOp(std::string_view text) {
  for (const LoadOp op :
       {LoadOp::kRandRead, LoadOp::kRandWrite, LoadOp::kSeqRead, LoadOp::kSeqWrite}) {
    if (text == LoadOpName(op)) return op;
  }
  return Wrong("op", absl::StrCat("'", std::string(text),
                                  "' is none of randread, randwrite, seqread, seqwrite"));
}

uint32_t UsualQueueDepth(std::string_view device) { return IsIde(device) ? 1 : 32; }

absl::Status CheckWorkload(const Workload& workload) {
  PLATTER_RETURN_IF_ERROR(CheckDevice(workload));
  PLATTER_RETURN_IF_ERROR(workload.target.empty() ? CheckMachine(workload) : CheckTarget(workload));
  const uint32_t unit = IsCd(workload.device) ? kCdBlockBytes : kSectorSize;
  if (workload.block_size == 0 || workload.block_size % unit != 0 || workload.block_size > kMiB) {
    return Wrong("bs", absl::StrCat("a multiple of ", unit, ", at most 1M"));
  }
  if (workload.queue_depth < 1 || workload.queue_depth > 256) return Wrong("qd", "1 to 256");
  if (workload.queues < 1 || workload.queues > 16) return Wrong("queues", "1 to 16");
  if (workload.iothreads > 16) return Wrong("iothreads", "0 to 16");
  if (!(workload.seconds > 0 && workload.seconds <= 3600)) {
    return Wrong("seconds", "more than 0, at most 3600");
  }
  if (workload.aio != "io_uring" && workload.aio != "threads") {
    return Wrong("aio", absl::StrCat("'", workload.aio, "' is neither io_uring nor threads"));
  }
  return absl::OkStatus();
}

std::string ResultAsJson(const Workload& workload, const LoadResult& result) {
  const auto micros = [&](double fraction) {
    return static_cast<double>(result.latency.Percentile(fraction)) * kMicro;
  };
  const nlohmann::ordered_json json = {
      {"device", workload.device},
      {workload.target.empty() ? "blockdev" : "target", MediumOf(workload)},
      {"completions", workload.completions == Completions::kPoll ? "poll" : "interrupt"},
      {"op", LoadOpName(workload.op)},
      {"bs", workload.block_size},
      {"qd", workload.queue_depth},
      {"queues", workload.queues},
      {"iothreads", workload.iothreads},
      {"seconds", result.seconds},
      {"requests", result.requests},
      {"iops", result.iops()},
      {"mbps", MegabytesPerSecond(workload, result)},
      {"ns_per_io", NanosPerIo(result)},
      {"p50_us", micros(0.5)},
      {"p99_us", micros(0.99)},
      {"p999_us", micros(0.999)},
      {"errors", result.errors},
      {"cpu_us_per_io", CpuMicrosPerIo(result)},
  };
  // Replaces what is not UTF-8 rather than throwing: the blockdev text is the user's.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string ResultAsTable(const Workload& workload, const LoadResult& result) {
  const auto micros = [&](double fraction) {
    return static_cast<double>(result.latency.Percentile(fraction)) * kMicro;
  };
  return absl::StrFormat(
      "\n  %s over %s\n"
      "  %s, %u bytes, depth %u, %u queue%s, %s\n\n"
      "    requests a second  %12.0f\n"
      "    MB a second        %12.1f\n"
      "    ns a request       %12.1f\n"
      "    latency p50        %12.2f us\n"
      "    latency p99        %12.2f us\n"
      "    latency p99.9      %12.2f us\n"
      "    CPU a request      %12.3f us\n"
      "    errors             %12u\n\n",
      workload.device, std::string(MediumOf(workload)), std::string(LoadOpName(workload.op)),
      workload.block_size, workload.queue_depth, workload.queues, workload.queues == 1 ? "" : "s",
      ThreadsOf(workload), result.iops(), MegabytesPerSecond(workload, result), NanosPerIo(result),
      micros(0.5), micros(0.99), micros(0.999), CpuMicrosPerIo(result), result.errors);
}

}  // namespace platter

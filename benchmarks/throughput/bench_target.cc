// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/bench_target.h"

#include <cerrno>
#include <string_view>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "benchmarks/throughput/bench_machine.h"
#include "benchmarks/throughput/vhost_user_target.h"

namespace platter {

absl::Status BenchTarget::CheckMedium(const Workload& workload, uint64_t bytes, bool read_only) {
  const std::string_view option = workload.target.empty() ? "blockdev" : "target";
  if (bytes < workload.block_size) {
    return ErrorWithErrno(EINVAL, absl::StrCat("--", std::string(option), ": the disk has ", bytes,
                                               " bytes, fewer than --bs"));
  }
  if (read_only && IsWrite(workload.op)) {
    return ErrorWithErrno(EROFS, "--op: the disk is read-only");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<BenchTarget>> MakeBenchTarget(const Workload& workload,
                                                             LogSink& log) {
  if (workload.target.empty()) return BenchMachine::Create(workload, log);
  return VhostUserBenchTarget::Create(workload);
}

}  // namespace platter

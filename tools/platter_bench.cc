// SPDX-License-Identifier: Apache-2.0
//
// platter-bench: throughput and latency of a device through the whole path: guest driver, device
// model, backend, block drivers. benchmarks/throughput does the work; here are flags and output.

#include <getopt.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "base/log.h"
#include "base/status.h"
#include "benchmarks/throughput/bench_target.h"
#include "benchmarks/throughput/load.h"
#include "benchmarks/throughput/workload.h"
#include "config/scalar.h"
#include "tools/options.h"
#include "tools/process.h"

namespace platter {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr char kHelp[] =
    R"(usage: platter-bench --blockdev OPTIONS [option...]
       platter-bench --target vhost-user:SOCKET [option...]

  Measures a virtual device with a guest driver that keeps requests in flight.

  --device MODEL       virtio-blk (the default), scsi-disk, scsi-cd, ide-disk or ide-cd
  --blockdev OPTIONS   the block node below it, key=value or JSON; 'driver=help' tells more.
                       May be repeated for nodes that others refer to: the last is the disk
  --target vhost-user:SOCKET
                       a vhost-user-blk back-end of any make, in place of --blockdev
  --poll               the guest watches the ring, with interrupts off; else it sleeps for them
                       (a --target's)
  --op OP              randread (default), randwrite, seqread, seqwrite; writes overwrite the disk
  --bs SIZE            bytes a request (4K)
  --qd N               requests in flight on each queue (32; IDE: 1)
  --queues N           queues (1)
  --iothreads N        I/O threads that serve the queues (0: the guest's own thread)
  --seconds S          how long (2)
  --requests N         ends sooner, after N requests
  --aio KIND           io_uring (default) or threads
  --seed N             of the random offsets (1)
  --json               one line of JSON in place of the table
  --help

  example: platter-bench --blockdev driver=null-co,node-name=d0,size=1G --op randread
           platter-bench --target vhost-user:/run/e.sock --qd 1 --poll
)";

struct Flags {
  Workload workload;
  bool json = false;
  bool help = false;
  bool qd_given = false;
};

absl::Status Bad(const std::string& option, const std::string& value, const std::string& wanted) {
  return ErrorWithErrno(EINVAL, absl::StrCat("--", option, ": '", value, "' is not ", wanted));
}

absl::Status SetNumber(const std::string& option, const std::string& value, uint32_t& to) {
  return absl::SimpleAtoi(value, &to) ? absl::OkStatus() : Bad(option, value, "a number");
}

absl::Status SetOption(const std::string& option, const std::string& value, Flags& flags) {
  Workload& workload = flags.workload;
  if (option == "device") workload.device = value;
  if (option == "blockdev") workload.blockdevs.push_back(value);
  if (option == "aio") workload.aio = value;
  if (option == "target") workload.target = value;
  if (option == "poll") workload.completions = Completions::kPoll;
  if (option == "json") flags.json = true;
  if (option == "help") flags.help = true;
  if (option == "qd") {
    flags.qd_given = true;
    return SetNumber(option, value, workload.queue_depth);
  }
  if (option == "queues") return SetNumber(option, value, workload.queues);
  if (option == "iothreads") return SetNumber(option, value, workload.iothreads);
  if (option == "op") {
    absl::StatusOr<LoadOp> op = ParseLoadOp(value);
    if (!op.ok()) return op.status();
    workload.op = *op;
  }
  if (option == "bs") {
    const std::optional<uint64_t> size = ParseSize(value);
    if (!size.has_value() || *size > UINT32_MAX) return Bad(option, value, "a size");
    workload.block_size = static_cast<uint32_t>(*size);
  }
  if (option == "seconds" && !absl::SimpleAtod(value, &workload.seconds)) {
    return Bad(option, value, "a number of seconds");
  }
  if (option == "requests" && !absl::SimpleAtoi(value, &workload.requests)) {
    return Bad(option, value, "a number");
  }
  if (option == "seed" && !absl::SimpleAtoi(value, &workload.seed)) {
    return Bad(option, value, "a number");
  }
  return absl::OkStatus();
}

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  static constexpr option kOptions[] = {
      {"device", required_argument, nullptr, 0},
      {"blockdev", required_argument, nullptr, 0},
      {"target", required_argument, nullptr, 0},
      {"poll", no_argument, nullptr, 0},
      {"op", required_argument, nullptr, 0},
      {"bs", required_argument, nullptr, 0},
      {"qd", required_argument, nullptr, 0},
      {"queues", required_argument, nullptr, 0},
      {"iothreads", required_argument, nullptr, 0},
      {"seconds", required_argument, nullptr, 0},
      {"requests", required_argument, nullptr, 0},
      {"aio", required_argument, nullptr, 0},
      {"seed", required_argument, nullptr, 0},
      {"json", no_argument, nullptr, 0},
      {"help", no_argument, nullptr, 0},
      {nullptr, 0, nullptr, 0},
  };
  Flags flags;
  PLATTER_RETURN_IF_ERROR(ForEachOption(argc, argv, kOptions, "",
                                        [&flags](std::string_view name, const std::string& value) {
                                          return SetOption(std::string(name), value, flags);
                                        }));
  if (!flags.qd_given) flags.workload.queue_depth = UsualQueueDepth(flags.workload.device);
  return flags;
}

int Fail(const absl::Status& status, int code) { return Report("platter-bench", status, code); }

// Knows whether there was an error: one at the end, when the disk is flushed and closed, has no
// other way to the exit code.
class WatchedLog final : public LogSink {
 public:
  void Log(LogLevel level, std::string_view text) override {
    if (level == LogLevel::kError) failed_ = true;
    log_.Log(level, text);
  }
  bool failed() const { return failed_; }

 private:
  StderrLog log_;
  std::atomic<bool> failed_{false};
};

int Run(const Flags& flags) {
  const bool show_progress = !flags.json && isatty(STDERR_FILENO) != 0;
  WatchedLog log;
  absl::StatusOr<std::unique_ptr<BenchTarget>> target = MakeBenchTarget(flags.workload, log);
  if (!target.ok()) return Fail(target.status(), kExitFailed);
  absl::StatusOr<LoadResult> result =
      RunLoad(**target, flags.workload, [&](double seconds, uint64_t requests) {
        if (!show_progress) return;
        std::fprintf(stderr, "\r  %5.1f s  %.2f M requests ", seconds,
                     static_cast<double>(requests) * 1e-6);
      });
  if (show_progress) std::fputs("\r\033[K", stderr);
  if (ErrnoOf(result.status()) == ETIMEDOUT) {
    // Its requests never end, and a machine that shuts down waits for them.
    Fail(result.status(), kExitFailed);
    std::_Exit(kExitFailed);
  }
  if (!result.ok()) return Fail(result.status(), kExitFailed);
  if (flags.json) {
    std::cout << ResultAsJson(flags.workload, *result) << '\n';
  } else {
    std::cout << ResultAsTable(flags.workload, *result);
  }
  target->reset();
  return result->errors == 0 && !log.failed() ? 0 : kExitFailed;
}

int Main(int argc, char** argv) {
  if (absl::Status entered = EnterUsersFolder(); !entered.ok()) return Fail(entered, kExitFailed);
  absl::StatusOr<Flags> flags = ParseFlags(argc, argv);
  if (!flags.ok()) return Fail(flags.status(), kExitUsage);
  if (flags->help) {
    std::cout << kHelp;
    return 0;
  }
  if (absl::Status checked = CheckWorkload(flags->workload); !checked.ok()) {
    return Fail(checked, kExitUsage);
  }
  return Run(*flags);
}

}  // namespace
}  // namespace platter

int main(int argc, char** argv) {
  platter::PrepareProcess();
  return platter::FinishProcess("platter-bench", platter::Main(argc, argv));
}

// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/load.h"

#include <sys/resource.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "aio/clock.h"
#include "base/status.h"
#include "benchmarks/throughput/load_queue.h"

namespace platter {
namespace {

constexpr Duration kProgressEvery = std::chrono::milliseconds(100);
constexpr Duration kDrainTimeout = std::chrono::seconds(30);

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Load {
 public:
  Load(BenchTarget& target, const Workload& workload) : target_(target), workload_(workload) {}

  absl::Status Prepare() {
    for (uint32_t i = 0; i < workload_.queues; ++i) {
      queues_.push_back(target_.MakeQueue(i));
      PLATTER_RETURN_IF_ERROR(queues_.back()->Allocate(target_.bus()));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<LoadResult> Run(LoadProgress progress) {
    const double cpu_before = CpuSeconds();
    const Instant start = clock_.Now();
    for (const auto& queue : queues_) {
      if (!queue->Start(start)) {
        return ErrorWithErrno(ENOSPC, "--qd: the ring has too few descriptors");
      }
    }
    const Instant end = start + Duration(static_cast<int64_t>(workload_.seconds * 1e9));
    Instant next_progress = start + kProgressEvery;
    Instant now = start;
    const uint64_t enough = workload_.requests == 0 ? UINT64_MAX : workload_.requests;
    while (now < end && Requests() < enough) {
      Turn(/*stopping=*/false);
      now = clock_.Now();
      if (now >= next_progress) {
        next_progress = now + kProgressEvery;
        progress(Seconds(now - start), Requests());
        PLATTER_RETURN_IF_ERROR(target_.Health());
      }
    }
    // What is in flight at the end is waited for, and counts like the rest.
    if (!Finish()) {
      return ErrorWithErrno(ETIMEDOUT,
                            absl::StrCat("requests did not complete within ",
                                         kDrainTimeout / std::chrono::seconds(1), " s of the end"));
    }
    return Collect(Seconds(clock_.Now() - start), CpuSeconds() - cpu_before);
  }

 private:
  static double Seconds(Duration duration) { return static_cast<double>(duration.count()) * 1e-9; }

  uint64_t Requests() const {
    uint64_t sum = 0;
    for (const auto& queue : queues_) sum += queue->requests();
    return sum;
  }

  // One round of the guest: what the interrupt handler does, then the target's turn.
  void Turn(bool stopping) {
    target_.TakeInterrupts();
    const Instant now = clock_.Now();
    uint32_t done = 0;
    for (const auto& queue : queues_) done += queue->Turn(now, stopping);
    target_.Turn(done, kProgressEvery);
  }

  bool Finish() {
    const Instant limit = clock_.Now() + kDrainTimeout;
    for (;;) {
      uint32_t in_flight = 0;
      for (const auto& queue : queues_) in_flight += queue->in_flight();
      if (in_flight == 0) return true;
      if (clock_.Now() > limit) return false;
      Turn(/*stopping=*/true);
    }
  }

  LoadResult Collect(double seconds, double cpu) const {
    LoadResult result;
    result.requests = Requests();
    result.seconds = seconds;
    result.cpu_seconds = cpu;
    for (const auto& queue : queues_) {
      result.errors += queue->errors();
      result.latency.Add(queue->latency());
    }
    return result;
  }

  BenchTarget& target_;
  const Workload& workload_;
  MonotonicClock clock_;
  std::vector<std::unique_ptr<LoadQueue>> queues_;
};

}  // namespace

absl::StatusOr<LoadResult> RunLoad(BenchTarget& target, const Workload& workload,
                                   LoadProgress progress) {
  Load load(target, workload);
  PLATTER_RETURN_IF_ERROR(load.Prepare());
  return load.Run(progress);
}

}  // namespace platter

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
#include "aio/timer.h"
#include "base/arith.h"
#include "base/status.h"
#include "testing/guest/virtio_spec.h"

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

// One queue's requests: a slot each, resubmitted as soon as it completes.
class QueueLoad {
 public:
  QueueLoad(VirtioBlkQueue& queue, VirtioTransportDriver& transport, uint16_t index,
            const Workload& workload, uint64_t capacity_sectors)
      : queue_(queue),
        transport_(transport),
        index_(index),
        op_(workload.op),
        bytes_(workload.block_size),
        blocks_(capacity_sectors / (workload.block_size / kSectorSize)),
        random_(workload.seed * 0x9e3779b97f4a7c15u + index + 1),
        slots_(workload.queue_depth) {
    next_block_ = blocks_ / workload.queues * index;
  }

  absl::Status Allocate(GuestBus& bus) {
    for (Slot& slot : slots_) {
      absl::StatusOr<uint64_t> buffer = bus.Allocate(bytes_, 4096);
      if (!buffer.ok()) return buffer.status();
      slot.segment = {.address = *buffer, .bytes = bytes_};
    }
    return absl::OkStatus();
  }

  bool Start(Instant now) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (!Submit(i, now)) return false;
    }
    Publish();
    return true;
  }

  // Takes what is done and, unless `stopping`, submits as much. Returns how many were done.
  uint32_t Turn(Instant now, bool stopping) {
    const uint32_t done = queue_.Reap([&](uint64_t token, uint8_t status, uint32_t) {
      Slot& slot = slots_[token];
      latency_.Record(static_cast<uint64_t>((now - slot.submitted).count()));
      errors_ += status == guest::kBlkOk ? 0 : 1;
      if (!stopping) Submit(token, now);
    });
    requests_ += done;
    if (done > 0) {
      // As a driver does: ask for the next interrupt before making more available.
      queue_.ring().EnableInterrupts();
      if (!stopping) Publish();
    }
    return done;
  }

  uint64_t requests() const { return requests_; }
  uint64_t errors() const { return errors_; }
  uint32_t in_flight() const { return queue_.ring().in_flight(); }
  const LatencyHistogram& latency() const { return latency_; }

 private:
  struct Slot {
    GuestSegment segment;
    Instant submitted{};
  };

  bool Submit(size_t index, Instant now) {
    Slot& slot = slots_[index];
    slot.submitted = now;
    BlkCommand command;
    command.type = IsWrite(op_) ? guest::kBlkOut : guest::kBlkIn;
    command.sector = NextBlock() * (bytes_ / kSectorSize);
    command.data = std::span(&slot.segment, 1);
    return queue_.Submit(command, index);
  }

  void Publish() {
    if (queue_.Publish()) transport_.Notify(index_);
  }

  uint64_t NextBlock() {
    if (op_ == LoadOp::kSeqRead || op_ == LoadOp::kSeqWrite) {
      const uint64_t block = next_block_;
      next_block_ = next_block_ + 1 == blocks_ ? 0 : next_block_ + 1;
      return block;
    }
    // xorshift64*; the high product maps it onto the blocks without a division.
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>(static_cast<Wide>(random_ * 0x2545f4914f6cdd1du) * blocks_ >> 64);
  }

  VirtioBlkQueue& queue_;
  VirtioTransportDriver& transport_;
  const uint16_t index_;
  const LoadOp op_;
  const uint32_t bytes_;
  const uint64_t blocks_;
  uint64_t random_;
  uint64_t next_block_ = 0;
  std::vector<Slot> slots_;
  LatencyHistogram latency_;
  uint64_t requests_ = 0;
  uint64_t errors_ = 0;
};

class Load {
 public:
  Load(BenchMachine& machine, const Workload& workload) : machine_(machine), workload_(workload) {}

  absl::Status Prepare() {
    VirtioBlkDriver& driver = machine_.driver();
    for (uint32_t i = 0; i < workload_.queues; ++i) {
      const auto index = static_cast<uint16_t>(i);
      queues_.push_back(std::make_unique<QueueLoad>(driver.queue(index), driver.transport(), index,
                                                    workload_, driver.info().capacity_sectors));
      PLATTER_RETURN_IF_ERROR(queues_.back()->Allocate(machine_.bus()));
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
        if (machine_.driver().transport().NeedsReset()) {
          return ErrorWithErrno(EIO, "the device needs a reset");
        }
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

  // One round of the guest: what the interrupt handler does, then the machine's turn.
  void Turn(bool stopping) {
    machine_.driver().transport().TakeInterrupts();
    const Instant now = clock_.Now();
    uint32_t done = 0;
    for (const auto& queue : queues_) done += queue->Turn(now, stopping);
    if (workload_.iothreads == 0) {
      // With nothing done and nothing ready the disk is being waited for: sleep for it.
      if (!machine_.context().RunReady() && done == 0) Sleep();
    } else if (done == 0) {
      machine_.context().RunReady();
    }
  }

  // Until the disk has something, and not longer than till the next look at the clock.
  void Sleep() {
    if (!look_.armed()) look_.ArmAfter(kProgressEvery);
    machine_.context().RunOnce();
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

  BenchMachine& machine_;
  const Workload& workload_;
  MonotonicClock clock_;
  std::vector<std::unique_ptr<QueueLoad>> queues_;
  Timer look_{machine_.context(), [] {}};
};

}  // namespace

absl::StatusOr<LoadResult> RunLoad(BenchMachine& machine, const Workload& workload,
                                   LoadProgress progress) {
  Load load(machine, workload);
  PLATTER_RETURN_IF_ERROR(load.Prepare());
  return load.Run(progress);
}

}  // namespace platter

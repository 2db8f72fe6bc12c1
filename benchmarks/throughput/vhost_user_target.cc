// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/vhost_user_target.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "benchmarks/throughput/virtio_blk_port.h"

namespace platter {
namespace {

constexpr uint64_t kRamBase = 0x40000000;
// What every back-end takes; the protocol doesn't tell its limit.
constexpr uint16_t kRingSize = 128;
// Rings, request headers and the driver's tables, per queue; with room to spare.
constexpr uint64_t kQueueOverhead = 2 * kMiB;

VhostUserBus::Options MemoryFor(const Workload& workload) {
  const uint64_t data =
      uint64_t{workload.queues} * workload.queue_depth * AlignUp(workload.block_size, 4096);
  VhostUserBus::Options options;
  options.regions = {{kRamBase, AlignUp(data, kMiB) + workload.queues * kQueueOverhead}};
  return options;
}

inline void CpuRelax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

VhostUserBenchTarget::VhostUserBenchTarget(const Workload& workload)
    : workload_(workload), bus_(MemoryFor(workload)) {}

VhostUserBenchTarget::~VhostUserBenchTarget() {
  // The back-end lets go of the rings before they are taken apart.
  if (driver_ != nullptr) static_cast<void>(driver_->Reset());
}

absl::StatusOr<std::unique_ptr<BenchTarget>> VhostUserBenchTarget::Create(
    const Workload& workload) {
  std::unique_ptr<VhostUserBenchTarget> target(new VhostUserBenchTarget(workload));
  if (absl::Status status = target->Connect(); !status.ok()) return Annotate(status, "--target");
  const BlkDeviceInfo& info = target->driver_->info();
  PLATTER_RETURN_IF_ERROR(
      CheckMedium(workload, info.capacity_sectors * kSectorSize, info.read_only));
  return target;
}

absl::Status VhostUserBenchTarget::Connect() {
  auto front =
      VhostUserFrontEnd::Connect(workload_.target.substr(kVhostUserTargetPrefix.size()), {});
  if (!front.ok()) return front.status();
  front_ = *std::move(front);
  const auto queues = static_cast<uint16_t>(workload_.queues);
  VirtioVhostUserDriver::Options transport_options;
  transport_options.queues = queues;
  transport_options.queue_size = kRingSize;
  transport_ = std::make_unique<VirtioVhostUserDriver>(bus_, *front_, transport_options);
  VirtioBlkDriver::Options options;
  options.queues = queues;
  options.queue_size = kRingSize;
  driver_ = std::make_unique<VirtioBlkDriver>(bus_, *transport_, options);
  PLATTER_RETURN_IF_ERROR(driver_->Probe());
  if (driver_->queue_count() < queues) {
    return ErrorWithErrno(EINVAL, absl::StrCat("it has ", driver_->queue_count(), " queues"));
  }
  return absl::OkStatus();
}

std::unique_ptr<LoadQueue> VhostUserBenchTarget::MakeQueue(uint32_t index) {
  const auto number = static_cast<uint16_t>(index);
  return std::make_unique<SlotQueue<VirtioBlkPort>>(
      VirtioBlkPort(driver_->queue(number), *transport_, number, workload_.completions), workload_,
      LoadOffsets(workload_, index, driver_->info().capacity_sectors * kSectorSize));
}

void VhostUserBenchTarget::TakeInterrupts() {
  // A driver that polls has switched them off.
  if (workload_.completions == Completions::kInterrupt) transport_->TakeInterrupts();
}

void VhostUserBenchTarget::Turn(uint32_t done, Duration limit) {
  if (done > 0) return;
  if (workload_.completions == Completions::kPoll) return CpuRelax();
  // Whatever wakes it up: one look is all that is wanted.
  bool slept = false;
  bus_.WaitFor([&slept] { return std::exchange(slept, true); }, limit);
}

absl::Status VhostUserBenchTarget::Health() {
  if (transport_->Gone()) return ErrorWithErrno(EPIPE, "--target: the back-end has gone");
  if (transport_->NeedsReset()) return ErrorWithErrno(EIO, "--target: the device needs a reset");
  return absl::OkStatus();
}

}  // namespace platter

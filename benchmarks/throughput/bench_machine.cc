// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/bench_machine.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/create.h"
#include "aio/task.h"
#include "base/arith.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"

namespace platter {
namespace {

constexpr char kDiskId[] = "disk";
constexpr uint64_t kRamBase = 0x40000000;
// Rings, request headers and the driver's tables, per queue; with room to spare.
constexpr uint64_t kQueueOverhead = 2 * kMiB;
// Enough for the control block of each kind: two descriptors more than the deepest queue.
constexpr uint32_t kQueueSize = 512;

AioKind KindOf(const Workload& workload) {
  return workload.aio == "threads" ? AioKind::kThreads : AioKind::kUring;
}

}  // namespace

class BenchMachine::Interrupts final : public InterruptController {
 public:
  explicit Interrupts(InProcessBus& bus) : bus_(bus) {}
  InterruptLine& Line(uint32_t number) override { return bus_.Line(number); }

 private:
  InProcessBus& bus_;
};

absl::StatusOr<std::unique_ptr<BenchMachine>> BenchMachine::Create(const Workload& workload,
                                                                   LogSink& log) {
  std::unique_ptr<BenchMachine> machine(new BenchMachine());
  PLATTER_RETURN_IF_ERROR(machine->Build(workload, log));
  return machine;
}

BenchMachine::~BenchMachine() {
  if (machine_ != nullptr) BlockOn(*context_, machine_->Shutdown());
  // The driver's rings are memory of the bus; the devices that used them are gone.
  driver_.reset();
}

absl::Status BenchMachine::Build(const Workload& workload, LogSink& log) {
  absl::StatusOr<std::unique_ptr<AioContext>> context =
      CreateAioContext({.kind = KindOf(workload), .name = "bench"});
  if (!context.ok()) return context.status();
  context_ = *std::move(context);

  const uint64_t data =
      uint64_t{workload.queues} * workload.queue_depth * AlignUp(workload.block_size, 4096);
  InProcessBus::Options bus_options;
  bus_options.regions = {{kRamBase, AlignUp(data, kMiB) + workload.queues * kQueueOverhead + kMiB}};
  bus_options.lines = kVirtioMmioFirstIrq + kVirtioMmioSlots;
  bus_ = std::make_unique<InProcessBus>(*context_, bus_options);
  interrupts_ = std::make_unique<Interrupts>(*bus_);

  MachineHost host;
  host.control = context_.get();
  host.log = &log;
  host.interrupts = interrupts_.get();
  host.io_kind = KindOf(workload);
  host.memory = bus_->memory();
  host.mmio = &bus_->mmio();
  machine_ = std::make_unique<Machine>(std::move(host));

  PLATTER_RETURN_IF_ERROR(AddDisk(workload));
  return ProbeDisk(workload);
}

absl::Status BenchMachine::AddDisk(const Workload& workload) {
  for (uint32_t i = 0; i < workload.iothreads; ++i) {
    absl::StatusOr<config::ObjectOptions> thread = ParseObject(absl::StrCat("iothread,id=io", i));
    if (!thread.ok()) return thread.status();
    PLATTER_RETURN_IF_ERROR(machine_->ObjectAdd(*thread));
  }
  std::string drive;
  for (const std::string& options : workload.blockdevs) {
    absl::StatusOr<config::BlockdevOptions> blockdev = ParseBlockdev(options);
    if (!blockdev.ok()) return blockdev.status();
    PLATTER_RETURN_IF_ERROR(BlockOn(*context_, machine_->BlockdevAdd(*blockdev)));
    drive = blockdev->node_name();
  }
  // Errors are counted; a machine that they stop would not go on.
  std::string text = absl::StrCat("virtio-blk,id=", kDiskId, ",drive=", drive,
                                  ",rerror=report,werror=report,num-queues=", workload.queues,
                                  ",queue-size=", kQueueSize);
  for (uint32_t i = 0; i < workload.iothreads; ++i) {
    absl::StrAppend(&text, ",iothread-vq-mapping.", i, ".iothread=io", i);
  }
  absl::StatusOr<config::DeviceOptions> device = ParseDevice(text);
  if (!device.ok()) return device.status();
  return BlockOn(*context_, machine_->DeviceAdd(*device));
}

absl::Status BenchMachine::ProbeDisk(const Workload& workload) {
  absl::StatusOr<DeviceLocation> location = machine_->LocationOfDevice(kDiskId);
  if (!location.ok()) return location.status();
  transport_ = std::make_unique<VirtioMmioDriver>(
      *bus_, VirtioMmioDriver::Place{.base = location->mmio_base, .line = location->irq});
  VirtioBlkDriver::Options options;
  options.queues = static_cast<uint16_t>(workload.queues);
  options.queue_size = kQueueSize;
  driver_ = std::make_unique<VirtioBlkDriver>(*bus_, *transport_, options);
  PLATTER_RETURN_IF_ERROR(driver_->Probe());
  if (driver_->info().capacity_sectors * kSectorSize < workload.block_size) {
    return ErrorWithErrno(EINVAL, absl::StrCat("--blockdev: the disk has ",
                                               driver_->info().capacity_sectors * kSectorSize,
                                               " bytes, fewer than --bs"));
  }
  if (driver_->info().read_only && IsWrite(workload.op)) {
    return ErrorWithErrno(EROFS, "--op: the disk is read-only");
  }
  if (driver_->queue_count() < workload.queues) {
    return ErrorWithErrno(
        EINVAL, absl::StrCat("--queues: the device gave ", driver_->queue_count(), " queues"));
  }
  return absl::OkStatus();
}

}  // namespace platter

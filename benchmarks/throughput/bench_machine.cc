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

constexpr uint64_t kRamBase = 0x40000000;
// Rings, request headers and the driver's tables, per queue; with room to spare.
constexpr uint64_t kQueueOverhead = 2 * kMiB;

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
  device_.reset();
}

absl::Status BenchMachine::Build(const Workload& workload, LogSink& log) {
  device_ = MakeBenchDevice(workload.device);
  if (device_ == nullptr) return ErrorWithErrno(EINVAL, "--device: unknown");
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
  host.ports = &bus_->ports();
  machine_ = std::make_unique<Machine>(std::move(host));

  PLATTER_RETURN_IF_ERROR(AddDevices(workload));
  return ProbeDevice(workload);
}

absl::Status BenchMachine::AddDevices(const Workload& workload) {
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
  // Errors are counted; a machine that they stop would not go on: hence rerror=report and so on.
  for (const std::string& options : device_->Configuration(workload, drive)) {
    absl::StatusOr<config::DeviceOptions> device = ParseDevice(options);
    if (!device.ok()) return device.status();
    PLATTER_RETURN_IF_ERROR(BlockOn(*context_, machine_->DeviceAdd(*device)));
  }
  return absl::OkStatus();
}

absl::Status BenchMachine::ProbeDevice(const Workload& workload) {
  PLATTER_RETURN_IF_ERROR(device_->Probe(*machine_, *bus_, workload));
  if (device_->bytes() < workload.block_size) {
    return ErrorWithErrno(EINVAL, absl::StrCat("--blockdev: the disk has ", device_->bytes(),
                                               " bytes, fewer than --bs"));
  }
  if (device_->read_only() && IsWrite(workload.op)) {
    return ErrorWithErrno(EROFS, "--op: the disk is read-only");
  }
  return absl::OkStatus();
}

}  // namespace platter

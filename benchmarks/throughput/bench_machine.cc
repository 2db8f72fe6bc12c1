// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/bench_machine.h"

#include <cerrno>
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

absl::StatusOr<std::unique_ptr<BenchTarget>> BenchMachine::Create(const Workload& workload,
                                                                  LogSink& log) {
  std::unique_ptr<BenchMachine> machine(new BenchMachine(workload));
  PLATTER_RETURN_IF_ERROR(machine->Build(log));
  return machine;
}

BenchMachine::BenchMachine(const Workload& workload) : workload_(workload) {}

BenchMachine::~BenchMachine() {
  look_.reset();
  if (machine_ != nullptr) BlockOn(*context_, machine_->Shutdown());
  // The driver's rings are memory of the bus; the devices that used them are gone.
  device_.reset();
}

absl::Status BenchMachine::Build(LogSink& log) {
  device_ = MakeBenchDevice(workload_.device);
  if (device_ == nullptr) return ErrorWithErrno(EINVAL, "--device: unknown");
  absl::StatusOr<std::unique_ptr<AioContext>> context =
      CreateAioContext({.kind = KindOf(workload_), .name = "bench"});
  if (!context.ok()) return context.status();
  context_ = *std::move(context);
  look_ = std::make_unique<Timer>(*context_, [] {});

  const uint64_t data =
      uint64_t{workload_.queues} * workload_.queue_depth * AlignUp(workload_.block_size, 4096);
  InProcessBus::Options bus_options;
  bus_options.regions = {
      {kRamBase, AlignUp(data, kMiB) + workload_.queues * kQueueOverhead + kMiB}};
  bus_options.lines = kVirtioMmioFirstIrq + kVirtioMmioSlots;
  bus_ = std::make_unique<InProcessBus>(*context_, bus_options);
  interrupts_ = std::make_unique<Interrupts>(*bus_);

  MachineHost host;
  host.control = context_.get();
  host.log = &log;
  host.interrupts = interrupts_.get();
  host.io_kind = KindOf(workload_);
  host.memory = bus_->memory();
  host.mmio = &bus_->mmio();
  host.ports = &bus_->ports();
  machine_ = std::make_unique<Machine>(std::move(host));

  PLATTER_RETURN_IF_ERROR(AddDevices());
  return ProbeDevice();
}

absl::Status BenchMachine::AddDevices() {
  for (uint32_t i = 0; i < workload_.iothreads; ++i) {
    absl::StatusOr<config::ObjectOptions> thread = ParseObject(absl::StrCat("iothread,id=io", i));
    if (!thread.ok()) return thread.status();
    PLATTER_RETURN_IF_ERROR(machine_->ObjectAdd(*thread));
  }
  std::string drive;
  for (const std::string& options : workload_.blockdevs) {
    absl::StatusOr<config::BlockdevOptions> blockdev = ParseBlockdev(options);
    if (!blockdev.ok()) return blockdev.status();
    PLATTER_RETURN_IF_ERROR(BlockOn(*context_, machine_->BlockdevAdd(*blockdev)));
    drive = blockdev->node_name();
  }
  // Errors are counted; a machine that they stop would not go on: hence rerror=report and so on.
  for (const std::string& options : device_->Configuration(workload_, drive)) {
    absl::StatusOr<config::DeviceOptions> device = ParseDevice(options);
    if (!device.ok()) return device.status();
    PLATTER_RETURN_IF_ERROR(BlockOn(*context_, machine_->DeviceAdd(*device)));
  }
  return absl::OkStatus();
}

absl::Status BenchMachine::ProbeDevice() {
  PLATTER_RETURN_IF_ERROR(device_->Probe(*machine_, *bus_, workload_));
  return CheckMedium(workload_, device_->bytes(), device_->read_only());
}

std::unique_ptr<LoadQueue> BenchMachine::MakeQueue(uint32_t index) {
  return device_->MakeQueue(workload_, index);
}

void BenchMachine::Turn(uint32_t done, Duration limit) {
  if (workload_.iothreads > 0) {
    if (done == 0) context_->RunReady();
    return;
  }
  // With nothing done and nothing ready the disk is being waited for: sleep for it.
  if (context_->RunReady() || done > 0) return;
  if (!look_->armed()) look_->ArmAfter(limit);
  context_->RunOnce();
}

absl::Status BenchMachine::Health() {
  return device_->broken() ? ErrorWithErrno(EIO, "the device needs a reset") : absl::OkStatus();
}

}  // namespace platter

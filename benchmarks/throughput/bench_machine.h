// SPDX-License-Identifier: Apache-2.0
//
// BenchMachine: a machine with one device over the workload's block node, and a guest that has
// probed it: everything real but the CPU.
//
// Ownership: owns context, bus, machine and driver. Threading: its creator's thread.
// Errors: what the configuration, the host or the device refused, by name.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_BENCH_MACHINE_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_BENCH_MACHINE_H_

#include <memory>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "benchmarks/throughput/bench_device.h"
#include "benchmarks/throughput/workload.h"
#include "machine/machine.h"
#include "testing/guest/in_process_bus.h"

namespace platter {

class BenchMachine {
 public:
  static absl::StatusOr<std::unique_ptr<BenchMachine>> Create(const Workload& workload,
                                                              LogSink& log);
  ~BenchMachine();
  BenchMachine(const BenchMachine&) = delete;
  BenchMachine& operator=(const BenchMachine&) = delete;

  AioContext& context() { return *context_; }
  InProcessBus& bus() { return *bus_; }
  BenchDevice& device() { return *device_; }

 private:
  class Interrupts;

  BenchMachine() = default;
  absl::Status Build(const Workload& workload, LogSink& log);
  absl::Status AddDevices(const Workload& workload);
  absl::Status ProbeDevice(const Workload& workload);

  std::unique_ptr<AioContext> context_;
  std::unique_ptr<InProcessBus> bus_;
  std::unique_ptr<Interrupts> interrupts_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<BenchDevice> device_;
};

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_BENCH_MACHINE_H_

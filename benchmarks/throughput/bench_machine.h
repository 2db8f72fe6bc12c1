// SPDX-License-Identifier: Apache-2.0
//
// BenchMachine: a machine with one device over the workload's block node, and a guest that has
// probed it: everything real but the CPU.
//
// Ownership: owns context, bus, machine and driver; the workload outlives it. Threading: its
// creator's thread. Errors: what the configuration, the host or the device refused, by name.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_BENCH_MACHINE_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_BENCH_MACHINE_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/timer.h"
#include "benchmarks/throughput/bench_device.h"
#include "benchmarks/throughput/bench_target.h"
#include "benchmarks/throughput/workload.h"
#include "machine/machine.h"
#include "testing/guest/in_process_bus.h"

namespace platter {

class BenchMachine final : public BenchTarget {
 public:
  static absl::StatusOr<std::unique_ptr<BenchTarget>> Create(const Workload& workload,
                                                             LogSink& log);
  ~BenchMachine() override;
  BenchMachine(const BenchMachine&) = delete;
  BenchMachine& operator=(const BenchMachine&) = delete;

  GuestBus& bus() override { return *bus_; }
  std::unique_ptr<LoadQueue> MakeQueue(uint32_t index) override;
  void TakeInterrupts() override { device_->TakeInterrupts(); }
  void Turn(uint32_t done, Duration limit) override;
  absl::Status Health() override;

 private:
  class Interrupts;

  explicit BenchMachine(const Workload& workload);
  absl::Status Build(LogSink& log);
  absl::Status AddDevices();
  absl::Status ProbeDevice();

  const Workload& workload_;
  std::unique_ptr<AioContext> context_;
  std::unique_ptr<InProcessBus> bus_;
  std::unique_ptr<Interrupts> interrupts_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<BenchDevice> device_;
  std::unique_ptr<Timer> look_;  // Wakes up a guest that sleeps.
};

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_BENCH_MACHINE_H_

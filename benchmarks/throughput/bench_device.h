// SPDX-License-Identifier: Apache-2.0
//
// BenchDevice: a kind of device that can be measured: how it is configured, and the guest's driver
// of it.
//
// Ownership: bus and machine outlive it. Threading: the machine's thread. Units: bytes.
// Errors: what the device said, by name of the option that asked for it.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_BENCH_DEVICE_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_BENCH_DEVICE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "benchmarks/throughput/load_queue.h"
#include "benchmarks/throughput/workload.h"
#include "machine/machine.h"
#include "testing/guest/in_process_bus.h"

namespace platter {

class BenchDevice {
 public:
  // The id of the device that has the workload's disk.
  static constexpr const char* kId = "disk";

  virtual ~BenchDevice() = default;

  // The machine's devices, in their order, as `--device` has them; `drive` is the disk's node.
  virtual std::vector<std::string> Configuration(const Workload& workload,
                                                 const std::string& drive) const = 0;
  // The driver finds the device and gets it ready. Once, before what follows.
  virtual absl::Status Probe(Machine& machine, InProcessBus& bus, const Workload& workload) = 0;
  virtual uint64_t bytes() const = 0;
  virtual bool read_only() const = 0;
  // Queue `index` of the workload's.
  virtual std::unique_ptr<LoadQueue> MakeQueue(const Workload& workload, uint32_t index) = 0;
  // What an interrupt handler does first, before it looks at the queues.
  virtual void TakeInterrupts() = 0;
  // The device has given up.
  virtual bool broken() = 0;
};

// Of one of kBenchModels; nullptr for anything else.
std::unique_ptr<BenchDevice> MakeBenchDevice(std::string_view model);

// The part of a virtio device's options that gives its queues to the workload's I/O threads.
std::string IoThreadOptions(const Workload& workload);

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_BENCH_DEVICE_H_

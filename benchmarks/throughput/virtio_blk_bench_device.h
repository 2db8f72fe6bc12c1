// SPDX-License-Identifier: Apache-2.0
//
// VirtioBlkBenchDevice: virtio-blk, to be measured. See BenchDevice.
//
// Ownership, threading, units, errors: BenchDevice's.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_VIRTIO_BLK_BENCH_DEVICE_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_VIRTIO_BLK_BENCH_DEVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "benchmarks/throughput/bench_device.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {

class VirtioBlkBenchDevice final : public BenchDevice {
 public:
  std::vector<std::string> Configuration(const Workload& workload,
                                         const std::string& drive) const override;
  absl::Status Probe(Machine& machine, InProcessBus& bus, const Workload& workload) override;
  uint64_t bytes() const override;
  bool read_only() const override { return driver_->info().read_only; }
  std::unique_ptr<LoadQueue> MakeQueue(const Workload& workload, uint32_t index) override;
  void TakeInterrupts() override { transport_->TakeInterrupts(); }
  bool broken() override { return transport_->NeedsReset(); }

 private:
  std::unique_ptr<VirtioMmioDriver> transport_;
  std::unique_ptr<VirtioBlkDriver> driver_;
};

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_VIRTIO_BLK_BENCH_DEVICE_H_

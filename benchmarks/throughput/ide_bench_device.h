// SPDX-License-Identifier: Apache-2.0
//
// IdeDiskBenchDevice and IdeCdBenchDevice: an ATA disk and an ATAPI CD-ROM drive, by bus-master
// DMA, to be measured. See BenchDevice.
//
// Ownership, threading, units, errors: BenchDevice's.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_IDE_BENCH_DEVICE_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_IDE_BENCH_DEVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "benchmarks/throughput/bench_device.h"
#include "testing/guest/atapi_driver.h"
#include "testing/guest/ide_driver.h"

namespace platter {

class IdeDiskBenchDevice final : public BenchDevice {
 public:
  std::vector<std::string> Configuration(const Workload& workload,
                                         const std::string& drive) const override;
  absl::Status Probe(Machine& machine, InProcessBus& bus, const Workload& workload) override;
  uint64_t bytes() const override { return bytes_; }
  // ATA cannot say so: writes fail.
  bool read_only() const override { return false; }
  std::unique_ptr<LoadQueue> MakeQueue(const Workload& workload, uint32_t index) override;
  void TakeInterrupts() override {}
  bool broken() override { return driver_->Gone(); }

 private:
  std::unique_ptr<IdeDriver> driver_;
  uint64_t bytes_ = 0;
};

class IdeCdBenchDevice final : public BenchDevice {
 public:
  std::vector<std::string> Configuration(const Workload& workload,
                                         const std::string& drive) const override;
  absl::Status Probe(Machine& machine, InProcessBus& bus, const Workload& workload) override;
  uint64_t bytes() const override { return bytes_; }
  bool read_only() const override { return true; }
  std::unique_ptr<LoadQueue> MakeQueue(const Workload& workload, uint32_t index) override;
  void TakeInterrupts() override {}
  bool broken() override { return driver_->ide().Gone(); }

 private:
  std::unique_ptr<AtapiDriver> driver_;
  uint64_t bytes_ = 0;
};

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_IDE_BENCH_DEVICE_H_

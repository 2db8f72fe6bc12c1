// SPDX-License-Identifier: Apache-2.0
//
// ScsiBenchDevice: a SCSI disk or CD-ROM drive behind virtio-scsi, to be measured. See BenchDevice.
//
// Ownership, threading, units, errors: BenchDevice's.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_SCSI_BENCH_DEVICE_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_SCSI_BENCH_DEVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "benchmarks/throughput/bench_device.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_scsi_driver.h"

namespace platter {

class ScsiBenchDevice final : public BenchDevice {
 public:
  enum class Kind : uint8_t { kDisk, kCd };
  explicit ScsiBenchDevice(Kind kind) : kind_(kind) {}

  std::vector<std::string> Configuration(const Workload& workload,
                                         const std::string& drive) const override;
  absl::Status Probe(Machine& machine, InProcessBus& bus, const Workload& workload) override;
  uint64_t bytes() const override { return blocks_ * block_bytes_; }
  bool read_only() const override { return read_only_; }
  std::unique_ptr<LoadQueue> MakeQueue(const Workload& workload, uint32_t index) override;
  void TakeInterrupts() override { transport_->TakeInterrupts(); }
  bool broken() override { return transport_->NeedsReset(); }

 private:
  const Kind kind_;
  std::unique_ptr<VirtioMmioDriver> transport_;
  std::unique_ptr<VirtioScsiDriver> driver_;
  uint64_t blocks_ = 0;
  uint32_t block_bytes_ = 0;
  bool read_only_ = false;
};

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_SCSI_BENCH_DEVICE_H_

// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/virtio_blk_bench_device.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "benchmarks/throughput/virtio_blk_port.h"

namespace platter {

std::vector<std::string> VirtioBlkBenchDevice::Configuration(const Workload& workload,
                                                             const std::string& drive) const {
  return {absl::StrCat("virtio-blk,id=", kId, ",drive=", drive,
                       ",rerror=report,werror=report,num-queues=", workload.queues,
                       ",queue-size=", kVirtioBlkBenchQueueSize, IoThreadOptions(workload))};
}

absl::Status VirtioBlkBenchDevice::Probe(Machine& machine, InProcessBus& bus,
                                         const Workload& workload) {
  const auto location = machine.LocationOf<VirtioMmioLocation>(kId);
  if (!location.ok()) return location.status();
  transport_ = std::make_unique<VirtioMmioDriver>(
      bus, VirtioMmioDriver::Place{.base = location->mmio_base, .line = location->irq});
  VirtioBlkDriver::Options options;
  options.queues = static_cast<uint16_t>(workload.queues);
  options.queue_size = kVirtioBlkBenchQueueSize;
  driver_ = std::make_unique<VirtioBlkDriver>(bus, *transport_, options);
  PLATTER_RETURN_IF_ERROR(driver_->Probe());
  if (driver_->queue_count() < workload.queues) {
    return ErrorWithErrno(
        EINVAL, absl::StrCat("--queues: the device gave ", driver_->queue_count(), " queues"));
  }
  return absl::OkStatus();
}

uint64_t VirtioBlkBenchDevice::bytes() const {
  return driver_->info().capacity_sectors * kSectorSize;
}

std::unique_ptr<LoadQueue> VirtioBlkBenchDevice::MakeQueue(const Workload& workload,
                                                           uint32_t index) {
  const auto number = static_cast<uint16_t>(index);
  return std::make_unique<SlotQueue<VirtioBlkPort>>(
      VirtioBlkPort(driver_->queue(number), *transport_, number, workload.completions), workload,
      LoadOffsets(workload, index, bytes()));
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/virtio_blk_bench_device.h"

#include <cerrno>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

// Enough for the control block of each kind: two descriptors more than the deepest queue.
constexpr uint32_t kQueueSize = 512;

class Port {
 public:
  Port(VirtioBlkQueue& queue, VirtioTransportDriver& transport, uint16_t index)
      : queue_(&queue), transport_(&transport), index_(index) {}

  bool Submit(LoadOp op, uint64_t offset, const GuestSegment& data, uint64_t token) {
    BlkCommand command;
    command.type = IsWrite(op) ? guest::kBlkOut : guest::kBlkIn;
    command.sector = offset / kSectorSize;
    command.data = std::span(&data, 1);
    return queue_->Submit(command, token);
  }
  void Publish() {
    if (queue_->Publish()) transport_->Notify(index_);
  }
  template <typename Done>
  uint32_t Reap(Done done) {
    const uint32_t count = queue_->Reap(
        [&](uint64_t token, uint8_t status, uint32_t) { done(token, status == guest::kBlkOk); });
    // As a driver does: ask for the next interrupt before making more available.
    if (count > 0) queue_->ring().EnableInterrupts();
    return count;
  }
  uint32_t in_flight() const { return queue_->ring().in_flight(); }

 private:
  VirtioBlkQueue* queue_;
  VirtioTransportDriver* transport_;
  uint16_t index_;
};

}  // namespace

std::vector<std::string> VirtioBlkBenchDevice::Configuration(const Workload& workload,
                                                             const std::string& drive) const {
  return {absl::StrCat("virtio-blk,id=", kId, ",drive=", drive,
                       ",rerror=report,werror=report,num-queues=", workload.queues,
                       ",queue-size=", kQueueSize, IoThreadOptions(workload))};
}

absl::Status VirtioBlkBenchDevice::Probe(Machine& machine, InProcessBus& bus,
                                         const Workload& workload) {
  const auto location = machine.LocationOf<VirtioMmioLocation>(kId);
  if (!location.ok()) return location.status();
  transport_ = std::make_unique<VirtioMmioDriver>(
      bus, VirtioMmioDriver::Place{.base = location->mmio_base, .line = location->irq});
  VirtioBlkDriver::Options options;
  options.queues = static_cast<uint16_t>(workload.queues);
  options.queue_size = kQueueSize;
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
  return std::make_unique<SlotQueue<Port>>(Port(driver_->queue(number), *transport_, number),
                                           workload, LoadOffsets(workload, index, bytes()));
}

}  // namespace platter

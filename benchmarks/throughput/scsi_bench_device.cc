// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/scsi_bench_device.h"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <span>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/status.h"
#include "testing/guest/scsi_initiator.h"

namespace platter {
namespace {

constexpr const char* kAdapterId = "adapter";
// Header, answer and data of the deepest queue, and room to spare.
constexpr uint32_t kQueueSize = 1024;
// SPC-4, 7.5.6: the device-specific parameter's write protection.
constexpr uint8_t kWriteProtected = 0x80;
constexpr guest::ScsiLun kLun = guest::ScsiLunOf(0, 0);

// READ(10) or WRITE(10), as drivers send them.
struct Cdb10 {
  uint8_t code = 0;
  uint8_t flags = 0;
  Be32 lba;
  uint8_t group = 0;
  Be16 blocks;
  uint8_t control = 0;
};
static_assert(sizeof(Cdb10) == 10);

class Port {
 public:
  Port(VirtioScsiQueue& queue, VirtioTransportDriver& transport, uint16_t number,
       uint32_t block_bytes)
      : queue_(&queue),
        transport_(&transport),
        number_(number),
        shift_(static_cast<uint32_t>(std::countr_zero(block_bytes))) {}

  bool Submit(LoadOp op, uint64_t offset, const GuestSegment& data, uint64_t token) {
    const bool write = IsWrite(op);
    Cdb10 cdb;
    cdb.code = write ? 0x2a : 0x28;
    cdb.lba = static_cast<uint32_t>(offset >> shift_);
    cdb.blocks = static_cast<uint16_t>(data.bytes >> shift_);
    std::array<uint8_t, sizeof(cdb)> bytes;
    std::memcpy(bytes.data(), &cdb, sizeof(cdb));
    ScsiQueueCommand command = {.lun = kLun, .tag = token, .cdb = bytes};
    (write ? command.out : command.in) = std::span(&data, 1);
    return queue_->Submit(command, token);
  }
  void Publish() {
    if (queue_->Publish()) transport_->Notify(number_);
  }
  template <typename Done>
  uint32_t Reap(Done done) {
    const uint32_t count = queue_->Reap([&](uint64_t token, const ScsiQueueAnswer& answer) {
      done(token, answer.response == guest::kScsiOk && answer.status == 0);
    });
    // As a driver does: ask for the next interrupt before making more available.
    if (count > 0) queue_->ring().EnableInterrupts();
    return count;
  }
  uint32_t in_flight() const { return queue_->ring().in_flight(); }

 private:
  VirtioScsiQueue* queue_;
  VirtioTransportDriver* transport_;
  uint16_t number_;  // Of the device's queues: control and event come before.
  uint32_t shift_;   // From bytes to blocks.
};

}  // namespace

std::vector<std::string> ScsiBenchDevice::Configuration(const Workload& workload,
                                                        const std::string& drive) const {
  return {absl::StrCat("virtio-scsi,id=", kAdapterId, ",num-queues=", workload.queues,
                       ",virtqueue_size=", kQueueSize, IoThreadOptions(workload)),
          kind_ == Kind::kDisk
              ? absl::StrCat("scsi-hd,id=", kId, ",drive=", drive, ",rerror=report,werror=report")
              : absl::StrCat("scsi-cd,id=", kId, ",drive=", drive, ",rerror=report")};
}

absl::Status ScsiBenchDevice::Probe(Machine& machine, InProcessBus& bus, const Workload& workload) {
  const auto location = machine.LocationOf<VirtioMmioLocation>(kAdapterId);
  if (!location.ok()) return location.status();
  transport_ = std::make_unique<VirtioMmioDriver>(
      bus, VirtioMmioDriver::Place{.base = location->mmio_base, .line = location->irq});
  VirtioScsiDriver::Options options;
  options.queues = static_cast<uint16_t>(workload.queues);
  options.queue_size = kQueueSize;
  driver_ = std::make_unique<VirtioScsiDriver>(bus, *transport_, options);
  PLATTER_RETURN_IF_ERROR(driver_->Probe());
  if (driver_->queue_count() < workload.queues) {
    return ErrorWithErrno(
        EINVAL, absl::StrCat("--queues: the device gave ", driver_->queue_count(), " queues"));
  }
  VirtioScsiUnit unit(*driver_, kLun);
  ScsiInitiator initiator(unit);
  const auto ready = initiator.ClearAttentions();
  if (!ready.ok()) return ready.status();
  const auto capacity = initiator.ReadCapacity10();
  if (!capacity.ok()) return capacity.status();
  if (!capacity->good()) return ErrorWithErrno(EIO, "the unit does not say its capacity");
  const uint64_t last = capacity->Number(0, 4);
  if (last == std::numeric_limits<uint32_t>::max()) {
    return ErrorWithErrno(EFBIG, "--blockdev: more blocks than READ(10) can name");
  }
  blocks_ = last + 1;
  block_bytes_ = static_cast<uint32_t>(capacity->Number(4, 4));
  if (workload.block_size % block_bytes_ != 0) {
    return ErrorWithErrno(
        EINVAL, absl::StrCat("--bs: not a multiple of the unit's blocks, ", block_bytes_));
  }
  const auto mode = initiator.ModeSense6(/*page=*/0x3f);
  if (!mode.ok()) return mode.status();
  read_only_ = kind_ == Kind::kCd || (mode->Number(2, 1) & kWriteProtected) != 0;
  return absl::OkStatus();
}

std::unique_ptr<LoadQueue> ScsiBenchDevice::MakeQueue(const Workload& workload, uint32_t index) {
  const auto number = static_cast<uint16_t>(index);
  return std::make_unique<SlotQueue<Port>>(
      Port(driver_->queue(number), *transport_,
           static_cast<uint16_t>(guest::kScsiRequestQueue + number), block_bytes_),
      workload, LoadOffsets(workload, index, bytes()));
}

}  // namespace platter

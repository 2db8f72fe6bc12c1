// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/ide_bench_device.h"

#include <optional>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

class Port {
 public:
  explicit Port(IdeDriver& driver) : driver_(&driver) {}

  bool Submit(LoadOp op, uint64_t offset, const GuestSegment& data, uint64_t token) {
    if (driver_->busy()) return false;
    token_ = token;
    IdeCommand command =
        driver_->Transfer(IdeWay::kDma, IsWrite(op), offset / kSectorSize, data.bytes);
    command.buffer = data.address;
    driver_->Start(command);
    return true;
  }
  void Publish() {}
  template <typename Done>
  uint32_t Reap(Done done) {
    if (!driver_->busy()) return 0;
    const std::optional<IdeAnswer> answer = driver_->Poll();
    if (!answer.has_value()) return 0;
    done(token_, answer->ok());
    return 1;
  }
  uint32_t in_flight() const { return driver_->busy() ? 1 : 0; }

 private:
  IdeDriver* driver_;
  uint64_t token_ = 0;
};

}  // namespace

std::vector<std::string> IdeDiskBenchDevice::Configuration(const Workload& workload,
                                                           const std::string& drive) const {
  static_cast<void>(workload);
  return {absl::StrCat("ide-hd,id=", kId, ",drive=", drive, ",rerror=report,werror=report")};
}

absl::Status IdeDiskBenchDevice::Probe(Machine& machine, InProcessBus& bus,
                                       const Workload& workload) {
  static_cast<void>(workload);
  const auto at = machine.LocationOf<IdeLocation>(kId);
  if (!at.ok()) return at.status();
  driver_ = std::make_unique<IdeDriver>(bus, IdeDriver::Place{.command = at->command,
                                                              .control = at->control,
                                                              .bus_master = at->bus_master,
                                                              .line = at->irq,
                                                              .unit = at->unit});
  const absl::StatusOr<IdeIdentity> identity = driver_->Identify();
  if (!identity.ok()) return identity.status();
  bytes_ = identity->sectors * kSectorSize;
  return absl::OkStatus();
}

std::unique_ptr<LoadQueue> IdeDiskBenchDevice::MakeQueue(const Workload& workload, uint32_t index) {
  return std::make_unique<SlotQueue<Port>>(Port(*driver_), workload,
                                           LoadOffsets(workload, index, bytes_));
}

}  // namespace platter

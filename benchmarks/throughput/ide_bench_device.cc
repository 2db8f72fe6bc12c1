// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/ide_bench_device.h"

#include <cerrno>
#include <optional>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

class DiskPort {
 public:
  explicit DiskPort(IdeDriver& driver) : driver_(&driver) {}

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

class CdPort {
 public:
  explicit CdPort(AtapiDriver& driver) : driver_(&driver) {}

  bool Submit(LoadOp op, uint64_t offset, const GuestSegment& data, uint64_t token) {
    static_cast<void>(op);  // Reads only: CheckWorkload.
    if (driver_->busy()) return false;
    token_ = token;
    driver_->Start({.packet = AtapiDriver::MakeRead10(offset / AtapiDriver::kBlock,
                                                      data.bytes / AtapiDriver::kBlock),
                    .way = IdeWay::kDma,
                    .buffer = data.address,
                    .bytes = data.bytes});
    return true;
  }
  void Publish() {}
  template <typename Done>
  uint32_t Reap(Done done) {
    if (!driver_->busy()) return 0;
    const std::optional<PacketAnswer> answer = driver_->Poll();
    if (!answer.has_value()) return 0;
    done(token_, answer->ok());
    return 1;
  }
  uint32_t in_flight() const { return driver_->busy() ? 1 : 0; }

 private:
  AtapiDriver* driver_;
  uint64_t token_ = 0;
};

absl::StatusOr<IdeDriver::Place> PlaceOf(Machine& machine) {
  const auto at = machine.LocationOf<IdeLocation>(BenchDevice::kId);
  if (!at.ok()) return at.status();
  return IdeDriver::Place{.command = at->command,
                          .control = at->control,
                          .bus_master = at->bus_master,
                          .line = at->irq,
                          .unit = at->unit};
}

}  // namespace

std::vector<std::string> IdeDiskBenchDevice::Configuration(const Workload& workload,
                                                           const std::string& drive) const {
  static_cast<void>(workload);
  return {absl::StrCat("ide-hd,id=", kId, ",drive=", drive, ",rerror=report,werror=report")};
}

absl::Status IdeDiskBenchDevice::Probe(Machine& machine, InProcessBus& bus,
                                       const Workload& workload) {
  static_cast<void>(workload);
  const absl::StatusOr<IdeDriver::Place> place = PlaceOf(machine);
  if (!place.ok()) return place.status();
  driver_ = std::make_unique<IdeDriver>(bus, *place);
  const absl::StatusOr<IdeIdentity> identity = driver_->Identify();
  if (!identity.ok()) return identity.status();
  bytes_ = identity->sectors * kSectorSize;
  return absl::OkStatus();
}

std::unique_ptr<LoadQueue> IdeDiskBenchDevice::MakeQueue(const Workload& workload, uint32_t index) {
  return std::make_unique<SlotQueue<DiskPort>>(DiskPort(*driver_), workload,
                                               LoadOffsets(workload, index, bytes_));
}

std::vector<std::string> IdeCdBenchDevice::Configuration(const Workload& workload,
                                                         const std::string& drive) const {
  static_cast<void>(workload);
  return {absl::StrCat("ide-cd,id=", kId, ",drive=", drive, ",rerror=report")};
}

absl::Status IdeCdBenchDevice::Probe(Machine& machine, InProcessBus& bus,
                                     const Workload& workload) {
  static_cast<void>(workload);
  const absl::StatusOr<IdeDriver::Place> place = PlaceOf(machine);
  if (!place.ok()) return place.status();
  driver_ = std::make_unique<AtapiDriver>(bus, *place);
  if (!driver_->ClearNews()) return ErrorWithErrno(EIO, "the drive does not get ready");
  const std::optional<AtapiDriver::Capacity> capacity = driver_->ReadCapacity();
  if (!capacity.has_value()) return ErrorWithErrno(EIO, "the drive does not say its capacity");
  bytes_ = capacity->blocks * capacity->block_bytes;
  return absl::OkStatus();
}

std::unique_ptr<LoadQueue> IdeCdBenchDevice::MakeQueue(const Workload& workload, uint32_t index) {
  return std::make_unique<SlotQueue<CdPort>>(CdPort(*driver_), workload,
                                             LoadOffsets(workload, index, bytes_));
}

}  // namespace platter

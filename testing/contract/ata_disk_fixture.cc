// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/ata_disk_fixture.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "base/status.h"
#include "devices/ide/ata_disk.h"
#include "devices/ide/ata_spec.h"
#include "devices/ide/bus_master.h"
#include "devices/ide/ide_channel.h"
#include "testing/guest/ide_driver.h"

namespace platter {
namespace {

constexpr IdeDriver::Place kPlace = {};
constexpr uint32_t kSector = 512;
constexpr uint8_t kMultiple = 16;
// What 48 bits can name: the guest can't ask for more.
constexpr uint64_t kLastLba = (uint64_t{1} << 48) - 1;

class AtaDiskFixture final : public DeviceFixture {
 public:
  explicit AtaDiskFixture(IdeWay way) : way_(way) {}
  ~AtaDiskFixture() override {
    if (disk_ != nullptr) Destroy();
  }

  DeviceTraits traits() const override { return {.max_in_flight = 1}; }

  absl::Status Create(const Setup& setup) override {
    bus_ = &setup.bus;
    channel_.emplace(IdeChannel::Setup{.memory = bus_->memory(), .line = bus_->Line(kPlace.line)});
    const AtaDiskOptions options = {
        .id = setup.id, .rerror = setup.read_error, .werror = setup.write_error};
    auto disk =
        AtaDisk::Create(options, channel_->port(0), setup.backend, setup.control, setup.control);
    if (!disk.ok()) return disk.status();
    disk_ = *std::move(disk);
    IoSpace& ports = bus_->ports();
    PLATTER_RETURN_IF_ERROR(
        ports.Map(kPlace.command, ata::kCommandBlockBytes, channel_->command_block()));
    PLATTER_RETURN_IF_ERROR(
        ports.Map(kPlace.control, ata::kControlBlockBytes, channel_->control_block()));
    return ports.Map(kPlace.bus_master, kBusMasterBytes, channel_->bus_master());
  }

  Device& device() override { return *disk_; }

  void Destroy() override {
    driver_.reset();
    for (const uint64_t base : {kPlace.command, kPlace.control, kPlace.bus_master}) {
      bus_->ports().Unmap(base);
    }
    disk_.reset();
    channel_.reset();
  }

  absl::Status Probe(GuestIoListener& listener) override {
    listener_ = &listener;
    if (!driver_.has_value()) driver_.emplace(*bus_, kPlace);
    const auto identity = driver_->Identify();
    if (!identity.ok()) return identity.status();
    capacity_ = identity->sectors * kSector;
    const auto answer = driver_->SetMultiple(kMultiple);
    if (!answer.has_value() || !answer->ok()) return absl::InternalError("SET MULTIPLE MODE");
    return absl::OkStatus();
  }

  absl::Status Start(const GuestIo& io) override {
    if (token_.has_value()) return absl::ResourceExhaustedError("one command at a time");
    bus_->WaitFor(
        [this] {
          Poll();
          return !driver_->busy();
        },
        IdeDriver::kTimeout);
    if (driver_->busy()) return absl::DeadlineExceededError("the rescan does not end");
    token_ = io.token;
    if (io.op == GuestOp::kFlush) {
      driver_->Start({.code = guest::kIdeFlushExt});
      return absl::OkStatus();
    }
    IdeCommand command = driver_->Transfer(
        way_, io.op == GuestOp::kWrite, std::min(io.offset / kSector, kLastLba), io.buffer.bytes);
    command.buffer = io.buffer.address;
    driver_->Start(command);
    return absl::OkStatus();
  }

  void Poll() override {
    const std::optional<IdeAnswer> answer = driver_->Poll();
    if (!answer.has_value()) return;
    if (!token_.has_value()) return FinishRescan(*answer);
    listener_->OnGuestIo(*std::exchange(token_, std::nullopt),
                         answer->ok() ? GuestOutcome::kOk : GuestOutcome::kFailed);
  }

  void ForgetAll() override {
    driver_->Forget();
    if (!token_.has_value()) return;
    listener_->OnGuestIo(*std::exchange(token_, std::nullopt), GuestOutcome::kTakenAway);
  }

  bool Gone() override { return driver_->Gone(); }
  uint64_t Faults() override { return driver_->faults(); }

  // ATA tells nobody that a disk has grown: somebody has the guest look again.
  uint64_t Capacity() override {
    StartRescan();
    return capacity_;
  }
  uint64_t CapacityChanges() override {
    StartRescan();
    return capacity_changes_;
  }

 private:
  void StartRescan() {
    if (driver_->busy()) return;
    driver_->Start({.code = guest::kIdeIdentify,
                    .protocol = IdeProtocol::kPioIn,
                    .buffer = driver_->scratch(),
                    .bytes = kSector});
  }
  void FinishRescan(const IdeAnswer& answer) {
    if (!answer.ok()) return;
    std::array<uint8_t, kSector> sector;
    bus_->Read(driver_->scratch(), sector);
    const uint64_t capacity = IdeDriver::Parse(sector).sectors * kSector;
    if (capacity != std::exchange(capacity_, capacity)) ++capacity_changes_;
  }

  const IdeWay way_;
  InProcessBus* bus_ = nullptr;
  GuestIoListener* listener_ = nullptr;
  std::optional<IdeChannel> channel_;
  std::unique_ptr<AtaDisk> disk_;
  std::optional<IdeDriver> driver_;
  std::optional<uint64_t> token_;  // Of the request under way; without one it is a rescan.
  uint64_t capacity_ = 0;
  uint64_t capacity_changes_ = 0;
};

}  // namespace

std::unique_ptr<DeviceFixture> MakeAtaDiskDmaFixture() {
  return std::make_unique<AtaDiskFixture>(IdeWay::kDma);
}
std::unique_ptr<DeviceFixture> MakeAtaDiskPioFixture() {
  return std::make_unique<AtaDiskFixture>(IdeWay::kMultiple);
}

}  // namespace platter

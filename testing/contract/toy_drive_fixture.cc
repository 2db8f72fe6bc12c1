// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/toy_drive_fixture.h"

#include <chrono>
#include <optional>
#include <utility>

#include "examples/own_device/toy_drive.h"
#include "examples/own_device/toy_registers.h"
#include "testing/guest/toy_driver.h"

namespace platter {
namespace {

constexpr uint64_t kWindow = 0x0b000000;
constexpr uint32_t kLine = 2;
constexpr Duration kTimeout = std::chrono::seconds(10);

class ToyDriveFixture final : public DeviceFixture {
 public:
  ~ToyDriveFixture() override {
    if (drive_ != nullptr) Destroy();
  }

  DeviceTraits traits() const override {
    return {.removable = true, .tray = true, .lock = true, .max_in_flight = 1};
  }

  absl::Status Create(const Setup& setup) override {
    auto drive = ToyDrive::Create({.attachment = {.device_id = setup.id,
                                                  .read_error = setup.read_error,
                                                  .write_error = setup.write_error},
                                   .backend = setup.backend,
                                   .control = setup.control,
                                   .memory = setup.bus.memory(),
                                   .line = setup.bus.Line(kLine)});
    if (!drive.ok()) return drive.status();
    drive_ = *std::move(drive);
    bus_ = &setup.bus;
    return bus_->mmio().Map(kWindow, toy::kWindowBytes, drive_->registers());
  }

  Device& device() override { return *drive_; }

  void Destroy() override {
    driver_.reset();
    bus_->mmio().Unmap(kWindow);
    drive_.reset();
  }

  absl::Status Probe(GuestIoListener& listener) override {
    listener_ = &listener;
    driver_.emplace(*bus_, ToyDriver::Place{.base = kWindow, .line = kLine});
    if (!driver_->Present()) return absl::NotFoundError("no toy drive there");
    if (driver_->busy()) return absl::FailedPreconditionError("the toy drive is busy");
    return absl::OkStatus();
  }

  absl::Status Start(const GuestIo& io) override {
    if (token_.has_value()) return absl::ResourceExhaustedError("one command at a time");
    token_ = io.token;
    const toy::Command command = io.op == GuestOp::kRead    ? toy::Command::kRead
                                 : io.op == GuestOp::kWrite ? toy::Command::kWrite
                                                            : toy::Command::kFlush;
    driver_->StartTransfer(command, io.offset / toy::kBlockBytes,
                           io.buffer.bytes / toy::kBlockBytes, io.buffer.address);
    return absl::OkStatus();
  }

  void Poll() override {
    const std::optional<toy::Error> error = driver_->Poll();
    NoteEvents();
    if (!error.has_value()) return;
    if (!token_.has_value()) {
      ++faults_;  // DONE without a command.
      return;
    }
    listener_->OnGuestIo(*std::exchange(token_, std::nullopt),
                         *error == toy::Error::kNone ? GuestOutcome::kOk : GuestOutcome::kFailed);
  }

  void ForgetAll() override {
    if (!token_.has_value()) return;
    listener_->OnGuestIo(*std::exchange(token_, std::nullopt), GuestOutcome::kTakenAway);
  }

  bool Gone() override { return driver_->Get(toy::Register::kId) == UINT32_MAX; }
  uint64_t Faults() override { return faults_; }
  uint64_t Capacity() override { return driver_->capacity_blocks() * toy::kBlockBytes; }
  uint64_t CapacityChanges() override { return capacity_changes_; }
  uint64_t MediumChanges() override { return medium_changes_; }
  uint64_t EjectRequests() override { return eject_requests_; }
  bool TrayOpen() override { return driver_->tray_open(); }
  bool Locked() override { return driver_->locked(); }
  bool GuestLock() override { return Run(toy::Command::kLock); }
  bool GuestUnlock() override { return Run(toy::Command::kUnlock); }
  bool GuestOpenTray() override { return Run(toy::Command::kOpenTray); }
  bool GuestCloseTray() override { return Run(toy::Command::kCloseTray); }

 private:
  bool Run(toy::Command command) {
    const auto error = driver_->Run(command, kTimeout);
    NoteEvents();
    return error == toy::Error::kNone;
  }

  void NoteEvents() {
    const uint32_t events = driver_->TakeEvents();
    if ((events & toy::kCapacityChanged) != 0) ++capacity_changes_;
    if ((events & toy::kMediumChanged) != 0) ++medium_changes_;
    if ((events & toy::kEjectRequested) != 0) ++eject_requests_;
  }

  InProcessBus* bus_ = nullptr;
  GuestIoListener* listener_ = nullptr;
  std::unique_ptr<ToyDrive> drive_;
  std::optional<ToyDriver> driver_;
  std::optional<uint64_t> token_;
  uint64_t faults_ = 0;
  uint64_t capacity_changes_ = 0;
  uint64_t medium_changes_ = 0;
  uint64_t eject_requests_ = 0;
};

}  // namespace

std::unique_ptr<DeviceFixture> MakeToyDriveFixture() { return std::make_unique<ToyDriveFixture>(); }

}  // namespace platter

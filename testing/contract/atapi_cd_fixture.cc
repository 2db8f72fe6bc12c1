// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/atapi_cd_fixture.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "devices/ide/ata_spec.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/bus_master.h"
#include "devices/ide/ide_channel.h"
#include "testing/guest/atapi_driver.h"

namespace platter {
namespace {

constexpr IdeDriver::Place kPlace = {};
constexpr uint32_t kBlock = AtapiDriver::kBlock;
// What 32 bits can name: the guest can't ask for more.
constexpr uint64_t kLastLba = UINT32_MAX;
// How often a driver tries again after news.
constexpr int kMostTries = 8;
constexpr AtapiPacket kWrite10 = {0x2a};
// The notices of GET EVENT STATUS NOTIFICATION.
constexpr uint8_t kEjectRequest = 1;
constexpr uint8_t kNewMedium = 2;
constexpr uint8_t kRemoval = 3;

class AtapiCdFixture final : public DeviceFixture {
 public:
  explicit AtapiCdFixture(IdeWay way) : way_(way) {}
  ~AtapiCdFixture() override {
    if (drive_ != nullptr) Destroy();
  }

  DeviceTraits traits() const override {
    return {.removable = true,
            .tray = true,
            .lock = true,
            .writable = false,
            .polled = true,
            .guest_moves_data = way_ == IdeWay::kPio,
            .block_bytes = kBlock,
            .max_in_flight = 1};
  }

  absl::Status Create(const Setup& setup) override {
    bus_ = &setup.bus;
    channel_.emplace(IdeChannel::Setup{.memory = bus_->memory(), .line = bus_->Line(kPlace.line)});
    // It has no write policy: there are no writes.
    auto drive = AtapiCd::Create({.id = setup.id, .rerror = setup.read_error}, channel_->port(0),
                                 setup.backend, setup.control);
    if (!drive.ok()) return drive.status();
    drive_ = *std::move(drive);
    IoSpace& ports = bus_->ports();
    PLATTER_RETURN_IF_ERROR(
        ports.Map(kPlace.command, ata::kCommandBlockBytes, channel_->command_block()));
    PLATTER_RETURN_IF_ERROR(
        ports.Map(kPlace.control, ata::kControlBlockBytes, channel_->control_block()));
    return ports.Map(kPlace.bus_master, kBusMasterBytes, channel_->bus_master());
  }

  Device& device() override { return *drive_; }

  void Destroy() override {
    driver_.reset();
    for (const uint64_t base : {kPlace.command, kPlace.control, kPlace.bus_master}) {
      bus_->ports().Unmap(base);
    }
    drive_.reset();
    channel_.reset();
  }

  absl::Status Probe(GuestIoListener& listener) override {
    listener_ = &listener;
    if (!driver_.has_value()) driver_.emplace(*bus_, kPlace);
    const auto identity = driver_->IdentifyPacket();
    if (!identity.ok()) return identity.status();
    if (!driver_->ClearNews()) return absl::InternalError("the news do not end");
    const auto capacity = driver_->ReadCapacity();
    capacity_ = capacity.has_value() ? capacity->blocks * kBlock : 0;
    return absl::OkStatus();
  }

  absl::Status Start(const GuestIo& io) override {
    if (io_.has_value()) return absl::ResourceExhaustedError("one command at a time");
    if (!WaitForIdle()) return absl::DeadlineExceededError("looking does not end");
    io_ = io;
    tries_ = 0;
    StartIo();
    return absl::OkStatus();
  }

  void Poll() override {
    if (flushing_) return PollFlush();
    const std::optional<PacketAnswer> answer = driver_->Poll();
    if (!answer.has_value()) return;
    switch (std::exchange(doing_, Doing::kNothing)) {
      case Doing::kNothing:
        return;
      case Doing::kIo:
        return answer->ok() ? EndIo(GuestOutcome::kOk) : AskForSense(Doing::kIoSense);
      case Doing::kIoSense:
        return OnIoSense();
      case Doing::kEvent:
        return OnEvent();
      case Doing::kCapacity:
        return answer->ok() ? OnCapacity() : AskForSense(Doing::kCapacitySense);
      case Doing::kCapacitySense:
        return OnCapacitySense();
    }
  }

  void ForgetAll() override {
    driver_->Forget();
    driver_->ide().Forget();
    doing_ = Doing::kNothing;
    flushing_ = false;
    if (io_.has_value()) EndIo(GuestOutcome::kTakenAway);
  }

  bool Gone() override { return driver_->ide().Gone(); }
  uint64_t Faults() override { return driver_->faults() + driver_->ide().faults(); }

  // What is known; and the guest looks again.
  uint64_t Capacity() override {
    Look();
    return capacity_;
  }
  uint64_t CapacityChanges() override {
    Look();
    return capacity_changes_;
  }
  uint64_t MediumChanges() override {
    Look();
    return medium_changes_;
  }
  uint64_t EjectRequests() override {
    Look();
    return eject_requests_;
  }

  // The drive's front, so to say: the guest can't ask while a command is under way.
  bool TrayOpen() override { return drive_->tray().open(); }
  bool Locked() override { return drive_->tray().locked(); }

  bool GuestLock() override {
    return Do([&] { return driver_->PreventAllow(AtapiLock::kLocked); });
  }
  bool GuestUnlock() override {
    return Do([&] { return driver_->PreventAllow(AtapiLock::kUnlocked); });
  }
  bool GuestOpenTray() override {
    return Do([&] { return driver_->StartStop(AtapiTray::kOpen); });
  }
  bool GuestCloseTray() override {
    return Do([&] { return driver_->StartStop(AtapiTray::kClose); });
  }

 private:
  enum class Doing : uint8_t { kNothing, kIo, kIoSense, kEvent, kCapacity, kCapacitySense };

  bool idle() const { return doing_ == Doing::kNothing && !flushing_ && !io_.has_value(); }

  bool WaitForIdle() {
    bus_->WaitFor(
        [this] {
          Poll();
          return doing_ == Doing::kNothing;
        },
        IdeDriver::kTimeout);
    return doing_ == Doing::kNothing;
  }
  template <typename Command>
  bool Do(Command command) {
    if (!WaitForIdle()) return false;
    AtapiResult result = command();
    for (int i = 0; i < kMostTries && AtapiDriver::IsNews(result.sense); ++i) result = command();
    return result.ok();
  }

  void Send(Doing doing, const PacketCommand& command) {
    doing_ = doing;
    driver_->Start(command);
  }
  // A command of the driver's own, with a short answer.
  void Ask(Doing doing, const AtapiPacket& packet, uint32_t bytes) {
    Send(doing, {.packet = packet, .buffer = driver_->ide().scratch(), .bytes = bytes});
  }
  std::vector<uint8_t> Answer(uint32_t bytes) {
    std::vector<uint8_t> data(bytes);
    bus_->Read(driver_->ide().scratch(), data);
    return data;
  }
  void AskForSense(Doing doing) { Ask(doing, AtapiDriver::MakeRequestSense(), 18); }
  bool IsNews() {
    return AtapiDriver::IsNews(AtapiDriver::ParseSense(Answer(18))) && ++tries_ < kMostTries;
  }

  // --- Requests. ---

  void StartIo() {
    if (io_->op == GuestOp::kFlush) {
      flushing_ = true;
      driver_->ide().Start({.code = guest::kIdeFlush});
      return;
    }
    PacketCommand command = {
        .packet = AtapiDriver::MakeRead10(std::min(io_->offset / kBlock, kLastLba),
                                          io_->buffer.bytes / kBlock),
        .way = way_,
        .buffer = io_->buffer.address,
        .bytes = io_->buffer.bytes};
    if (io_->op == GuestOp::kWrite) command.packet = kWrite10;
    Send(Doing::kIo, command);
  }
  void PollFlush() {
    const std::optional<IdeAnswer> answer = driver_->ide().Poll();
    if (!answer.has_value()) return;
    flushing_ = false;
    EndIo(answer->ok() ? GuestOutcome::kOk : GuestOutcome::kFailed);
  }
  void OnIoSense() {
    if (IsNews()) return StartIo();
    EndIo(GuestOutcome::kFailed);
  }
  void EndIo(GuestOutcome outcome) {
    const uint64_t token = std::exchange(io_, std::nullopt)->token;
    listener_->OnGuestIo(token, outcome);
  }

  // --- Looking: for an event, then for the capacity. ---

  void Look() {
    if (!idle()) return;
    tries_ = 0;
    Ask(Doing::kEvent, AtapiDriver::MakeGetEventStatus(), 8);
  }
  void OnEvent() {
    const uint8_t code = AtapiDriver::ParseEvent(Answer(8)).code;
    if (code == kEjectRequest) ++eject_requests_;
    if (code == kRemoval || code == kNewMedium) ++medium_changes_;
    AskForCapacity();
  }
  void AskForCapacity() { Ask(Doing::kCapacity, AtapiDriver::MakeReadCapacity(), 8); }
  void OnCapacity() { NoteCapacity(AtapiDriver::ParseCapacity(Answer(8)).blocks * kBlock); }
  void OnCapacitySense() {
    if (IsNews()) return AskForCapacity();
    NoteCapacity(0);
  }
  void NoteCapacity(uint64_t capacity) {
    if (capacity != std::exchange(capacity_, capacity)) ++capacity_changes_;
  }

  const IdeWay way_;
  InProcessBus* bus_ = nullptr;
  GuestIoListener* listener_ = nullptr;
  std::optional<IdeChannel> channel_;
  std::unique_ptr<AtapiCd> drive_;
  std::optional<AtapiDriver> driver_;
  Doing doing_ = Doing::kNothing;
  bool flushing_ = false;
  std::optional<GuestIo> io_;  // The request under way.
  int tries_ = 0;
  uint64_t capacity_ = 0;
  uint64_t capacity_changes_ = 0;
  uint64_t medium_changes_ = 0;
  uint64_t eject_requests_ = 0;
};

}  // namespace

std::unique_ptr<DeviceFixture> MakeAtapiCdDmaFixture() {
  return std::make_unique<AtapiCdFixture>(IdeWay::kDma);
}
std::unique_ptr<DeviceFixture> MakeAtapiCdPioFixture() {
  return std::make_unique<AtapiCdFixture>(IdeWay::kPio);
}

}  // namespace platter

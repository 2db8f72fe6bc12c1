// SPDX-License-Identifier: Apache-2.0

#include "testing/qmp/cd_guest.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "aio/await.h"
#include "aio/clock.h"
#include "testing/guest/atapi_driver.h"

namespace platter {
namespace {

using std::chrono_literals::operator""ms;

// How often the guest looks for a drive's answer; and at a machine that stands.
constexpr Duration kTurn = 1ms;
constexpr Duration kStandingTurn = 20ms;
constexpr uint32_t kSenseBytes = 18;
constexpr uint32_t kEventBytes = 8;
// More than a drive has to tell at once.
constexpr int kMostNews = 8;

class IdeCd final : public GuestCd {
 public:
  // MMC-6, 6.6.3.5.
  static constexpr uint8_t kEjectRequest = 1;

  IdeCd(GuestBus& bus, IdeDriver::Place place, std::function<bool()> runs)
      : bus_(bus), runs_(std::move(runs)), driver_(bus, place) {}

  Task<void> ClearNews() override {
    for (int i = 0; i < kMostNews; ++i) {
      const std::optional<PacketAnswer> answer = co_await Run({});
      if (!answer.has_value() || answer->ok()) co_return;
      const std::optional<AtapiSense> sense = co_await RequestSense();
      if (!sense.has_value() || !AtapiDriver::IsNews(*sense)) co_return;
    }
  }
  Task<bool> Lock() override { return Succeeds(AtapiDriver::MakePreventAllow(AtapiLock::kLocked)); }
  Task<bool> Unlock() override {
    return Succeeds(AtapiDriver::MakePreventAllow(AtapiLock::kUnlocked));
  }
  Task<bool> OpenTray() override { return Succeeds(AtapiDriver::MakeStartStop(AtapiTray::kOpen)); }
  Task<bool> IsReady() override { return Succeeds({}); }
  Task<News> AskForNews() override {
    const std::optional<PacketAnswer> answer =
        co_await Run(AtapiDriver::MakeGetEventStatus(), kEventBytes);
    if (!answer.has_value()) co_return News::kNone;
    if (!answer->ok()) co_await RequestSense();
    if (!answer->ok() || answer->moved != kEventBytes) co_return News::kNone;
    const AtapiDriver::Event event = AtapiDriver::ParseEvent(Data(kEventBytes));
    if (event.code == 0) co_return News::kNone;
    co_return event.code == kEjectRequest ? News::kEjectRequest : News::kOther;
  }

 private:
  // A while later, in the time of the guest.
  Task<void> Turn() {
    co_await SleepFor(kTurn);
    while (!runs_()) co_await SleepFor(kStandingTurn);
  }

  // The drive's answer; nullopt, after the reset that a driver then sends, when it has none.
  Task<std::optional<PacketAnswer>> Run(AtapiPacket packet, uint32_t bytes = 0) {
    while (!runs_()) co_await SleepFor(kStandingTurn);
    Duration waited{0};
    for (; !driver_.IsIdle(); waited += kTurn) {
      if (waited >= IdeDriver::kTimeout) co_return std::nullopt;
      co_await Turn();
    }
    driver_.Start({.packet = packet, .buffer = driver_.ide().scratch(), .bytes = bytes});
    for (; waited < IdeDriver::kTimeout; waited += kTurn) {
      if (std::optional<PacketAnswer> answer = driver_.Poll()) co_return answer;
      co_await Turn();
    }
    driver_.StartReset();
    co_return std::nullopt;
  }
  // A drive that refuses has a reason, which it tells once.
  Task<bool> Succeeds(AtapiPacket packet) {
    const std::optional<PacketAnswer> answer = co_await Run(packet);
    if (answer.has_value() && !answer->ok()) co_await RequestSense();
    co_return answer.has_value() && answer->ok();
  }
  Task<std::optional<AtapiSense>> RequestSense() {
    const std::optional<PacketAnswer> answer =
        co_await Run(AtapiDriver::MakeRequestSense(), kSenseBytes);
    if (!answer.has_value() || !answer->ok() || answer->moved != kSenseBytes)
      co_return std::nullopt;
    co_return AtapiDriver::ParseSense(Data(kSenseBytes));
  }
  std::vector<uint8_t> Data(uint32_t bytes) {
    std::vector<uint8_t> data(bytes);
    bus_.Read(driver_.ide().scratch(), data);
    return data;
  }

  GuestBus& bus_;
  const std::function<bool()> runs_;
  AtapiDriver driver_;
};

}  // namespace

std::unique_ptr<GuestCd> MakeIdeCd(GuestBus& bus, IdeDriver::Place place,
                                   std::function<bool()> runs) {
  return std::make_unique<IdeCd>(bus, place, std::move(runs));
}

Task<CdGuest::Did> CdGuest::LockWhatIsIn() {
  co_await drive_->ClearNews();
  locked_ = co_await drive_->IsReady();
  if (locked_) locked_ = co_await drive_->Lock();
  co_return locked_ ? Did::kLocked : Did::kNothing;
}

Task<CdGuest::Did> CdGuest::Begin() { return LockWhatIsIn(); }

Task<CdGuest::Did> CdGuest::Look() {
  if (co_await drive_->AskForNews() == GuestCd::News::kEjectRequest) {
    if (!co_await drive_->Unlock()) co_return Did::kNothing;
    locked_ = false;
    co_return co_await drive_->OpenTray() ? Did::kGranted : Did::kNothing;
  }
  // By force the host takes a locked disc, too.
  if (locked_) {
    const bool ready = co_await drive_->IsReady();
    if (ready) co_return Did::kNothing;
  }
  co_return co_await LockWhatIsIn();
}

}  // namespace platter

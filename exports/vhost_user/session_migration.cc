// SPDX-License-Identifier: Apache-2.0
//
// A session's messages about what outlives the back-end: requests in flight for the one that comes
// after it, dirty pages and the device's state for the one on another host.

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "exports/vhost_user/payload.h"
#include "exports/vhost_user/session.h"

namespace platter {

using R = VhostUserRequest;

void VhostUserSession::Migrate(VhostUserMessage& message) {
  switch (static_cast<R>(message.request)) {
    case R::kGetInflightFd:
      return GetInflight(message);
    case R::kSetInflightFd:
      return SetInflight(message);
    case R::kSetLogBase:
      return SetLogBase(message);
    case R::kSetLogFd:
      return Finish(log_changed_.Set(message.descriptors[0].get()));
    case R::kSetDeviceStateFd:
      return SetDeviceState(message);
    default:
      return CheckDeviceState();
  }
}

// --- Requests in flight. ---

namespace {

// The padding at its end may be missing.
VhostUserInflight InflightOf(const VhostUserMessage& message) {
  VhostUserInflight inflight;
  std::memcpy(&inflight, message.payload.data(),
              std::min(message.payload.size(), sizeof(inflight)));
  return inflight;
}

InflightArea::Limits LimitsOf(const VirtioDevice& device) {
  return {.queues = device.queue_count(), .queue_size = device.max_queue_size()};
}

}  // namespace

void VhostUserSession::GetInflight(const VhostUserMessage& message) {
  const VhostUserInflight asked = InflightOf(message);
  const absl::Status status = InflightArea::CheckNumbers(asked, LimitsOf(target_.device));
  if (!status.ok()) return End(Annotate(status, NameOfRequest(request_)));
  VhostUserInflight answer = {.queues = asked.queues, .queue_size = asked.queue_size};
  absl::StatusOr<OwnedDescriptor> file = InflightArea::MakeFile(asked, &answer.mmap_size);
  // What the field takes for "requests in flight can't be recorded".
  if (!file.ok()) {
    LogRefused(file.status());
    answer.mmap_size = 0;
  }
  Reply(std::span(reinterpret_cast<const uint8_t*>(&answer), message.payload.size()),
        file.ok() ? *std::move(file) : OwnedDescriptor());
}

void VhostUserSession::SetInflight(const VhostUserMessage& message) {
  auto area = InflightArea::Map(InflightOf(message), message.descriptors[0],
                                LimitsOf(target_.device), target_.sealed);
  if (!area.ok()) return Finish(area.status());
  WithRingsStopped([this, next = *std::move(area)]() mutable {
    inflight_ = std::move(next);
    rings_.set_inflight(inflight_.get());
    return absl::OkStatus();
  });
}

// --- Dirty pages. ---

void VhostUserSession::SetLogBase(const VhostUserMessage& message) {
  auto log = DirtyBitmap::Create(PayloadAs<VhostUserLog>(message), message.descriptors[0],
                                 target_.sealed, log_changed_);
  if (!log.ok()) return Finish(log.status());
  const std::optional<uint64_t> last = table_.last_address();
  if (last && !(*log)->Covers(*last)) {
    return Finish(absl::InvalidArgumentError(
        absl::StrCat("the log has no bit for memory at 0x", absl::Hex(*last))));
  }
  // It has an answer of its own, whether one is asked for or not.
  ApplyLog(std::exchange(log_, *std::move(log)), [this] { ReplyNumber(0); });
}

DirtyLog* VhostUserSession::WantedLog() {
  const bool wanted = (features_ & kVhostFLogAll) != 0 || rings_.any_logged();
  return wanted ? log_.get() : nullptr;
}

void VhostUserSession::ApplyLog(std::unique_ptr<DirtyBitmap> before, DeviceDone then) {
  DirtyLog* const wanted = WantedLog();
  if (table_.dirty_log() == wanted) return std::move(then)();
  table_.SetDirtyLog(wanted);
  Wait();
  ++synchronising_;
  target_.device.Synchronise([this, kept = std::move(before), next = std::move(then)]() mutable {
    --synchronising_;
    if (ending_) return EndWhenQuiet();
    std::move(next)();
    Resume();
  });
}

// --- The device's state. ---

void VhostUserSession::SetDeviceState(VhostUserMessage& message) {
  transfer_.reset();
  transferred_.reset();
  const absl::Status status =
      StartTransfer(PayloadAs<VhostUserTransfer>(message), std::move(message.descriptors[0]));
  if (!status.ok()) LogRefused(status);
  ReplyNumber(kVhostUserTransferNoFd | (status.ok() ? 0 : kVhostUserTransferFailed));
}

absl::Status VhostUserSession::StartTransfer(const VhostUserTransfer& asked,
                                             OwnedDescriptor descriptor) {
  if (asked.direction > kVhostUserTransferLoad || asked.phase != kVhostUserTransferStopped) {
    return absl::InvalidArgumentError(
        absl::StrCat("direction ", asked.direction, " or phase ", asked.phase, " is not known"));
  }
  // Of a load it is what would be overwritten; that it can be asked for is what is wanted here.
  absl::StatusOr<std::string> state = target_.device.SaveTypeState();
  if (!state.ok()) return state.status();
  auto transfer =
      asked.direction == kVhostUserTransferSave
          ? StateTransfer::Save(
                target_.control, std::move(descriptor), *std::move(state),
                [this](const absl::StatusOr<std::string>& saved) { OnTransferred(saved.status()); })
          : StateTransfer::Load(target_.control, std::move(descriptor),
                                [this](const absl::StatusOr<std::string>& loaded) {
                                  OnTransferred(LoadState(loaded));
                                });
  if (!transfer.ok()) return transfer.status();
  transfer_ = *std::move(transfer);
  return absl::OkStatus();
}

absl::Status VhostUserSession::LoadState(const absl::StatusOr<std::string>& state) {
  if (!state.ok()) return state.status();
  const uint32_t before = target_.transport.config_generation();
  PLATTER_RETURN_IF_ERROR(target_.device.RestoreTypeState(*state));
  // The guest knows the configuration of the device that was saved, though the front-end may not
  // have asked this one yet.
  if (!generation_) generation_ = before;
  return absl::OkStatus();
}

void VhostUserSession::OnTransferred(absl::Status status) {
  transfer_.reset();
  if (!status.ok()) {
    target_.log.Log(LogLevel::kWarning,
                    absl::StrCat("export '", target_.name, "': ", MessageOf(status)),
                    target_.control.Now().time_since_epoch().count());
  }
  transferred_ = std::move(status);
  if (!std::exchange(check_waits_, false)) return;
  CheckDeviceState();
  Resume();
}

void VhostUserSession::CheckDeviceState() {
  if (transfer_ != nullptr) {
    // "The back-end responds once it knows".
    check_waits_ = true;
    return Wait();
  }
  ReplyNumber(transferred_ && transferred_->ok() ? 0 : 1);
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// A session's messages about the device's configuration and its state.

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "devices/virtio/virtio_spec.h"
#include "exports/vhost_user/payload.h"
#include "exports/vhost_user/session.h"

namespace platter {

using R = VhostUserRequest;

void VhostUserSession::Configure(VhostUserMessage& message) {
  switch (static_cast<R>(message.request)) {
    case R::kGetConfig:
      return GetConfig(message);
    case R::kSetConfig:
      return SetConfig(message);
    default:
      return SetBackendChannel(message);
  }
}

namespace {

// R-VU-06: as many bytes as it says, and none behind the largest space there is.
absl::Status CheckConfig(const VhostUserConfigHeader& header, size_t payload) {
  if (payload - sizeof(header) != header.size) {
    return absl::InvalidArgumentError(
        absl::StrCat(header.size, " bytes of configuration in ", payload, " bytes of message"));
  }
  return absl::OkStatus();
}

bool IsWithin(const VhostUserConfigHeader& header) {
  return RangeFits(header.offset, header.size, kVhostUserMaxConfigBytes);
}

}  // namespace

void VhostUserSession::GetConfig(const VhostUserMessage& message) {
  const auto header = PayloadAs<VhostUserConfigHeader>(message);
  const absl::Status status = CheckConfig(header, message.payload.size());
  if (!status.ok()) return End(Annotate(status, NameOfRequest(request_)));
  // "back-end uses zero length of payload to indicate an error".
  if (header.size == 0 || !IsWithin(header)) return Reply({});
  std::array<uint8_t, kVhostUserMaxPayload> answer = {};
  std::copy_n(message.payload.begin(), sizeof(header), answer.begin());
  // One generation: a resize comes in this context. What the device's space doesn't have is zero.
  generation_ = target_.transport.config_generation();
  target_.transport.ReadConfig(header.offset,
                               std::span(answer).subspan(sizeof(header), header.size));
  Reply(std::span(answer).first(sizeof(header) + header.size));
}

void VhostUserSession::SetConfig(const VhostUserMessage& message) {
  const auto header = PayloadAs<VhostUserConfigHeader>(message);
  absl::Status status = CheckConfig(header, message.payload.size());
  if (status.ok() && header.flags > kVhostUserConfigMigration) {
    status = absl::InvalidArgumentError(absl::StrCat("unknown flags ", header.flags));
  }
  if (status.ok() && !IsWithin(header)) {
    status = absl::InvalidArgumentError(
        absl::StrCat("no configuration has bytes ", header.offset, " and ", header.size, " more"));
  }
  if (!status.ok()) return End(Annotate(status, NameOfRequest(request_)));
  const std::span<const uint8_t> data = message.payload.subspan(sizeof(header));
  target_.transport.WriteConfig(header.offset, data);
  if (header.flags == kVhostUserConfigMigration) return Finish(absl::OkStatus());
  // "MUST NOT accept SET_CONFIG for read-only configuration space fields": the device has ignored
  // them, and that they are not what was written says so.
  std::array<uint8_t, kVhostUserMaxConfigBytes> after = {};
  const std::span<uint8_t> now = std::span(after).first(data.size());
  target_.transport.ReadConfig(header.offset, now);
  if (std::equal(now.begin(), now.end(), data.begin())) return Finish(absl::OkStatus());
  // Nothing happened, so the session need not end where no answer is wanted.
  if (wants_ack_) ReplyNumber(1);
}

void VhostUserSession::SetBackendChannel(VhostUserMessage& message) {
  auto channel = BackendChannel::Create(target_.control, std::move(message.descriptors[0]));
  if (!channel.ok()) return Finish(channel.status());
  backend_ = *std::move(channel);
  TellConfigChange();
  Finish(absl::OkStatus());
}

// --- State. ---

void VhostUserSession::ChangeState(const VhostUserMessage& message) {
  switch (static_cast<R>(message.request)) {
    case R::kGetStatus:
      return ReplyNumber(StatusNow());
    case R::kSetStatus:
      return SetStatus(PayloadAs<uint64_t>(message));
    default:
      return ResetDevice([this] { Finish(absl::OkStatus()); });
  }
}

uint8_t VhostUserSession::StatusNow() const {
  return target_.transport.needs_reset() ? status_ | kVirtioStatusNeedsReset : status_;
}

void VhostUserSession::SetStatus(uint64_t status) {
  if (status > UINT8_MAX) {
    return End(absl::InvalidArgumentError(
        absl::StrCat(NameOfRequest(request_), ": 0x", absl::Hex(status), " is no device status")));
  }
  // Virtio 1.3, 2.1: writing 0 resets the device.
  if (status == 0) {
    return ResetDevice([this] { Finish(absl::OkStatus()); });
  }
  status_ = static_cast<uint8_t>(status) & static_cast<uint8_t>(~kVirtioStatusNeedsReset);
  // Virtio 1.3, 3.1.1: FEATURES_OK that does not stay says that they were not accepted.
  if (!features_set_) status_ &= static_cast<uint8_t>(~kVirtioStatusFeaturesOk);
  Finish(absl::OkStatus());
}

void VhostUserSession::ResetDevice(absl::AnyInvocable<void() &&> then) {
  Wait();
  target_.device.Reset([this, next = std::move(then)]() mutable {
    if (ending_) return;
    rings_.ForgetAll();
    if (inflight_ != nullptr) inflight_->Forget();
    features_set_ = false;
    features_ = 0;
    status_ = 0;
    table_.SetDirtyLog(WantedLog());
    transfer_.reset();
    transferred_.reset();
    std::move(next)();
    Resume();
  });
}

}  // namespace platter

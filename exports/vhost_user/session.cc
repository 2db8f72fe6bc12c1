// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/session.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"
#include "devices/virtio/virtio_spec.h"
#include "exports/vhost_user/payload.h"

namespace platter {

using R = VhostUserRequest;

VhostUserSession::VhostUserSession(VhostUserTarget& target, OwnedDescriptor socket,
                                   absl::AnyInvocable<void() &&> ended)
    : target_(target),
      ended_(std::move(ended)),
      stream_(target.control, std::move(socket), MessageStream::Peer::kSendsRequests, *this),
      table_(target.sealed),
      rings_(target.transport, table_, target.device.queue_count(), target.device.max_queue_size()),
      poll_(target.control, [this] {
        rings_.KickPolled();
        PollAsNeeded();
      }) {}

VhostUserSession::~VhostUserSession() { PLATTER_CHECK(over_); }

// --- The end. ---

void VhostUserSession::OnStreamEnd(const absl::Status& why) { End(why); }

void VhostUserSession::End(const absl::Status& why) {
  if (ending_) return;
  ending_ = true;
  const int64_t now = target_.control.Now().time_since_epoch().count();
  if (!why.ok()) {
    target_.log.Log(
        LogLevel::kWarning,
        absl::StrCat("export '", target_.name, "': the front-end's session ends: ", MessageOf(why)),
        now);
  }
  stream_.Close();
  backend_.reset();
  poll_.Cancel();
  transfer_.reset();
  // What a stop still waits for is over when the reset is. Requests that it cancels stay marked as
  // in flight: the guest waits for them, and whoever serves it next does them again.
  target_.device.Reset([this] {
    was_reset_ = true;
    EndWhenQuiet();
  });
}

void VhostUserSession::EndWhenQuiet() {
  if (!was_reset_ || synchronising_ != 0) return;
  PLATTER_CHECK(rings_.stopping() == 0);
  rings_.ForgetAll();
  rings_.DropDescriptors();
  PLATTER_CHECK(target_.transport.SetMemory(nullptr).ok());
  table_.Clear();
  over_ = true;
  auto told = std::move(ended_);
  std::move(told)();
}

// --- How a message ends. ---

void VhostUserSession::Finish(const absl::Status& status) {
  if (ending_) return;
  if (!status.ok() && !wants_ack_) {
    return End(Annotate(status, NameOfRequest(request_)));
  }
  if (!status.ok()) LogRefused(status);
  // "VHOST_USER_PROTOCOL_F_REPLY_ACK": zero for success.
  if (wants_ack_) ReplyNumber(status.ok() ? 0 : 1);
}

void VhostUserSession::LogRefused(const absl::Status& status) {
  target_.log.Log(LogLevel::kWarning,
                  absl::StrCat("export '", target_.name, "': refused: ", NameOfRequest(request_),
                               ": ", MessageOf(status)),
                  target_.control.Now().time_since_epoch().count());
}

void VhostUserSession::Reply(std::span<const uint8_t> payload, OwnedDescriptor descriptor) {
  if (!ending_) stream_.SendReply(request_, payload, std::move(descriptor));
}

void VhostUserSession::ReplyNumber(uint64_t value) { ReplyStruct(value); }

void VhostUserSession::Wait() { stream_.Pause(); }

void VhostUserSession::Resume() {
  PollAsNeeded();
  if (!ending_) stream_.Resume();
}

void VhostUserSession::WithRingsStopped(Then then) {
  Wait();
  rings_.StopAll([this, next = std::move(then)]() mutable {
    if (ending_) return;
    const absl::Status status = std::move(next)();
    const absl::Status started = rings_.StartReady();
    // A ring that does not start again is worse than what was asked for.
    if (started.ok()) {
      Finish(status);
    } else {
      End(Annotate(started, NameOfRequest(request_)));
    }
    Resume();
  });
}

void VhostUserSession::StartAndFinish() {
  const absl::Status started = rings_.StartReady();
  if (!started.ok()) return End(Annotate(started, NameOfRequest(request_)));
  TellConfigChange();
  PollAsNeeded();
  Finish(absl::OkStatus());
}

void VhostUserSession::PollAsNeeded() {
  if (ending_ || !rings_.polls()) return poll_.Cancel();
  if (!poll_.armed()) poll_.ArmAfter(kPollPeriod);
}

// --- Messages. ---

void VhostUserSession::OnMessage(VhostUserMessage& message) {
  request_ = message.request;
  // "need_reply": of a message that has a reply of its own it changes nothing.
  wants_ack_ = (message.flags & kVhostUserNeedReply) != 0 &&
               (protocol_features_ & kVhostUserProtocolReplyAck) != 0;
  const absl::StatusOr<const RequestRule*> rule = CheckRequest(message, protocol_features_);
  if (!rule.ok()) return End(rule.status());
  Dispatch(message);
}

void VhostUserSession::Dispatch(VhostUserMessage& message) {
  switch (static_cast<R>(message.request)) {
    case R::kGetFeatures:
    case R::kSetFeatures:
    case R::kGetProtocolFeatures:
    case R::kSetProtocolFeatures:
    case R::kGetQueueNum:
    case R::kGetMaxMemSlots:
      return Negotiate(message);
    case R::kSetVringNum:
    case R::kSetVringAddr:
    case R::kSetVringBase:
    case R::kSetVringKick:
    case R::kSetVringCall:
    case R::kSetVringErr:
      return TellRing(message);
    case R::kGetVringBase:
    case R::kSetVringEnable:
      return RunRing(message);
    case R::kSetMemTable:
    case R::kAddMemReg:
    case R::kRemMemReg:
      return ChangeMemory(message);
    case R::kGetConfig:
    case R::kSetConfig:
    case R::kSetBackendReqFd:
      return Configure(message);
    case R::kGetStatus:
    case R::kSetStatus:
    case R::kResetDevice:
      return ChangeState(message);
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
    case R::kCheckDeviceState:
      return CheckDeviceState();
    default:
      // SET_OWNER, and RESET_OWNER, which is deprecated: "recommended that back-ends ignore this".
      return Finish(absl::OkStatus());
  }
}

void VhostUserSession::Negotiate(const VhostUserMessage& message) {
  switch (static_cast<R>(message.request)) {
    case R::kGetFeatures:
      return ReplyNumber(target_.transport.offered_features() | kVhostUserFProtocolFeatures |
                         kVhostFLogAll);
    case R::kSetFeatures:
      return SetFeatures(PayloadAs<uint64_t>(message));
    case R::kGetProtocolFeatures:
      return ReplyNumber(kServedProtocolFeatures);
    case R::kGetQueueNum:
      return ReplyNumber(target_.device.queue_count());
    case R::kGetMaxMemSlots:
      return ReplyNumber(MemoryTable::kMaxRegions);
    default:
      break;
  }
  const auto asked = PayloadAs<uint64_t>(message);
  if ((asked & ~kServedProtocolFeatures) != 0) {
    return End(absl::InvalidArgumentError(
        absl::StrCat(NameOfRequest(request_), ": 0x", absl::Hex(asked), " was not offered")));
  }
  // Whoever asks for an answer has the feature already, or has it from this message on.
  wants_ack_ = (message.flags & kVhostUserNeedReply) != 0 &&
               ((protocol_features_ | asked) & kVhostUserProtocolReplyAck) != 0;
  protocol_features_ = asked;
  Finish(absl::OkStatus());
}

void VhostUserSession::SetFeatures(uint64_t features) {
  if (features_set_ && features == features_) return Finish(absl::OkStatus());
  if (features_set_ && (features ^ features_) == kVhostFLogAll) {
    features_ = features;
    return ApplyLog(nullptr, [this] { Finish(absl::OkStatus()); });
  }
  WithRingsStopped([this, features]() -> absl::Status {
    PLATTER_RETURN_IF_ERROR(target_.transport.SetFeatures(DeviceFeatures(features)));
    features_ = features;
    features_set_ = true;
    table_.SetDirtyLog(WantedLog());
    // "Ring states": enabled from the start only when the feature was not negotiated.
    rings_.set_enabled_at_first((features & kVhostUserFProtocolFeatures) == 0);
    rings_.set_features(features);
    return absl::OkStatus();
  });
}

void VhostUserSession::OnConfigVector() {
  if (ending_) return;
  if (target_.transport.needs_reset()) {
    target_.log.Log(LogLevel::kWarning,
                    absl::StrCat("export '", target_.name,
                                 "': the driver broke a ring: it is not served until a reset"),
                    target_.control.Now().time_since_epoch().count());
    rings_.SignalErrors();
  }
  TellConfigChange();
}

void VhostUserSession::TellConfigChange() {
  // Some front-ends forget what they hear before the device is started; it is told then.
  if (!rings_.any_running()) return;
  const uint32_t generation = target_.transport.config_generation();
  if (ending_ || !generation_ || *generation_ == generation || backend_ == nullptr) return;
  generation_ = generation;
  backend_->TellConfigChange();
}

}  // namespace platter

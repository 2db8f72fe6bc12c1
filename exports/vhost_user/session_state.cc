// SPDX-License-Identifier: Apache-2.0
//
// A session's messages about the device's state, which goes to another back-end.

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "exports/vhost_user/payload.h"
#include "exports/vhost_user/session.h"

namespace platter {

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

// SPDX-License-Identifier: Apache-2.0
//
// A session's messages about rings and memory.

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "exports/vhost_user/payload.h"
#include "exports/vhost_user/session.h"

namespace platter {

using R = VhostUserRequest;

// --- Rings. ---

void VhostUserSession::TellRing(VhostUserMessage& message) {
  absl::Status status;
  switch (static_cast<R>(message.request)) {
    case R::kSetVringNum: {
      const auto state = PayloadAs<VhostUserVringState>(message);
      status = rings_.SetNum(state.index, state.num);
      break;
    }
    case R::kSetVringBase: {
      const auto state = PayloadAs<VhostUserVringState>(message);
      status = rings_.SetBase(state.index, state.num);
      break;
    }
    case R::kSetVringAddr:
      return SetVringAddr(PayloadAs<VhostUserVringAddr>(message));
    default:
      status = SetDescriptor(message);
      break;
  }
  if (!status.ok()) return End(Annotate(status, NameOfRequest(request_)));
  StartAndFinish();
}

void VhostUserSession::SetVringAddr(const VhostUserVringAddr& addr) {
  if (rings_.MovesLog(addr)) {
    return WithRingsStopped([this, addr]() -> absl::Status {
      PLATTER_RETURN_IF_ERROR(rings_.SetAddr(addr));
      table_.SetDirtyLog(WantedLog());
      return absl::OkStatus();
    });
  }
  const absl::Status status = rings_.SetAddr(addr);
  if (!status.ok()) return End(Annotate(status, NameOfRequest(request_)));
  ApplyLog(nullptr, [this] { StartAndFinish(); });
}

// SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR.
absl::Status VhostUserSession::SetDescriptor(VhostUserMessage& message) {
  const auto value = PayloadAs<uint64_t>(message);
  if ((value & ~(kVhostUserVringIndexMask | kVhostUserVringNoFd)) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("0x", absl::Hex(value), " has unknown bits"));
  }
  const bool none = (value & kVhostUserVringNoFd) != 0;
  if (none != message.descriptors.empty()) {
    return absl::InvalidArgumentError(none ? "it says that there is no descriptor, but there is"
                                           : "its descriptor is missing");
  }
  const auto index = static_cast<uint32_t>(value & kVhostUserVringIndexMask);
  const int fd = none ? -1 : message.descriptors[0].get();
  switch (static_cast<R>(message.request)) {
    case R::kSetVringKick:
      return rings_.SetKick(index, fd);
    case R::kSetVringCall:
      return rings_.SetCall(index, fd);
    default:
      return rings_.SetErr(index, none ? OwnedDescriptor() : std::move(message.descriptors[0]));
  }
}

void VhostUserSession::RunRing(const VhostUserMessage& message) {
  const auto state = PayloadAs<VhostUserVringState>(message);
  const absl::Status status = rings_.CheckIndex(state.index);
  if (!status.ok()) return End(Annotate(status, NameOfRequest(request_)));
  if (static_cast<R>(message.request) == R::kSetVringEnable) return SetVringEnable(state);
  GetVringBase(state.index);
}

void VhostUserSession::GetVringBase(uint32_t index) {
  Wait();
  rings_.StopOne(index, [this, index] {
    if (ending_) return;
    rings_.ForgetKick(index);
    MendWhenQuiet([this, index] {
      ReplyStruct(VhostUserVringState{.index = index, .num = rings_.base(index)});
      Resume();
    });
  });
}

void VhostUserSession::MendWhenQuiet(absl::AnyInvocable<void() &&> then) {
  if (!target_.transport.needs_reset() || rings_.any_running()) return std::move(then)();
  target_.device.Reset([this, next = std::move(then)]() mutable {
    if (ending_) return;
    if (inflight_ != nullptr) inflight_->Forget();
    // What was negotiated is still; the device just forgot it.
    if (features_set_ && !target_.transport.SetFeatures(DeviceFeatures(features_)).ok()) {
      features_set_ = false;
      rings_.set_features(std::nullopt);
    }
    std::move(next)();
  });
}

void VhostUserSession::SetVringEnable(const VhostUserVringState& state) {
  // Older front-ends send it without having acknowledged the feature bit that it belongs to.
  if (state.num > 1) {
    return End(absl::InvalidArgumentError(absl::StrCat(
        NameOfRequest(request_), ": ring ", state.index, ": ", state.num, " is neither 0 nor 1")));
  }
  const absl::Status status = rings_.SetEnabled(state.index, state.num == 1);
  if (!status.ok()) return End(Annotate(status, NameOfRequest(request_)));
  if (state.num == 1) return StartAndFinish();
  Wait();
  rings_.StopOne(state.index, [this] {
    if (ending_) return;
    Finish(absl::OkStatus());
    Resume();
  });
}

// --- Memory. ---

void VhostUserSession::ChangeMemory(VhostUserMessage& message) {
  switch (static_cast<R>(message.request)) {
    case R::kSetMemTable:
      return SetMemTable(message);
    case R::kAddMemReg:
      return AddMemory(message);
    default:
      break;
  }
  // A descriptor that came along is closed with the message.
  const auto single = PayloadAs<VhostUserSingleRegion>(message);
  WithRingsStopped([this, region = single.region]() -> absl::Status {
    PLATTER_RETURN_IF_ERROR(table_.Remove(region));
    return target_.transport.SetMemory(table_.memory());
  });
}

void VhostUserSession::AddMemory(VhostUserMessage& message) {
  const auto single = PayloadAs<VhostUserSingleRegion>(message);
  WithRingsStopped(
      [this, region = single.region, file = std::move(message.descriptors[0])]() -> absl::Status {
        PLATTER_RETURN_IF_ERROR(table_.Add(region, file));
        return target_.transport.SetMemory(table_.memory());
      });
}

void VhostUserSession::SetMemTable(VhostUserMessage& message) {
  const auto header = PayloadAs<VhostUserMemoryHeader>(message);
  // Front-ends with a fixed structure send more than they have regions.
  const size_t described =
      (message.payload.size() - sizeof(header)) / sizeof(VhostUserMemoryRegion);
  if ((message.payload.size() - sizeof(header)) % sizeof(VhostUserMemoryRegion) != 0 ||
      header.regions > described || header.regions != message.descriptors.size()) {
    return End(absl::InvalidArgumentError(absl::StrCat(
        NameOfRequest(request_), ": ", header.regions, " regions in ", message.payload.size(),
        " bytes with ", message.descriptors.size(), " file descriptors")));
  }
  struct Asked {
    std::array<VhostUserMemoryRegion, kVhostUserMaxTableRegions> regions;
    std::array<OwnedDescriptor, kVhostUserMaxTableRegions> files;
    uint32_t count = 0;
  };
  Asked asked = {.regions = {}, .files = {}, .count = header.regions};
  for (uint32_t i = 0; i < asked.count; ++i) {
    asked.regions[i] = PayloadAs<VhostUserMemoryRegion>(
        message, sizeof(header) + i * sizeof(VhostUserMemoryRegion));
    asked.files[i] = std::move(message.descriptors[i]);
  }
  WithRingsStopped([this, table = std::move(asked)]() -> absl::Status {
    PLATTER_RETURN_IF_ERROR(table_.Replace(std::span(table.regions).first(table.count),
                                           std::span(table.files).first(table.count)));
    return target_.transport.SetMemory(table_.memory());
  });
}

}  // namespace platter

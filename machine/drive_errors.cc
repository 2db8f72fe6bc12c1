// SPDX-License-Identifier: Apache-2.0
#include "machine/drive_errors.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {
namespace {

struct PolicyName {
  OnError policy;
  state::ErrorPolicy saved;
};
constexpr std::array<PolicyName, 6> kPolicies = {{
    {OnError::kReport, state::ERROR_POLICY_REPORT},
    {OnError::kIgnore, state::ERROR_POLICY_IGNORE},
    {OnError::kEnospc, state::ERROR_POLICY_ENOSPC},
    {OnError::kStop, state::ERROR_POLICY_STOP},
    {OnError::kStall, state::ERROR_POLICY_STALL},
    {OnError::kRetry, state::ERROR_POLICY_RETRY},
}};

struct StatusName {
  IoStatus status;
  state::IoStatus saved;
};
constexpr std::array<StatusName, 3> kStatuses = {{
    {IoStatus::kOk, state::IO_STATUS_OK},
    {IoStatus::kFailed, state::IO_STATUS_FAILED},
    {IoStatus::kNospace, state::IO_STATUS_NOSPACE},
}};

state::ErrorPolicy Saved(OnError policy) {
  const auto* const found = std::find_if(kPolicies.begin(), kPolicies.end(),
                                         [=](const auto& row) { return row.policy == policy; });
  return found == kPolicies.end() ? state::ERROR_POLICY_NONE : found->saved;
}

// kAuto: none of them.
OnError PolicyFrom(int saved) {
  const auto* const found = std::find_if(kPolicies.begin(), kPolicies.end(),
                                         [=](const auto& row) { return row.saved == saved; });
  return found == kPolicies.end() ? OnError::kAuto : found->policy;
}

const StatusName* FindStatus(int saved) {
  const auto* const found = std::find_if(kStatuses.begin(), kStatuses.end(),
                                         [=](const auto& row) { return row.saved == saved; });
  return found == kStatuses.end() ? nullptr : found;
}

ErrorPolicies PoliciesFrom(const state::ErrorPolicies& from) {
  // More than fits is too long all the same.
  constexpr uint64_t kMax = 2 * static_cast<uint64_t>(RetryPolicy::kMaxDelay.count());
  return {.read = PolicyFrom(from.read()),
          .write = PolicyFrom(from.write()),
          .retry = {.delay = Duration(std::min(from.retry_delay_ns(), kMax)),
                    .limit = from.retry_limit(),
                    .then = PolicyFrom(from.retry_action())}};
}

absl::Status Wrong(const state::MachineDevice& of, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("saved state: device '", of.id(), "': ", why));
}

}  // namespace

void SaveDriveErrors(const BlockErrorState& state, state::MachineDevice& to) {
  if (!state.changed_policies && state.iostatus == IoStatus::kOk && !state.stalled) return;
  state::DriveErrors& errors = *to.mutable_errors();
  errors.set_stalled(state.stalled);
  for (const StatusName& row : kStatuses) {
    if (row.status == state.iostatus) errors.set_io_status(row.saved);
  }
  if (!state.changed_policies) return;
  state::ErrorPolicies& policies = *errors.mutable_policies();
  policies.set_read(Saved(state.changed_policies->read));
  policies.set_write(Saved(state.changed_policies->write));
  const RetryPolicy& retry = state.changed_policies->retry;
  policies.set_retry_delay_ns(static_cast<uint64_t>(retry.delay.count()));
  policies.set_retry_limit(retry.limit);
  policies.set_retry_action(Saved(retry.then));
}

absl::Status CheckDriveErrors(const state::MachineDevice& from, const BlockBackend* drive) {
  if (!from.has_errors()) return absl::OkStatus();
  if (drive == nullptr) return Wrong(from, "it has no drive to have errors");
  const state::DriveErrors& errors = from.errors();
  if (FindStatus(errors.io_status()) == nullptr) {
    return Wrong(
        from, absl::StrCat("I/O status ", static_cast<int>(errors.io_status()), " is not known"));
  }
  if (!errors.has_policies()) return absl::OkStatus();
  const state::ErrorPolicies& policies = errors.policies();
  for (const int saved : {static_cast<int>(policies.read()), static_cast<int>(policies.write()),
                          static_cast<int>(policies.retry_action())}) {
    if (PolicyFrom(saved) == OnError::kAuto) {
      return Wrong(from, absl::StrCat("error policy ", saved, " is not known"));
    }
  }
  const absl::Status checked = drive->CheckErrorState({.changed_policies = PoliciesFrom(policies)});
  return checked.ok() ? checked : Wrong(from, MessageOf(checked));
}

BlockErrorState DriveErrorsFrom(const state::MachineDevice& from) {
  const state::DriveErrors& errors = from.errors();
  BlockErrorState state = {.iostatus = FindStatus(errors.io_status())->status,
                           .stalled = errors.stalled()};
  if (errors.has_policies()) state.changed_policies = PoliciesFrom(errors.policies());
  return state;
}

}  // namespace platter

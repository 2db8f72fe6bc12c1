// SPDX-License-Identifier: Apache-2.0
//
// The error policies of a backend: checked, set while it runs, saved and restored.

#include <chrono>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "blockbackend/backend_impl.h"

namespace platter {
namespace {

int64_t InMilliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

absl::Status CheckRetry(const ErrorPolicies& policies, const std::string& title) {
  const RetryPolicy& retry = policies.retry;
  if (retry.delay < RetryPolicy::kMinDelay || retry.delay > RetryPolicy::kMaxDelay) {
    return absl::InvalidArgumentError(absl::StrCat(
        title, ": a retry delay of ", InMilliseconds(retry.delay), " ms is not between ",
        InMilliseconds(RetryPolicy::kMinDelay), " and ", InMilliseconds(RetryPolicy::kMaxDelay)));
  }
  if (retry.limit > RetryPolicy::kMaxLimit) {
    return absl::InvalidArgumentError(absl::StrCat(title, ": a retry limit of ", retry.limit,
                                                   " is above ", RetryPolicy::kMaxLimit));
  }
  if (retry.then == OnError::kAuto || retry.then == OnError::kRetry) {
    return absl::InvalidArgumentError(absl::StrCat(title, ": the action after retries cannot be '",
                                                   OnErrorName(retry.then), "'"));
  }
  if (policies.read == OnError::kRetry && retry.then == OnError::kEnospc) {
    return absl::InvalidArgumentError(
        absl::StrCat(title, ": the action after retries of reads cannot be 'enospc'"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status BlockBackendImpl::CheckPolicies(const ErrorPolicies& policies,
                                             std::string_view title) {
  const std::string text(title);
  if (policies.read == OnError::kAuto || policies.write == OnError::kAuto) {
    return absl::InvalidArgumentError(
        absl::StrCat(text, ": 'auto' is an error policy of devices, not of block backends"));
  }
  if (policies.read == OnError::kEnospc) {
    return absl::InvalidArgumentError(
        absl::StrCat(text, ": the read error policy cannot be 'enospc'"));
  }
  return CheckRetry(policies, text);
}

absl::Status BlockBackendImpl::SetErrorPolicies(const ErrorPolicies& policies) {
  PLATTER_RETURN_IF_ERROR(CheckPolicies(policies, Title()));
  own_policies_ = policies;
  policies_changed_ = true;
  errors_.SetPolicies(policies);
  return absl::OkStatus();
}

absl::Status BlockBackendImpl::SetOnError(OnError read, OnError write) {
  return SetErrorPolicies({.read = read, .write = write, .retry = error_policies().retry});
}

BlockErrorState BlockBackendImpl::error_state() const {
  BlockErrorState state = {.iostatus = iostatus(), .stalled = stalled()};
  if (policies_changed_) state.changed_policies = error_policies();
  return state;
}

absl::Status BlockBackendImpl::CheckErrorState(const BlockErrorState& state) const {
  if (!state.changed_policies) return absl::OkStatus();
  return CheckPolicies(*state.changed_policies, Title());
}

void BlockBackendImpl::RestoreErrorState(const BlockErrorState& state) {
  if (state.changed_policies) SetErrorPolicies(*state.changed_policies).IgnoreError();
  errors_.SetIostatus(state.iostatus);
  // A reset on the way here is no reason to end what begins now.
  errors_.TakeDropped();
  if (state.stalled) BeginStall();
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// The I/O limits of a backend: its place in a throttle group. Its channels learn of it when they go
// on after a drained section; a change of limits alone reaches them through the group.

#include <utility>

#include "base/status.h"
#include "blockbackend/backend_impl.h"

namespace platter {

bool BlockBackendImpl::IsInThrottleGroup(const std::string& name) const {
  return throttle_ != nullptr && (name.empty() || throttle_->group()->name() == name);
}

std::shared_ptr<ThrottleGroup> BlockBackendImpl::ThrottleGroupNamed(const std::string& name) {
  if (IsInThrottleGroup(name)) return throttle_->group();
  const std::string& wanted = name.empty() ? name_ : name;
  // Without a name of its own it has a group of its own, which nobody else can name.
  if (wanted.empty()) return std::make_shared<ThrottleGroup>(wanted);
  return throttle_groups_.FindOrMake(wanted);
}

Task<absl::Status> BlockBackendImpl::SetIoThrottle(ThrottleConfig config, std::string group) {
  if (const absl::Status bad = CheckThrottleConfig(config); !bad.ok()) {
    co_return Annotate(bad, Title());
  }
  if (config.enabled() && IsInThrottleGroup(group)) {
    throttle_->group()->SetConfig(config, services_.control->Now());
    co_return absl::OkStatus();
  }
  if (!config.enabled() && throttle_ == nullptr) co_return absl::OkStatus();
  const ChangeSection section = co_await BeginChange();
  std::shared_ptr<ThrottleMember> member;
  if (config.enabled()) {
    const std::shared_ptr<ThrottleGroup> joined = ThrottleGroupNamed(group);
    joined->SetConfig(config, services_.control->Now());
    member = throttle_ != nullptr && throttle_->group() == joined
                 ? throttle_  // Another call was quicker.
                 : std::make_shared<ThrottleMember>(joined);
  }
  throttle_ = std::move(member);
  hub_.SetThrottle(throttle_);
  co_return absl::OkStatus();
}

ThrottleConfig BlockBackendImpl::io_throttle() const {
  return throttle_ == nullptr ? ThrottleConfig() : throttle_->group()->config();
}

std::optional<std::string> BlockBackendImpl::throttle_group() const {
  if (throttle_ == nullptr) return std::nullopt;
  return throttle_->group()->name();
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/backend_impl.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"

namespace platter {
namespace {

// What an empty drive tells its device.
constexpr NodeLimits kEmptyLimits;

std::string ErrorText(int error) {
  char buffer[128];
  return strerror_r(error, buffer, sizeof(buffer));
}

// Of a medium that nothing is said of, as the defaults of nodes are.
NodePolicy FirstPolicy(NodePolicy::DetectZeroes detect_zeroes) {
  const bool unmaps = detect_zeroes == NodePolicy::DetectZeroes::kUnmap;
  return {.discard = unmaps ? NodePolicy::Discard::kUnmap : NodePolicy::Discard::kIgnore,
          .detect_zeroes = detect_zeroes};
}

}  // namespace

BlockBackendImpl::BlockBackendImpl(const BackendServices& services, std::string name,
                                   const BackendOptions& options, ThrottleGroups& groups)
    : services_(services),
      throttle_groups_(groups),
      name_(std::move(name)),
      options_(options),
      edge_(*this, "root"),
      last_root_state_{.read_only = options.read_only,
                       .write_cache = options.write_cache,
                       .policy = FirstPolicy(options.detect_zeroes)},
      read_only_(options.read_only),
      errors_(services.run_state == nullptr ? StopSupport::kNo : StopSupport::kYes),
      hub_(*services.control, [this] { OnNews(); }) {
  errors_.SetPolicies(own_policies_);
  const ChannelServices channel_services = {
      .hub = &hub_, .errors = &errors_, .write_cache = &write_cache_, .stats = &stats_plan_};
  host_channel_ = std::make_unique<ChannelImpl>(channel_services, *services_.control, host_client_,
                                                ChannelKind::kHost);
  if (services_.run_state == nullptr) return;
  services_.run_state->AddListener(*this);
  if (!services_.run_state->running()) {
    stopped_ = true;
    hub_.SetHold(ChannelHub::Hold::kStop, ChannelHub::Switch::kOn);
  }
}

BlockBackendImpl::~BlockBackendImpl() {
  PLATTER_CHECK(!device_.has_value());
  if (services_.run_state != nullptr) services_.run_state->RemoveListener(*this);
  DeliverErrors();
  host_channel_.reset();
  if (edge_.child() != nullptr) edge_.Detach();
}

bool BlockBackendImpl::CanGo() const {
  // Whoever drains a node that it was a root of lets go of it himself, later.
  return drain_depth_ == 0 && host_requests_ == 0 && EdgeIsQuiet() &&
         &host_channel_->context() == services_.control;
}

Task<void> BlockBackendImpl::WindUp() {
  // Nobody is there any more to wait for what the limits hold up.
  if (throttle_ != nullptr) {
    co_await BeginDrain();
    hub_.SetThrottle(nullptr);
    EndDrain();
  }
  while (host_requests_ != 0) co_await Yield();
  // It is closed where it is.
  hub_.MoveFollowers(*services_.control);
  while (!hub_.FollowersArrived()) co_await news_.Wait();
  if (edge_.child() != nullptr) {
    DrainedSection drained = co_await DrainedSection::Begin(*edge_.child());
    edge_.Detach();
    // The section ends before the backend does; the root that it drained is this one.
  }
  // So do those of others.
  co_await AwaitUndrained();
}

void BlockBackendImpl::Dispose(std::unique_ptr<BlockBackendImpl> backend,
                               absl::AnyInvocable<void()> gone) {
  PLATTER_CHECK(!backend->device_.has_value());
  if (backend->CanGo()) {
    gone();
    return;
  }
  constexpr auto kFinish = [](std::unique_ptr<BlockBackendImpl> last,
                              absl::AnyInvocable<void()> then) -> Task<void> {
    co_await last->WindUp();
    then();
  };
  AioContext& control = *backend->services_.control;
  Spawn(control, kFinish(std::move(backend), std::move(gone)));
}

// --- Names. ---

std::string BlockBackendImpl::Title() const {
  if (!name_.empty()) return absl::StrCat("block backend '", name_, "'");
  if (!former_name_.empty()) return absl::StrCat("deleted block backend '", former_name_, "'");
  if (device_) return absl::StrCat("block backend of device '", device_->attachment.device_id, "'");
  return "anonymous block backend";
}

std::string BlockBackendImpl::Describe() const {
  if (!device_ || name_.empty()) return Title();
  return absl::StrCat(Title(), " (device '", device_->attachment.device_id, "')");
}

std::optional<std::string> BlockBackendImpl::attached_device() const {
  if (!device_) return std::nullopt;
  return device_->attachment.device_id;
}

// A drive that no device uses can change its medium at will.
bool BlockBackendImpl::removable() const {
  return !device_ || static_cast<bool>(device_->ops.change_media);
}
bool BlockBackendImpl::has_tray() const {
  return device_ && static_cast<bool>(device_->ops.is_tray_open);
}
bool BlockBackendImpl::lockable() const {
  return device_ && static_cast<bool>(device_->ops.is_medium_locked);
}

// --- Drain. ---

void BlockBackendImpl::Hold() {
  if (drain_depth_++ == 0) hub_.SetHold(ChannelHub::Hold::kDrain, ChannelHub::Switch::kOn);
}

Task<void> BlockBackendImpl::BeginDrain() {
  Hold();
  while (!hub_.Quiet(ChannelHub::Hold::kDrain) || root_uses_ != 0) co_await news_.Wait();
}

void BlockBackendImpl::EndDrain() {
  PLATTER_CHECK(drain_depth_ > 0);
  if (--drain_depth_ > 0) return;
  hub_.SetHold(ChannelHub::Hold::kDrain, ChannelHub::Switch::kOff);
  Pulse();
}

Task<void> BlockBackendImpl::AwaitUndrained() {
  while (drain_depth_ > 0) co_await news_.Wait();
}

void BlockBackendImpl::OnNews() {
  DeliverErrors();
  // The device gave up the last request that was kept, as by a reset.
  if (errors_.TakeDropped() && errors_.stalled() && hub_.Kept() == 0) EndStall();
  Pulse();
}

void BlockBackendImpl::Pulse() {
  news_.Set();
  news_.Reset();
}

// --- Errors. ---

void BlockBackendImpl::DeliverErrors() {
  const ErrorActions::Wanted wanted = errors_.Deliver([this](const ErrorActions::Failure& failure) {
    if (services_.events == nullptr) return;
    BlockIoErrorEvent event;
    event.backend = name_;
    if (device_) event.device_id = device_->attachment.device_id;
    if (root() != nullptr) event.node_name = root()->node_name();
    event.operation = failure.direction;
    event.action = failure.action;
    event.nospace = failure.error == ENOSPC;
    event.reason = ErrorText(failure.error);
    services_.events->OnBlockEvent(event);
  });
  // Unless what failed has gone on, or was given up, already.
  if (wanted.stall && hub_.Kept() > 0) BeginStall();
  if (wanted.stop) services_.run_state->RequestStop(StopReason::kIoError);
}

// --- The medium, as seen from outside. ---

bool BlockBackendImpl::MayWrite(const BlockNode& node) const {
  return !options_.read_only && !node.read_only();
}

bool BlockBackendImpl::LacksWritePermission() const {
  return device_ && device_->attachment.needs_write &&
         !edge_.options().permissions.used.Has(Permission::kWrite);
}

void BlockBackendImpl::PublishMedium() {
  const BlockNode* const node = root().get();
  const NodeLimits& limits = node == nullptr ? kEmptyLimits : node->limits();
  const bool read_only =
      node == nullptr ? last_root_state_.read_only : !MayWrite(*node) || LacksWritePermission();
  const bool medium = node != nullptr && node->HasMedium();
  inserted_.store(medium, std::memory_order_relaxed);
  length_.store(node == nullptr ? 0 : node->length(), std::memory_order_relaxed);
  read_only_.store(read_only, std::memory_order_relaxed);
  max_transfer_.store(limits.max_transfer, std::memory_order_relaxed);
  max_iov_.store(limits.max_iov, std::memory_order_relaxed);
  can_discard_.store(node != nullptr && !read_only && node->features().discard,
                     std::memory_order_relaxed);

  const ChannelMedium host = {
      .edge = medium ? &edge_ : nullptr, .block_mask = 0, .read_only = read_only};
  ChannelMedium device = host;
  if (TrayOpen()) device.edge = nullptr;
  if (device_) {
    device.block_mask = device_->attachment.guest_block_size - 1;
    device.read_only = read_only || !device_->attachment.needs_write;
  }
  hub_.SetMedium(device, host);
}

bool BlockBackendImpl::is_available() { return is_inserted() && !TrayOpen(); }

BackendBlockSizes BlockBackendImpl::probe_block_sizes() {
  if (root() == nullptr) return {};
  const std::optional<HostBlockSizes> sizes = root()->ProbeBlockSizes();
  if (!sizes) return {};
  return {.logical = sizes->logical, .physical = sizes->physical};
}

absl::Status BlockBackendImpl::NoMedium() const {
  return ErrorWithErrno(ENOMEDIUM, absl::StrCat(Title(), " has no medium"));
}

}  // namespace platter

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

}  // namespace

BlockBackendImpl::BlockBackendImpl(const BackendServices& services, std::string name,
                                   const BackendOptions& options)
    : services_(services),
      name_(std::move(name)),
      options_(options),
      edge_(*this, "root"),
      read_only_(options.read_only),
      write_cache_(options.write_cache),
      errors_(services.run_state == nullptr ? StopSupport::kNo : StopSupport::kYes),
      hub_(*services.control, [this] { OnNews(); }) {
  errors_.SetPolicy(own_read_error_, own_write_error_);
  const ChannelServices channel_services = {
      .hub = &hub_, .errors = &errors_, .write_cache = &write_cache_};
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

void BlockBackendImpl::Dispose(std::unique_ptr<BlockBackendImpl> backend,
                               absl::AnyInvocable<void()> gone) {
  PLATTER_CHECK(!backend->device_.has_value());
  if (backend->host_channel_->outstanding() == 0 && backend->EdgeIsQuiet()) {
    gone();
    return;
  }
  constexpr auto kFinish = [](std::unique_ptr<BlockBackendImpl> last,
                              absl::AnyInvocable<void()> then) -> Task<void> {
    while (last->host_channel_->outstanding() != 0) co_await Yield();
    if (last->edge_.child() != nullptr) {
      DrainedSection drained = co_await DrainedSection::Begin(*last->edge_.child());
      last->edge_.Detach();
      // The section ends before the backend does; the root that it drained is this one.
    }
    then();
  };
  AioContext& control = *backend->services_.control;
  Spawn(control, kFinish(std::move(backend), std::move(gone)));
}

// --- Names. ---

std::string BlockBackendImpl::Title() const {
  if (!name_.empty()) return absl::StrCat("block backend '", name_, "'");
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
  while (!hub_.Quiet(ChannelHub::Hold::kDrain) || edge_io_ != 0) co_await news_.Wait();
}

void BlockBackendImpl::EndDrain() {
  PLATTER_CHECK(drain_depth_ > 0);
  if (--drain_depth_ == 0) hub_.SetHold(ChannelHub::Hold::kDrain, ChannelHub::Switch::kOff);
}

void BlockBackendImpl::OnNews() {
  DeliverErrors();
  news_.Set();
  news_.Reset();
}

// --- Errors. ---

void BlockBackendImpl::DeliverErrors() {
  const bool stop = errors_.Deliver([this](const ErrorActions::Failure& failure) {
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
  if (stop) services_.run_state->RequestStop(StopReason::kIoError);
}

absl::Status BlockBackendImpl::CheckPolicies(OnError read, OnError write, std::string_view title) {
  const std::string text(title);
  if (read == OnError::kAuto || write == OnError::kAuto) {
    return absl::InvalidArgumentError(
        absl::StrCat(text, ": 'auto' is an error policy of devices, not of block backends"));
  }
  if (read == OnError::kEnospc) {
    return absl::InvalidArgumentError(
        absl::StrCat(text, ": the read error policy cannot be 'enospc'"));
  }
  return absl::OkStatus();
}

absl::Status BlockBackendImpl::SetOnError(OnError read, OnError write) {
  PLATTER_RETURN_IF_ERROR(CheckPolicies(read, write, Title()));
  own_read_error_ = read;
  own_write_error_ = write;
  errors_.SetPolicy(read, write);
  return absl::OkStatus();
}

// --- The medium, as seen from outside. ---

bool BlockBackendImpl::MayWrite(const BlockNode& node) const {
  return !options_.read_only && !node.read_only();
}

void BlockBackendImpl::PublishMedium() {
  const BlockNode* const node = root().get();
  const NodeLimits& limits = node == nullptr ? kEmptyLimits : node->limits();
  const bool read_only = node == nullptr ? options_.read_only : !MayWrite(*node);
  inserted_.store(node != nullptr, std::memory_order_relaxed);
  length_.store(node == nullptr ? 0 : node->length(), std::memory_order_relaxed);
  read_only_.store(read_only, std::memory_order_relaxed);
  max_transfer_.store(limits.max_transfer, std::memory_order_relaxed);
  max_iov_.store(limits.max_iov, std::memory_order_relaxed);
  can_discard_.store(node != nullptr && !read_only && node->features().discard,
                     std::memory_order_relaxed);

  const ChannelMedium host = {
      .edge = node == nullptr ? nullptr : &edge_, .block_mask = 0, .read_only = read_only};
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

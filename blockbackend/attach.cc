// SPDX-License-Identifier: Apache-2.0
//
// A device's attachment, and what it needs of the node below.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/check.h"
#include "base/status.h"
#include "blockbackend/backend_impl.h"

namespace platter {
namespace {

// Whether something in the subtree has another parent, whose requests this backend can't see.
bool IsShared(BlockNode& node) {
  if (node.parents().size() > 1) return true;
  const std::vector<Edge*> edges = node.children();
  return std::any_of(edges.begin(), edges.end(), [](const Edge* edge) {
    return edge->child() != nullptr && IsShared(*edge->child());
  });
}

absl::Status CheckAttachment(const DeviceAttachment& attachment) {
  if (!IsPowerOfTwo(attachment.guest_block_size)) {
    return absl::InvalidArgumentError(absl::StrCat("device '", attachment.device_id,
                                                   "': block size ", attachment.guest_block_size,
                                                   " is not a power of two"));
  }
  if (attachment.read_error == OnError::kEnospc) {
    return absl::InvalidArgumentError(
        absl::StrCat("device '", attachment.device_id, "': rerror cannot be 'enospc'"));
  }
  return absl::OkStatus();
}

ErrorPolicies Effective(const DeviceAttachment& device, const ErrorPolicies& of_backend) {
  const auto either = [](OnError of_device, OnError own) {
    return of_device == OnError::kAuto ? own : of_device;
  };
  return {.read = either(device.read_error, of_backend.read),
          .write = either(device.write_error, of_backend.write),
          .retry = device.retry.value_or(of_backend.retry)};
}

}  // namespace

EdgeOptions BlockBackendImpl::EdgeOptionsFor(const BlockNode& node) const {
  EdgeOptions options;
  if (!device_) {
    if (host_writes_) options.permissions.used = Permission::kWrite;
  } else {
    const DeviceAttachment& attachment = device_->attachment;
    options.permissions.used = Permission::kConsistentRead;
    options.permissions.shared = Permission::kConsistentRead | Permission::kWriteUnchanged;
    if (attachment.needs_write && MayWrite(node)) {
      options.permissions.used = options.permissions.used | Permission::kWrite;
    }
    if (attachment.handles_resize) {
      options.permissions.shared = options.permissions.shared | Permission::kResize;
    }
    if (attachment.share_writes) {
      options.permissions.shared = options.permissions.shared | Permission::kWrite;
    }
    // A promise is worth something only up to the node's alignment; a weaker one lets the host
    // write smaller pieces.
    options.granularity = std::min(attachment.guest_block_size, node.limits().request_alignment);
  }
  if (resizing_) options.permissions.used = options.permissions.used | Permission::kResize;
  return options;
}

bool BlockBackendImpl::EdgeIsQuiet() const {
  if (root() == nullptr) return true;
  // Whoever drains for a change drains the node's other parents too.
  if (drain_depth_ > 0 && hub_.Quiet(ChannelHub::Hold::kDrain)) return true;
  return hub_.InFlight() == 0 && hub_.DeviceChannels() == 0 && !IsShared(*root());
}

absl::Status BlockBackendImpl::Attach(const DeviceAttachment& attachment, BlockDevOps ops) {
  if (device_) {
    return ErrorWithErrno(EBUSY,
                          absl::StrCat("device '", attachment.device_id, "' cannot use ", Title(),
                                       ": device '", device_->attachment.device_id, "' uses it"));
  }
  PLATTER_RETURN_IF_ERROR(CheckAttachment(attachment));
  const ErrorPolicies policies = Effective(attachment, own_policies_);
  PLATTER_RETURN_IF_ERROR(
      CheckPolicies(policies, absl::StrCat("device '", attachment.device_id, "'")));
  const bool read_only = root() == nullptr ? options_.read_only : is_read_only();
  if (attachment.needs_write && read_only && !ops.change_media) {
    return ErrorWithErrno(
        EACCES, absl::StrCat("device '", attachment.device_id, "': ", Title(), " is read-only"));
  }
  if (!EdgeIsQuiet()) {
    return ErrorWithErrno(
        EBUSY, absl::StrCat("device '", attachment.device_id, "': node '", root()->node_name(),
                            "' of ", Title(), " is in use: attach in a drained section"));
  }
  device_.emplace(Device{.attachment = attachment, .ops = std::move(ops)});
  if (root() != nullptr) {
    absl::Status changed = GuestRuns() ? CheckActive(*root()) : absl::OkStatus();
    if (changed.ok()) changed = CheckMedium(root()->length());
    if (changed.ok()) changed = edge_.Change(EdgeOptionsFor(*root()));
    if (!changed.ok()) {
      device_.reset();
      return Annotate(changed, absl::StrCat("device '", attachment.device_id, "'"));
    }
  }
  host_writes_ = false;
  errors_.SetPolicies(policies);
  policies_changed_ = false;
  errors_.SetIostatusSupport(attachment.supports_iostatus ? ErrorActions::Iostatus::kOn
                                                          : ErrorActions::Iostatus::kOff);
  errors_.ResetIostatus();
  PublishMedium();
  return absl::OkStatus();
}

void BlockBackendImpl::Detach() {
  if (!device_) return;
  PLATTER_CHECK(hub_.DeviceChannels() == 0);
  DeliverErrors();
  device_.reset();
  LockMedium(false);
  if (hidden_ != nullptr) Spawn(*services_.control, LetGo(std::move(hidden_)));
  errors_.SetPolicies(own_policies_);
  if (stalled()) EndStall();
  errors_.SetIostatusSupport(ErrorActions::Iostatus::kOff);
  errors_.ResetIostatus();
  PublishMedium();
  RelaxEdge();
  news_notifiers_.Notify();
}

// Not from inside Detach: the device's owner may hold it by a plain reference.
Task<void> BlockBackendImpl::LetGo(std::shared_ptr<BlockBackendImpl>) { co_return; }

void BlockBackendImpl::RelaxEdge() {
  if (root() == nullptr) return;
  if (EdgeIsQuiet()) {
    // Giving up never fails.
    edge_.Change(EdgeOptionsFor(*root())).IgnoreError();
  } else {
    Spawn(*services_.control, RelaxEdgeLater(shared_from_this()));
  }
}

Task<void> BlockBackendImpl::RelaxEdgeLater(std::shared_ptr<BlockBackendImpl> self) {
  const ChangeSection section = co_await self->BeginChange();
  if (self->root() == nullptr) co_return;
  self->edge_.Change(self->EdgeOptionsFor(*self->root())).IgnoreError();
}

std::unique_ptr<BlockChannel> BlockBackendImpl::OpenChannel(AioContext& context,
                                                            ChannelClient& client) {
  PLATTER_CHECK(device_.has_value());
  const ChannelServices services = {
      .hub = &hub_, .errors = &errors_, .write_cache = &write_cache_, .stats = &stats_plan_};
  return std::make_unique<ChannelImpl>(services, context, client, ChannelKind::kDevice);
}

}  // namespace platter

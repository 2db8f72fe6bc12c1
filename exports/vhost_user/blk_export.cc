// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/blk_export.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/await.h"
#include "aio/unix_listener.h"
#include "base/check.h"
#include "base/status.h"

namespace platter {

namespace {

std::string NameOf(const VhostUserBlkOptions& options) {
  return absl::StrCat("vhost-user-blk export '", options.id, "'");
}

absl::Status Check(const VhostUserBlkOptions& options) {
  if (options.num_queues == 0 || options.num_queues > VhostUserBlkOptions::kMaxQueues) {
    return absl::InvalidArgumentError(absl::StrCat(NameOf(options), ": num-queues ",
                                                   options.num_queues, " is not between 1 and ",
                                                   VhostUserBlkOptions::kMaxQueues));
  }
  if (options.path.empty() == (options.listener.get() < 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat(NameOf(options), " needs the path of a socket or one that listens"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<VhostUserBlkExport>> VhostUserBlkExport::Create(
    VhostUserBlkOptions options, BlockDeviceView& backend, AioContext& control, LogSink& log) {
  PLATTER_RETURN_IF_ERROR(Check(options));
  // The constructor is private.
  auto made = std::unique_ptr<VhostUserBlkExport>(new VhostUserBlkExport(backend));
  BlockDeviceView& drive =
      options.writable ? backend : static_cast<BlockDeviceView&>(made->read_only_);
  // The device before the socket: a path is taken only when all else is right.
  auto device = VirtioBlk::Create({.id = options.id,
                                   .serial = options.serial,
                                   .logical_block_size = options.logical_block_size,
                                   .num_queues = options.num_queues,
                                   .queue_size = options.queue_size,
                                   // For front-ends to choose. Their queues are reset by messages.
                                   .ring = {.packed = true, .queue_reset = false},
                                   .iothreads = options.iothreads},
                                  drive, control);
  if (!device.ok()) return Annotate(device.status(), NameOf(options));
  if (options.writable && backend.is_read_only()) {
    return ErrorWithErrno(EACCES, absl::StrCat(NameOf(options),
                                               " is to be writable, but block "
                                               "backend '",
                                               backend.name(), "' is read-only"));
  }
  absl::StatusOr<UnixListener> listener = options.path.empty()
                                              ? UnixListener::Adopt(std::move(options.listener))
                                              : UnixListener::Listen(options.path);
  if (!listener.ok()) return Annotate(listener.status(), NameOf(options));
  made->device_ = *std::move(device);
  made->server_ = std::make_unique<VhostUserServer>(
      VhostUserServer::Options{.name = options.id, .sealed = options.sealed}, *std::move(listener),
      *made->device_, control, log);
  return made;
}

VhostUserBlkExport::~VhostUserBlkExport() = default;

Task<void> VhostUserBlkExport::Close() {
  co_await server_->Close();
  Completion<bool> unplugged;
  device_->Unplug([&unplugged] { unplugged.Complete(true); });
  co_await unplugged;
}

}  // namespace platter

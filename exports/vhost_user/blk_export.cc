// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/blk_export.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {

absl::StatusOr<std::unique_ptr<VhostUserBlkExport>> VhostUserBlkExport::Create(
    VhostUserBlkOptions options, BlockDeviceView& backend, AioContext& control, LogSink& log) {
  const std::string title = absl::StrCat("vhost-user-blk export '", options.id, "'");
  Socket socket = {.path = std::move(options.path), .listener = std::move(options.listener)};
  PLATTER_RETURN_IF_ERROR(CheckCommon(
      title, socket, {.asked = options.num_queues, .most = VhostUserBlkOptions::kMaxQueues}));
  if (options.writable) PLATTER_RETURN_IF_ERROR(CheckWritable(title, backend));
  // The constructor is private.
  auto made = std::unique_ptr<VhostUserBlkExport>(new VhostUserBlkExport(backend));
  BlockDeviceView& drive =
      options.writable ? backend : static_cast<BlockDeviceView&>(made->read_only_);
  auto device = VirtioBlk::Create({.id = options.id,
                                   .serial = options.serial,
                                   .logical_block_size = options.logical_block_size,
                                   .num_queues = options.num_queues,
                                   .queue_size = options.queue_size,
                                   .seg_max = SegMax(options.queue_size, kVirtioBlkOverhead),
                                   .ring = kRing,
                                   .iothreads = options.iothreads},
                                  drive, control);
  if (!device.ok()) return Annotate(device.status(), title);
  made->device_ = *std::move(device);
  PLATTER_RETURN_IF_ERROR(made->Serve(title, std::move(socket),
                                      {.name = options.id, .sealed = options.sealed},
                                      *made->device_, control, log));
  return made;
}

VhostUserBlkExport::~VhostUserBlkExport() = default;

}  // namespace platter

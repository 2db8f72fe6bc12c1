// SPDX-License-Identifier: Apache-2.0

#include "machine/virtio_blk_config.h"

#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "config/proto/device.pb.h"

namespace platter {
namespace {

OnError PolicyFrom(config::ErrorPolicy policy) {
  switch (policy) {
    case config::ERROR_POLICY_REPORT:
      return OnError::kReport;
    case config::ERROR_POLICY_IGNORE:
      return OnError::kIgnore;
    case config::ERROR_POLICY_ENOSPC:
      return OnError::kEnospc;
    case config::ERROR_POLICY_STOP:
      return OnError::kStop;
    default:
      return OnError::kAuto;
  }
}

// Queues of entries that name none are dealt out in turn over all entries (QEMU's
// iothread-vq-mapping); otherwise every queue must be named once.
absl::Status MapQueues(const config::VirtioBlkOptions& message, const std::string& id,
                       FindIoContextFn find_context, VirtioBlkOptions& options) {
  std::vector<AioContext*> by_entry;
  bool named = false;
  for (const config::IoThreadVqMapping& entry : message.iothread_vq_mapping()) {
    absl::StatusOr<AioContext*> context = find_context(entry.iothread());
    if (!context.ok()) return Annotate(context.status(), absl::StrCat("device '", id, "'"));
    by_entry.push_back(*context);
    named = named || entry.vqs_size() > 0;
  }
  if (!named) {
    options.iothreads = by_entry;
    return absl::OkStatus();
  }
  options.iothreads.assign(options.num_queues, nullptr);
  for (int i = 0; i < message.iothread_vq_mapping_size(); ++i) {
    for (const uint32_t queue : message.iothread_vq_mapping(i).vqs()) {
      if (queue >= options.num_queues || options.iothreads[queue] != nullptr) {
        return ErrorWithErrno(
            EINVAL,
            absl::StrCat("device '", id, "': iothread-vq-mapping: queue ", queue,
                         queue >= options.num_queues ? " does not exist" : " is mapped twice"));
      }
      options.iothreads[queue] = by_entry[i];
    }
  }
  for (uint32_t queue = 0; queue < options.num_queues; ++queue) {
    if (options.iothreads[queue] == nullptr) {
      return ErrorWithErrno(EINVAL, absl::StrCat("device '", id, "': iothread-vq-mapping: queue ",
                                                 queue, " has no iothread"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VirtioBlkOptions> VirtioBlkOptionsFrom(const config::VirtioBlkOptions& message,
                                                      const std::string& id,
                                                      FindIoContextFn find_context) {
  VirtioBlkOptions options;
  options.id = id;
  options.serial = message.serial();
  // Unset: the device asks the medium. The configuration's own default is for its help text.
  options.logical_block_size = message.logical_block_size();
  options.physical_block_size = message.physical_block_size();
  options.min_io_size = message.min_io_size();
  options.opt_io_size = message.opt_io_size();
  if (message.has_discard_granularity()) {
    options.discard_granularity = message.discard_granularity();
  }
  if (message.write_cache() != config::ON_OFF_AUTO_AUTO) {
    options.write_cache = message.write_cache() == config::ON_OFF_AUTO_ON;
  }
  options.share_rw = message.share_rw();
  options.rerror = PolicyFrom(message.rerror());
  options.werror = PolicyFrom(message.werror());
  options.num_queues = message.num_queues();
  options.queue_size = message.queue_size();
  if (message.has_iothread() && message.iothread_vq_mapping_size() > 0) {
    return ErrorWithErrno(EINVAL, absl::StrCat("device '", id,
                                               "': iothread and iothread-vq-mapping exclude each "
                                               "other"));
  }
  if (message.has_iothread()) {
    absl::StatusOr<AioContext*> context = find_context(message.iothread());
    if (!context.ok()) return Annotate(context.status(), absl::StrCat("device '", id, "'"));
    options.iothreads = {*context};
  }
  if (message.iothread_vq_mapping_size() > 0) {
    PLATTER_RETURN_IF_ERROR(MapQueues(message, id, find_context, options));
  }
  return options;
}

}  // namespace platter

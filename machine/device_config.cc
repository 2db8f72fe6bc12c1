// SPDX-License-Identifier: Apache-2.0

#include "machine/device_config.h"

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {
namespace {

template <typename Message>
BlockStatsOptions StatsOptionsOf(const Message& message) {
  BlockStatsOptions options;
  for (const uint32_t seconds : message.stats_intervals()) {
    options.intervals.push_back(std::chrono::seconds(seconds));
  }
  options.account_failed = OnOffFrom(message.account_failed()).value_or(true);
  options.account_invalid = OnOffFrom(message.account_invalid()).value_or(true);
  return options;
}

template <typename Message>
VirtioRingOptions RingOptionsFrom(const Message& message) {
  return {.packed = message.packed(),
          .in_order = message.in_order(),
          .queue_reset = message.queue_reset(),
          .notification_data = message.notification_data()};
}

}  // namespace

BlockStatsOptions StatsOptionsFrom(const config::DeviceOptions& message) {
  switch (message.variant_case()) {
    case config::DeviceOptions::kVirtioBlk:
      return StatsOptionsOf(message.virtio_blk());
    case config::DeviceOptions::kIdeHd:
      return StatsOptionsOf(message.ide_hd());
    case config::DeviceOptions::kIdeCd:
      return StatsOptionsOf(message.ide_cd());
    case config::DeviceOptions::kScsiHd:
      return StatsOptionsOf(message.scsi_hd());
    case config::DeviceOptions::kScsiCd:
      return StatsOptionsOf(message.scsi_cd());
    default:
      return {};
  }
}

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
  options.write_cache = OnOffFrom(message.write_cache());
  options.share_rw = message.share_rw();
  options.rerror = OnErrorFrom(message.rerror());
  options.werror = OnErrorFrom(message.werror());
  options.retry = RetryFrom(message);
  options.num_queues = message.num_queues();
  options.queue_size = message.queue_size();
  options.ring = RingOptionsFrom(message);
  absl::StatusOr<std::vector<AioContext*>> threads = IoThreadsFrom(
      message.iothread(), message.iothread_vq_mapping(), message.num_queues(), find_context);
  if (!threads.ok()) return Annotate(threads.status(), absl::StrCat("device '", id, "'"));
  options.iothreads = *std::move(threads);
  return options;
}

AtaDiskOptions AtaDiskOptionsFrom(const config::IdeHdOptions& message, const std::string& id) {
  AtaDiskOptions options;
  options.id = id;
  options.serial = message.serial();
  options.model = message.model();
  options.ver = message.ver();
  options.wwn = message.wwn();
  options.rotation_rate = static_cast<uint16_t>(message.rotation_rate());
  options.physical_block_size = message.physical_block_size();
  options.write_cache = OnOffFrom(message.write_cache());
  options.share_rw = message.share_rw();
  options.rerror = OnErrorFrom(message.rerror());
  options.werror = OnErrorFrom(message.werror());
  options.retry = RetryFrom(message);
  return options;
}

AtapiCdOptions AtapiCdOptionsFrom(const config::IdeCdOptions& message, const std::string& id) {
  AtapiCdOptions options;
  options.id = id;
  options.serial = message.serial();
  options.model = message.model();
  options.ver = message.ver();
  options.wwn = message.wwn();
  options.rerror = OnErrorFrom(message.rerror());
  options.retry = RetryFrom(message);
  return options;
}

absl::StatusOr<VirtioScsiOptions> VirtioScsiOptionsFrom(const config::VirtioScsiOptions& message,
                                                        const std::string& id,
                                                        FindIoContextFn find_context) {
  VirtioScsiOptions options;
  options.id = id;
  options.num_queues = message.num_queues();
  options.queue_size = message.virtqueue_size();
  options.ring = RingOptionsFrom(message);
  absl::StatusOr<std::vector<AioContext*>> threads = IoThreadsFrom(
      message.iothread(), message.iothread_vq_mapping(), message.num_queues(), find_context);
  if (!threads.ok()) return Annotate(threads.status(), absl::StrCat("device '", id, "'"));
  options.iothreads = *std::move(threads);
  return options;
}

ScsiDiskOptions ScsiDiskOptionsFrom(const config::ScsiHdOptions& message, const std::string& id) {
  ScsiDiskOptions options;
  options.id = id;
  options.serial = message.serial();
  options.vendor = message.vendor();
  options.product = message.product();
  options.version = message.ver();
  options.device_id = message.device_id();
  options.wwn = message.wwn();
  // Unset: the unit asks the medium.
  options.logical_block_size = message.logical_block_size();
  options.physical_block_size = message.physical_block_size();
  options.min_io_size = message.min_io_size();
  options.opt_io_size = message.opt_io_size();
  if (message.has_discard_granularity()) {
    options.discard_granularity = message.discard_granularity();
  }
  options.rotation_rate = static_cast<uint16_t>(message.rotation_rate());
  options.share_rw = message.share_rw();
  options.rerror = OnErrorFrom(message.rerror());
  options.werror = OnErrorFrom(message.werror());
  options.retry = RetryFrom(message);
  return options;
}

ScsiCdOptions ScsiCdOptionsFrom(const config::ScsiCdOptions& message, const std::string& id) {
  ScsiCdOptions options;
  options.id = id;
  options.serial = message.serial();
  options.vendor = message.vendor();
  options.product = message.product();
  options.version = message.ver();
  options.wwn = message.wwn();
  options.rerror = OnErrorFrom(message.rerror());
  options.retry = RetryFrom(message);
  return options;
}

}  // namespace platter

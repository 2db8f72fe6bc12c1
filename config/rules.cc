// SPDX-License-Identifier: Apache-2.0

#include "config/rules.h"

#include <cstdint>
#include <limits>
#include <string_view>

#include "google/protobuf/message.h"

#include "base/status.h"
#include "config/error.h"
#include "config/export_rules.h"
#include "config/machine_rules.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"
#include "config/queue_rules.h"
#include "config/scalar.h"

namespace platter {
namespace {

constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();

// virtio 1.2, 5.2.4, and SBC-3, 6.5.3: what the guest is told is 16 bits wide, in logical blocks.
constexpr uint32_t kMaxMinIoBlocks = 0xFFFF;

constexpr uint32_t kMinRotationRate = 0x0401;

absl::Status Fail(const std::string& path, std::string_view option, std::string_view what) {
  return ConfigError(JoinPath(path, option), what);
}

// 0 means "not given", for both.
absl::Status CheckMultiple(const std::string& path, std::string_view option, uint64_t value,
                           std::string_view of, uint64_t unit) {
  if (value == 0 || unit == 0 || value % unit == 0) return absl::OkStatus();
  return Fail(path, option,
              std::to_string(value) + " is not a multiple of " + std::string(of) + " (" +
                  std::to_string(unit) + ")");
}

// What a node has, said by itself or not.
struct NodeSettings {
  bool direct = false;
  config::Discard discard = config::DISCARD_IGNORE;
};

absl::Status CheckNode(const std::string& path, const config::BlockdevOptions& node,
                       const NodeSettings& settings) {
  if (node.detect_zeroes() == config::DETECT_ZEROES_UNMAP &&
      settings.discard != config::DISCARD_UNMAP) {
    return Fail(path, "detect-zeroes", "unmap needs discard=unmap");
  }
  const bool is_file = node.has_file() || node.has_host_device();
  const config::FileDriverOptions& file = node.has_file() ? node.file() : node.host_device();
  if (is_file && file.aio() == config::FILE_AIO_NATIVE && !settings.direct) {
    return Fail(path, "aio", "native needs cache.direct=on");
  }
  return absl::OkStatus();
}

// The node, and those nested in it with what they take from above (blockdev.proto).
absl::Status CheckBlockdev(std::string path, const config::BlockdevOptions& outermost) {
  NodeSettings settings;
  const config::BlockdevOptions* node = &outermost;
  for (;;) {
    if (node->cache().has_direct()) settings.direct = node->cache().direct();
    if (node->has_discard()) settings.discard = node->discard();
    PLATTER_RETURN_IF_ERROR(CheckNode(path, *node, settings));
    const bool is_blkdebug = node->has_blkdebug();
    const config::BlockdevRef& below = is_blkdebug ? node->blkdebug().image() : node->raw().file();
    if (!below.has_definition()) return absl::OkStatus();
    path = JoinPath(path, is_blkdebug ? "image" : "file");
    node = &below.definition();
    settings.discard = config::DISCARD_UNMAP;
  }
}

absl::Status CheckRaw(const std::string& path, const config::RawDriverOptions& raw) {
  if (raw.has_size() && raw.size() > kMaxOffset - raw.offset()) {
    return Fail(path, "size", "offset and size together go beyond the largest offset, 2^63-1");
  }
  return absl::OkStatus();
}

absl::Status CheckBlkdebug(const std::string& path, const config::BlkdebugDriverOptions& node) {
  const uint64_t align = node.align();
  PLATTER_RETURN_IF_ERROR(CheckMultiple(path, "max-transfer", node.max_transfer(), "align", align));
  PLATTER_RETURN_IF_ERROR(
      CheckMultiple(path, "opt-write-zero", node.opt_write_zero(), "align", align));
  PLATTER_RETURN_IF_ERROR(
      CheckMultiple(path, "max-write-zero", node.max_write_zero(), "align", align));
  PLATTER_RETURN_IF_ERROR(CheckMultiple(path, "max-write-zero", node.max_write_zero(),
                                        "opt-write-zero", node.opt_write_zero()));
  PLATTER_RETURN_IF_ERROR(CheckMultiple(path, "opt-discard", node.opt_discard(), "align", align));
  PLATTER_RETURN_IF_ERROR(CheckMultiple(path, "max-discard", node.max_discard(), "align", align));
  return CheckMultiple(path, "max-discard", node.max_discard(), "opt-discard", node.opt_discard());
}

absl::Status CheckInjectError(const std::string& path, const config::BlkdebugInjectError& rule) {
  if (rule.has_sector() && rule.has_x_offset()) {
    return Fail(path, "x-offset", "sector is given already; it takes one or the other");
  }
  if (rule.has_x_bytes() && !rule.has_x_offset()) {
    return Fail(path, "x-bytes", "needs x-offset");
  }
  if (rule.has_x_bytes() && rule.x_bytes() > kMaxOffset - rule.x_offset()) {
    return Fail(path, "x-bytes", "the range goes beyond the largest offset, 2^63-1");
  }
  if (rule.has_x_count() && rule.once()) {
    return Fail(path, "x-count", "once is on already; it takes one or the other");
  }
  return absl::OkStatus();
}

// Of virtio-blk and scsi-hd.
template <typename Device>
absl::Status CheckBlockSizes(const std::string& path, const Device& device) {
  const uint32_t block = device.logical_block_size();
  // The device asks the drive, and compares then.
  if (block == 0) return absl::OkStatus();
  if (device.has_physical_block_size() && device.physical_block_size() < block) {
    return Fail(path, "physical_block_size",
                std::to_string(device.physical_block_size()) +
                    " is less than logical_block_size (" + std::to_string(block) + ")");
  }
  PLATTER_RETURN_IF_ERROR(
      CheckMultiple(path, "min_io_size", device.min_io_size(), "logical_block_size", block));
  PLATTER_RETURN_IF_ERROR(
      CheckMultiple(path, "opt_io_size", device.opt_io_size(), "logical_block_size", block));
  PLATTER_RETURN_IF_ERROR(CheckMultiple(path, "discard_granularity", device.discard_granularity(),
                                        "logical_block_size", block));
  if (device.min_io_size() / block > kMaxMinIoBlocks) {
    return Fail(path, "min_io_size",
                "must not be more than " + FormatSize(uint64_t{kMaxMinIoBlocks} * block) + ", " +
                    std::to_string(kMaxMinIoBlocks) + " logical blocks");
  }
  return absl::OkStatus();
}

// What only disks have.
template <typename Device>
config::ErrorPolicy WriteErrorOf(const Device& device) {
  if constexpr (requires { device.werror(); }) return device.werror();
  return config::ERROR_POLICY_AUTO;
}

template <typename Device>
absl::Status CheckRetry(const std::string& path, const Device& device) {
  const bool reads = device.rerror() == config::ERROR_POLICY_RETRY;
  if (reads && device.x_retry_action() == config::RETRY_ACTION_ENOSPC) {
    return Fail(path, "x-retry-action", "enospc is only for writes, and rerror is retry");
  }
  if (reads || WriteErrorOf(device) == config::ERROR_POLICY_RETRY) return absl::OkStatus();
  constexpr char kWhy[] = "needs the error policy retry";
  if (device.has_x_retry_delay()) return Fail(path, "x-retry-delay", kWhy);
  if (device.has_x_retry_limit()) return Fail(path, "x-retry-limit", kWhy);
  if (device.has_x_retry_action()) return Fail(path, "x-retry-action", kWhy);
  return absl::OkStatus();
}

// Of virtio-blk and virtio-scsi.
template <typename Device>
absl::Status CheckQueues(const std::string& path, const Device& device) {
  return CheckVqMapping(path, device.has_iothread(), device.iothread_vq_mapping(),
                        device.num_queues());
}

absl::Status CheckVirtioBlk(const std::string& path, const config::VirtioBlkOptions& device) {
  PLATTER_RETURN_IF_ERROR(CheckRetry(path, device));
  PLATTER_RETURN_IF_ERROR(CheckBlockSizes(path, device));
  return CheckQueues(path, device);
}

// ACS-2, 7.16.7.86, and SBC-3, 6.5.3: what a rate may be.
template <typename Device>
absl::Status CheckRotationRate(const std::string& path, const Device& device) {
  const uint32_t rate = device.rotation_rate();
  if (rate <= 1 || rate >= kMinRotationRate) return absl::OkStatus();
  return Fail(path, "rotation_rate",
              std::to_string(rate) + " is neither 0 nor 1 nor at least " +
                  std::to_string(kMinRotationRate));
}

absl::Status CheckScsiHd(const std::string& path, const config::ScsiHdOptions& device) {
  if (!device.has_drive() && !device.removable()) {
    return Fail(path, "drive", "missing: only a disk with removable=on can be empty");
  }
  PLATTER_RETURN_IF_ERROR(CheckRotationRate(path, device));
  PLATTER_RETURN_IF_ERROR(CheckRetry(path, device));
  return CheckBlockSizes(path, device);
}

}  // namespace

absl::Status CheckRules(const std::string& path, const google::protobuf::Message& message,
                        RulePlace place) {
  using google::protobuf::DynamicCastToGenerated;
  if (const auto* m = DynamicCastToGenerated<const config::BlockdevOptions>(&message)) {
    return place == RulePlace::kWrittenOut ? absl::OkStatus() : CheckBlockdev(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::RawDriverOptions>(&message)) {
    return CheckRaw(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::BlkdebugDriverOptions>(&message)) {
    return CheckBlkdebug(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::BlkdebugInjectError>(&message)) {
    return CheckInjectError(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::VirtioBlkOptions>(&message)) {
    return CheckVirtioBlk(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::VirtioScsiOptions>(&message)) {
    return CheckQueues(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::IdeHdOptions>(&message)) {
    PLATTER_RETURN_IF_ERROR(CheckRotationRate(path, *m));
    return CheckRetry(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::IdeCdOptions>(&message)) {
    return CheckRetry(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::ScsiHdOptions>(&message)) {
    return CheckScsiHd(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::ScsiCdOptions>(&message)) {
    return CheckRetry(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::BlockExportOptions>(&message)) {
    return CheckExport(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::VhostUserScsiExportOptions>(&message)) {
    return CheckLuns(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::SocketChardevOptions>(&message)) {
    return CheckSocketChardev(path, *m);
  }
  if (const auto* m = DynamicCastToGenerated<const config::MachineConfig>(&message)) {
    return CheckMachine(path, *m);
  }
  return absl::OkStatus();
}

}  // namespace platter

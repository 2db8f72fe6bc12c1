// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/virtio_blk_options.h"

#include <algorithm>

#include "base/arith.h"
#include "base/id.h"
#include "base/status.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

constexpr uint32_t kMaxBlockSize = 2 * kMiB;
// 5.2.4: min_io_size is a 16-bit number of blocks.
constexpr uint32_t kMaxMinIoBlocks = UINT16_MAX;
// A header, a status and at least two pieces of data.
constexpr uint32_t kMinQueueSize = 4;

class Checker {
 public:
  explicit Checker(const VirtioBlkOptions& options) : options_(options) {}

  absl::Status Check() const {
    const VirtioBlkOptions& o = options_;
    PLATTER_RETURN_IF_ERROR(CheckId("device", o.id));
    if (o.serial.size() > kVirtioBlkIdBytes) {
      return Bad("serial '" + o.serial + "' is longer than " + std::to_string(kVirtioBlkIdBytes) +
                 " bytes");
    }
    PLATTER_RETURN_IF_ERROR(CheckBlockSize("logical_block_size", o.logical_block_size));
    PLATTER_RETURN_IF_ERROR(CheckBlockSize("physical_block_size", o.physical_block_size));
    if (o.physical_block_size < o.logical_block_size) {
      return Bad("physical_block_size " + std::to_string(o.physical_block_size) +
                 " is below logical_block_size " + std::to_string(o.logical_block_size));
    }
    PLATTER_RETURN_IF_ERROR(CheckMultiple("min_io_size", o.min_io_size));
    if (o.min_io_size / o.logical_block_size > kMaxMinIoBlocks) {
      return Bad("min_io_size " + std::to_string(o.min_io_size) + " is above " +
                 std::to_string(kMaxMinIoBlocks) + " logical blocks");
    }
    PLATTER_RETURN_IF_ERROR(CheckMultiple("opt_io_size", o.opt_io_size));
    if (o.discard_granularity) {
      PLATTER_RETURN_IF_ERROR(CheckMultiple("discard_granularity", *o.discard_granularity));
    }
    if (o.rerror == OnError::kEnospc) return Bad("rerror 'enospc' is only for writes");
    if (o.num_queues == 0 || o.num_queues > kVirtioBlkMaxQueues) {
      return Bad("num-queues " + std::to_string(o.num_queues) + " is not between 1 and " +
                 std::to_string(kVirtioBlkMaxQueues));
    }
    if (!IsPowerOfTwo(o.queue_size) || o.queue_size < kMinQueueSize ||
        o.queue_size > kVirtqMaxSize) {
      return Bad("queue-size " + std::to_string(o.queue_size) + " is not a power of two between " +
                 std::to_string(kMinQueueSize) + " and " + std::to_string(kVirtqMaxSize));
    }
    if (o.seg_max == 0 || o.seg_max > o.queue_size - kVirtioBlkOverhead) {
      return Bad("seg_max " + std::to_string(o.seg_max) + " is not between 1 and queue-size - " +
                 std::to_string(kVirtioBlkOverhead) + ", " +
                 std::to_string(o.queue_size - kVirtioBlkOverhead));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Bad(const std::string& what) const {
    return absl::InvalidArgumentError("virtio-blk device '" + options_.id + "': " + what);
  }

  absl::Status CheckBlockSize(const std::string& name, uint32_t value) const {
    if (IsPowerOfTwo(value) && value >= kSectorSize && value <= kMaxBlockSize) {
      return absl::OkStatus();
    }
    return Bad(name + " " + std::to_string(value) + " is not a power of two between " +
               std::to_string(kSectorSize) + " and " + std::to_string(kMaxBlockSize));
  }

  absl::Status CheckMultiple(const std::string& name, uint32_t value) const {
    if (value % options_.logical_block_size == 0) return absl::OkStatus();
    return Bad(name + " " + std::to_string(value) + " is not a multiple of logical_block_size " +
               std::to_string(options_.logical_block_size));
  }

  const VirtioBlkOptions& options_;
};

}  // namespace

VirtioBlkOptions ResolveVirtioBlkOptions(VirtioBlkOptions options, const BackendBlockSizes& probed,
                                         bool write_cache) {
  if (options.logical_block_size == 0) options.logical_block_size = probed.logical;
  if (options.physical_block_size == 0) {
    options.physical_block_size = std::max(options.logical_block_size, probed.physical);
  }
  if (!options.discard_granularity) options.discard_granularity = options.logical_block_size;
  if (!options.write_cache) options.write_cache = write_cache;
  // Of a size that is refused later it would be no number.
  if (options.seg_max == 0 && options.queue_size > kVirtioBlkOverhead) {
    options.seg_max = options.queue_size - kVirtioBlkOverhead;
  }
  return options;
}

absl::Status CheckVirtioBlkOptions(const VirtioBlkOptions& options) {
  return Checker(options).Check();
}

}  // namespace platter

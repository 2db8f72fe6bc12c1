// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio_scsi/virtio_scsi_options.h"

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/id.h"
#include "base/status.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

constexpr uint32_t kMinQueueSize = 4;

}  // namespace

absl::Status CheckVirtioScsiOptions(const VirtioScsiOptions& options) {
  PLATTER_RETURN_IF_ERROR(CheckId("device", options.id));
  const std::string device = absl::StrCat("virtio-scsi device '", options.id, "': ");
  if (options.num_queues == 0 || options.num_queues > kVirtioScsiMaxQueues) {
    return absl::InvalidArgumentError(absl::StrCat(device, "num-queues ", options.num_queues,
                                                   " is not between 1 and ", kVirtioScsiMaxQueues));
  }
  if (!IsPowerOfTwo(options.queue_size) || options.queue_size < kMinQueueSize ||
      options.queue_size > kVirtqMaxSize) {
    return absl::InvalidArgumentError(absl::StrCat(device, "queue-size ", options.queue_size,
                                                   " is not a power of two between ", kMinQueueSize,
                                                   " and ", kVirtqMaxSize));
  }
  const uint32_t most = options.queue_size - kVirtioScsiOverhead;
  if (options.seg_max > most) {
    return absl::InvalidArgumentError(absl::StrCat(
        device, "seg-max ", options.seg_max, " is more than queue-size has room for, ", most));
  }
  return absl::OkStatus();
}

}  // namespace platter

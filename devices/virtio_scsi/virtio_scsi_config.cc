// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio_scsi/virtio_scsi_config.h"

#include "devices/virtio/virtio_spec.h"
#include "devices/virtio_scsi/scsi_address.h"

namespace platter {

namespace {

// A hint: 32 MiB less a sector; longer transfers are done all the same.
constexpr uint32_t kMaxSectors = 0xffff;

}  // namespace

uint64_t VirtioScsiFeatures(const VirtioScsiOptions& options) {
  // No F_INOUT: no command here has data both ways. No F_T10_PI: units offer no protection.
  return VirtioRingFeatures(options.ring) | kVirtioScsiFHotplug | kVirtioScsiFChange;
}

VirtioScsiConfig MakeVirtioScsiConfig(const VirtioScsiOptions& options) {
  VirtioScsiConfig config;
  config.num_queues = options.num_queues;
  config.seg_max =
      options.seg_max != 0 ? options.seg_max : options.queue_size - kVirtioScsiOverhead;
  config.max_sectors = kMaxSectors;
  // 5.6.4.1: no more than the queue has entries.
  config.cmd_per_lun = options.queue_size;
  config.event_info_size = sizeof(VirtioScsiEvent);
  config.sense_size = kVirtioScsiSenseSize;
  config.cdb_size = kVirtioScsiCdbSize;
  config.max_channel = 0;
  config.max_target = kMaxScsiTargets - 1;
  config.max_lun = kMaxLuns - 1;
  return config;
}

}  // namespace platter

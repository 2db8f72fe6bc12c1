// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/virtio_blk_config.h"

#include <bit>

#include "base/arith.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

bool OffersDiscard(const VirtioBlkOptions& options, const BlockDeviceView& backend) {
  return options.discard && *options.discard_granularity != 0 && backend.can_discard() &&
         !backend.is_read_only();
}

bool OffersWriteZeroes(const VirtioBlkOptions& options, const BlockDeviceView& backend) {
  return options.write_zeroes && !backend.is_read_only();
}

}  // namespace

uint64_t VirtioBlkFeatures(const VirtioBlkOptions& options, const BlockDeviceView& backend) {
  // 5.2.5.2: FLUSH should always be offered, and must be where CONFIG_WCE is.
  uint64_t features = VirtioRingFeatures(options.ring) | kVirtioBlkFSegMax | kVirtioBlkFBlkSize |
                      kVirtioBlkFTopology | kVirtioBlkFFlush | kVirtioBlkFConfigWce;
  if (options.num_queues > 1) features |= kVirtioBlkFMq;
  if (backend.is_read_only()) features |= kVirtioBlkFRo;
  if (OffersDiscard(options, backend)) features |= kVirtioBlkFDiscard;
  if (OffersWriteZeroes(options, backend)) features |= kVirtioBlkFWriteZeroes;
  return features;
}

VirtioBlkConfig MakeVirtioBlkConfig(const VirtioBlkOptions& options,
                                    const BlockDeviceView& backend) {
  VirtioBlkConfig config;
  const uint32_t block = options.logical_block_size;
  config.capacity = backend.length() / kSectorSize;
  config.seg_max = options.seg_max;
  config.blk_size = block;
  config.physical_block_exp =
      static_cast<uint8_t>(std::countr_zero(options.physical_block_size / block));
  config.min_io_size = static_cast<uint16_t>(options.min_io_size / block);
  config.opt_io_size = options.opt_io_size / block;
  config.writeback = backend.write_cache_enabled() ? 1 : 0;
  if (options.num_queues > 1) config.num_queues = static_cast<uint16_t>(options.num_queues);
  const auto max_sectors =
      static_cast<uint32_t>(AlignDown(kVirtioBlkMaxSegmentSectors, block / kSectorSize));
  if (OffersDiscard(options, backend)) {
    config.max_discard_sectors = max_sectors;
    config.max_discard_seg = kVirtioBlkMaxSegments;
    config.discard_sector_alignment = *options.discard_granularity / kSectorSize;
  }
  if (OffersWriteZeroes(options, backend)) {
    config.max_write_zeroes_sectors = max_sectors;
    config.max_write_zeroes_seg = kVirtioBlkMaxSegments;
    config.write_zeroes_may_unmap = backend.can_discard() ? 1 : 0;
  }
  return config;
}

}  // namespace platter

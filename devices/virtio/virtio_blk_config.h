// SPDX-License-Identifier: Apache-2.0
//
// The wire formats of virtio-blk (virtio 1.3, 5.2): feature bits, configuration space, request
// header, discard segment, status; and the configuration that follows from options and backend.
//
// Threading: values. Units: on the wire, sectors of 512 bytes whatever blk_size says (5.2.4).

#ifndef PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_CONFIG_H_
#define PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_CONFIG_H_

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "blockbackend/device_view.h"
#include "devices/virtio/virtio_blk_options.h"

namespace platter {

// 5.2.3 Feature bits.
inline constexpr uint64_t kVirtioBlkFSizeMax = 1u << 1;
inline constexpr uint64_t kVirtioBlkFSegMax = 1u << 2;
inline constexpr uint64_t kVirtioBlkFGeometry = 1u << 4;
inline constexpr uint64_t kVirtioBlkFRo = 1u << 5;
inline constexpr uint64_t kVirtioBlkFBlkSize = 1u << 6;
inline constexpr uint64_t kVirtioBlkFFlush = 1u << 9;
inline constexpr uint64_t kVirtioBlkFTopology = 1u << 10;
inline constexpr uint64_t kVirtioBlkFConfigWce = 1u << 11;
inline constexpr uint64_t kVirtioBlkFMq = 1u << 12;
inline constexpr uint64_t kVirtioBlkFDiscard = 1u << 13;
inline constexpr uint64_t kVirtioBlkFWriteZeroes = 1u << 14;

// 5.2.4 Device configuration layout, up to what write zeroes needs.
struct VirtioBlkConfig {
  Le64 capacity;
  Le32 size_max;
  Le32 seg_max;
  Le16 cylinders;
  uint8_t heads = 0;
  uint8_t sectors = 0;
  Le32 blk_size;
  uint8_t physical_block_exp = 0;
  uint8_t alignment_offset = 0;
  Le16 min_io_size;
  Le32 opt_io_size;
  uint8_t writeback = 0;
  uint8_t unused0 = 0;
  Le16 num_queues;
  Le32 max_discard_sectors;
  Le32 max_discard_seg;
  Le32 discard_sector_alignment;
  Le32 max_write_zeroes_sectors;
  Le32 max_write_zeroes_seg;
  uint8_t write_zeroes_may_unmap = 0;
  uint8_t unused1[3] = {};
};
static_assert(sizeof(VirtioBlkConfig) == 60);
static_assert(offsetof(VirtioBlkConfig, blk_size) == 20);
static_assert(offsetof(VirtioBlkConfig, writeback) == 32);
static_assert(offsetof(VirtioBlkConfig, max_discard_sectors) == 36);
static_assert(offsetof(VirtioBlkConfig, write_zeroes_may_unmap) == 56);

// 5.2.6 Device Operation: the request header, and the segments of discard and write zeroes.
struct VirtioBlkHeader {
  Le32 type;
  Le32 reserved;
  Le64 sector;
};
static_assert(sizeof(VirtioBlkHeader) == 16);

enum class VirtioBlkType : uint32_t {
  kIn = 0,
  kOut = 1,
  kFlush = 4,
  kGetId = 8,
  kDiscard = 11,
  kWriteZeroes = 13,
};

struct VirtioBlkSegment {
  Le64 sector;
  Le32 sectors;
  Le32 flags;
};
static_assert(sizeof(VirtioBlkSegment) == 16);
inline constexpr uint32_t kVirtioBlkSegmentUnmap = 1;

enum class VirtioBlkStatus : uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };

// Segments of one discard or write zeroes request, and sectors of one segment (2 GiB less a
// sector's worth: what fits the 32-bit byte counts of older guests).
inline constexpr uint32_t kVirtioBlkMaxSegments = 16;
inline constexpr uint32_t kVirtioBlkMaxSegmentSectors = 0x7fffffffu >> 9;

// The features offered and the configuration space of a device with these (checked) options.
uint64_t VirtioBlkFeatures(const VirtioBlkOptions& options, const BlockDeviceView& backend);
VirtioBlkConfig MakeVirtioBlkConfig(const VirtioBlkOptions& options,
                                    const BlockDeviceView& backend);

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_CONFIG_H_

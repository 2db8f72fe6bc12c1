// SPDX-License-Identifier: Apache-2.0
//
// Virtio as a driver sees it: split ring, status bits, MMIO registers, block device. The guest has
// definitions of its own: one shared with the device would hide the device's mistakes.
// Source: Virtual I/O Device (VIRTIO) 1.3; clauses are given at each block.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_SPEC_H_
#define PLATTER_TESTING_GUEST_VIRTIO_SPEC_H_

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace platter::guest {

// --- 2.1 Device status field. ---
inline constexpr uint8_t kStatusAcknowledge = 1;
inline constexpr uint8_t kStatusDriver = 2;
inline constexpr uint8_t kStatusDriverOk = 4;
inline constexpr uint8_t kStatusFeaturesOk = 8;
inline constexpr uint8_t kStatusNeedsReset = 64;
inline constexpr uint8_t kStatusFailed = 128;

// --- 6 Reserved feature bits. ---
inline constexpr uint64_t kFeatureIndirectDesc = uint64_t{1} << 28;
inline constexpr uint64_t kFeatureEventIndex = uint64_t{1} << 29;
inline constexpr uint64_t kFeatureVersion1 = uint64_t{1} << 32;
inline constexpr uint64_t kFeatureRingPacked = uint64_t{1} << 34;
inline constexpr uint64_t kFeatureInOrder = uint64_t{1} << 35;
inline constexpr uint64_t kFeatureNotificationData = uint64_t{1} << 38;
inline constexpr uint64_t kFeatureRingReset = uint64_t{1} << 40;

// --- 2.7 Split virtqueues. ---
struct RingDescriptor {  // 2.7.5
  Le64 address;
  Le32 length;
  Le16 flags;
  Le16 next;
};
static_assert(sizeof(RingDescriptor) == 16);
inline constexpr uint16_t kDescNext = 1;
inline constexpr uint16_t kDescWrite = 2;
inline constexpr uint16_t kDescIndirect = 4;

// 2.7.6: flags, idx, ring[size], used_event. 2.7.8: flags, idx, ring[size], avail_event.
inline constexpr size_t kRingFlags = 0;
inline constexpr size_t kRingIndex = 2;
inline constexpr size_t kRingEntries = 4;
inline constexpr uint16_t kAvailNoInterrupt = 1;
inline constexpr uint16_t kUsedNoNotify = 1;
struct UsedElement {
  Le32 id;
  Le32 length;
};
static_assert(sizeof(UsedElement) == 8);
inline constexpr uint32_t kMaxRingSize = 32768;
constexpr size_t AvailBytes(uint16_t size) { return kRingEntries + size_t{2} * size + 2; }
constexpr size_t UsedBytes(uint16_t size) { return kRingEntries + size_t{8} * size + 2; }
constexpr size_t UsedEventOffset(uint16_t size) { return kRingEntries + size_t{2} * size; }
constexpr size_t AvailEventOffset(uint16_t size) { return kRingEntries + size_t{8} * size; }

// --- 2.8 Packed virtqueues. ---
struct PackedDescriptor {  // 2.8.13
  Le64 address;
  Le32 length;
  Le16 id;
  Le16 flags;
};
static_assert(sizeof(PackedDescriptor) == 16);
inline constexpr uint16_t kPackedAvail = 1 << 7;
inline constexpr uint16_t kPackedUsed = 1 << 15;
// 2.8.14, 2.8.10: event suppression.
inline constexpr uint16_t kPackedEventEnable = 0;
inline constexpr uint16_t kPackedEventDisable = 1;
inline constexpr uint16_t kPackedEventDescriptor = 2;

// --- 4.2.2 MMIO device registers (offsets; 32 bits wide, but for the configuration). ---
inline constexpr uint64_t kMmioMagic = 0x000;
inline constexpr uint64_t kMmioVersion = 0x004;
inline constexpr uint64_t kMmioDeviceId = 0x008;
inline constexpr uint64_t kMmioVendorId = 0x00c;
inline constexpr uint64_t kMmioDeviceFeatures = 0x010;
inline constexpr uint64_t kMmioDeviceFeaturesSelect = 0x014;
inline constexpr uint64_t kMmioDriverFeatures = 0x020;
inline constexpr uint64_t kMmioDriverFeaturesSelect = 0x024;
inline constexpr uint64_t kMmioQueueSelect = 0x030;
inline constexpr uint64_t kMmioQueueSizeMax = 0x034;
inline constexpr uint64_t kMmioQueueSize = 0x038;
inline constexpr uint64_t kMmioQueueReady = 0x044;
inline constexpr uint64_t kMmioQueueNotify = 0x050;
inline constexpr uint64_t kMmioInterruptStatus = 0x060;
inline constexpr uint64_t kMmioInterruptAck = 0x064;
inline constexpr uint64_t kMmioStatus = 0x070;
inline constexpr uint64_t kMmioQueueDescLow = 0x080;
inline constexpr uint64_t kMmioQueueDescHigh = 0x084;
inline constexpr uint64_t kMmioQueueDriverLow = 0x090;
inline constexpr uint64_t kMmioQueueDriverHigh = 0x094;
inline constexpr uint64_t kMmioQueueDeviceLow = 0x0a0;
inline constexpr uint64_t kMmioQueueDeviceHigh = 0x0a4;
inline constexpr uint64_t kMmioQueueReset = 0x0c0;
inline constexpr uint64_t kMmioConfigGeneration = 0x0fc;
inline constexpr uint64_t kMmioConfig = 0x100;
inline constexpr uint32_t kMmioMagicValue = 0x74726976;  // "virt"
inline constexpr uint32_t kMmioModernVersion = 2;
inline constexpr uint32_t kMmioInterruptUsed = 1;
inline constexpr uint32_t kMmioInterruptConfig = 2;

// --- 5.2 Block device. ---
inline constexpr uint32_t kBlkDeviceId = 2;
// 5.2.3
inline constexpr uint64_t kBlkFeatureSizeMax = 1 << 1;
inline constexpr uint64_t kBlkFeatureSegMax = 1 << 2;
inline constexpr uint64_t kBlkFeatureReadOnly = 1 << 5;
inline constexpr uint64_t kBlkFeatureBlkSize = 1 << 6;
inline constexpr uint64_t kBlkFeatureFlush = 1 << 9;
inline constexpr uint64_t kBlkFeatureTopology = 1 << 10;
inline constexpr uint64_t kBlkFeatureConfigWce = 1 << 11;
inline constexpr uint64_t kBlkFeatureMultiQueue = 1 << 12;
inline constexpr uint64_t kBlkFeatureDiscard = 1 << 13;
inline constexpr uint64_t kBlkFeatureWriteZeroes = 1 << 14;
// 5.2.4
struct BlkConfigLayout {
  Le64 capacity;
  Le32 size_max;
  Le32 seg_max;
  Le16 cylinders;
  uint8_t heads;
  uint8_t sectors;
  Le32 blk_size;
  uint8_t physical_block_exp;
  uint8_t alignment_offset;
  Le16 min_io_size;
  Le32 opt_io_size;
  uint8_t writeback;
  uint8_t unused0;
  Le16 num_queues;
  Le32 max_discard_sectors;
  Le32 max_discard_seg;
  Le32 discard_sector_alignment;
  Le32 max_write_zeroes_sectors;
  Le32 max_write_zeroes_seg;
  uint8_t write_zeroes_may_unmap;
  uint8_t unused1[3];
};
static_assert(sizeof(BlkConfigLayout) == 60);
static_assert(offsetof(BlkConfigLayout, writeback) == 32);
static_assert(offsetof(BlkConfigLayout, max_write_zeroes_sectors) == 48);
// 5.2.6
inline constexpr uint32_t kBlkIn = 0;
inline constexpr uint32_t kBlkOut = 1;
inline constexpr uint32_t kBlkFlush = 4;
inline constexpr uint32_t kBlkGetId = 8;
inline constexpr uint32_t kBlkDiscard = 11;
inline constexpr uint32_t kBlkWriteZeroes = 13;
struct BlkHeader {
  Le32 type;
  Le32 reserved;
  Le64 sector;
};
static_assert(sizeof(BlkHeader) == 16);
struct BlkRange {  // Of discard and write zeroes.
  Le64 sector;
  Le32 sectors;
  Le32 flags;
};
static_assert(sizeof(BlkRange) == 16);
inline constexpr uint32_t kBlkRangeUnmap = 1;
inline constexpr uint8_t kBlkOk = 0;
inline constexpr uint8_t kBlkIoError = 1;
inline constexpr uint8_t kBlkUnsupported = 2;
inline constexpr uint8_t kBlkNotWritten = 0xff;  // Ours: what the driver puts there before.
inline constexpr uint32_t kBlkIdBytes = 20;

}  // namespace platter::guest

#endif  // PLATTER_TESTING_GUEST_VIRTIO_SPEC_H_

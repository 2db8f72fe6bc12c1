// SPDX-License-Identifier: Apache-2.0
//
// How zones are remembered on the medium: the area at its end (ZoneLayout). It is made of blocks of
// 4096 bytes, each for kZonesPerBlock zones and each in two places, which are written in turn: a
// write that is torn leaves the other. Every block tells the whole layout and has a checksum.
//
//   offset  0  magic, 8 bytes        32  sectors of a zone, le64
//           8  version, le32         40  sectors of it that can be written, le64
//          12  CRC-32, le32          48  conventional zones, le32
//          16  index, le32           52  model, le32
//          20  zones, le32           56  0, le64
//          24  generation, le64      64  zones: written sectors le64, state u8, 0 x 7
//
// Which zones are open is forgotten: an open zone is closed, or empty when nothing was written.
//
// Threading: functions. Units: sectors of 512 bytes. Errors: INVALID_ARGUMENT saying what is wrong.

#ifndef PLATTER_DEVICES_VIRTIO_ZONED_ZONE_FORMAT_H_
#define PLATTER_DEVICES_VIRTIO_ZONED_ZONE_FORMAT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "devices/virtio/zoned/zone_options.h"
#include "devices/virtio/zoned/zone_table.h"

namespace platter {

using ZoneBlock = std::span<uint8_t, ZoneLayout::kBlockBytes>;

struct ZoneArea {
  bool found = false;  // Otherwise all zones are empty and nothing was written yet.
  std::vector<ZoneRecord> records;
  uint64_t generation = 0;       // The highest.
  std::vector<uint8_t> current;  // Of each block: in which place the newest is, 0 or 1.
};

// Where a block lies.
constexpr uint64_t ZoneBlockOffset(const ZoneLayout& layout, uint32_t block, uint8_t place) {
  return layout.area_offset + (2 * uint64_t{block} + place) * ZoneLayout::kBlockBytes;
}

void EncodeZoneBlock(const ZoneLayout& layout, uint32_t block, uint64_t generation,
                     std::span<const ZoneRecord> records, ZoneBlock out);

// What an area says. Nobody is trusted. An area whose first block was never written is none.
absl::StatusOr<ZoneArea> DecodeZoneArea(const ZoneLayout& layout, std::span<const uint8_t> bytes);

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_ZONED_ZONE_FORMAT_H_

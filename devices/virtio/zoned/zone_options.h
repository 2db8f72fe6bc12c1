// SPDX-License-Identifier: Apache-2.0
//
// ZonedOptions: what a zoned virtio-blk device is to look like; ZoneLayout: how that lies on a
// medium. Zones come first; behind them, at the end of the medium, is the area that keeps their
// states (zone_format.h), which the guest does not see. What is left between is unused.
//
//   const auto layout = LayOutZones(options, length);      // Checked.
//   ... read layout->area_bytes at layout->area_offset into options.area ...
//
// Threading: values. Units: bytes in options, sectors of 512 bytes in the layout.
// Errors: INVALID_ARGUMENT, beginning with the name of the property.

#ifndef PLATTER_DEVICES_VIRTIO_ZONED_ZONE_OPTIONS_H_
#define PLATTER_DEVICES_VIRTIO_ZONED_ZONE_OPTIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "devices/virtio/zoned/zone_spec.h"

namespace platter {

struct ZonedOptions {
  ZonedModel model = ZonedModel::kNone;
  uint64_t zone_size = uint64_t{256} << 20;  // A power of two, 64 KiB ... 1 TiB.
  uint64_t zone_capacity = 0;                // What of a zone can be written; 0: all.
  uint32_t conventional_zones = 0;           // The first ones.
  uint32_t max_open_zones = 0;               // 0: no limit.
  uint32_t max_active_zones = 0;             // 0: no limit. Host-managed only.
  uint32_t max_append_sectors = 2048;        // 0: no appends.
  // A medium without an area gets one: all zones are empty then, whatever it has. Otherwise it is
  // refused.
  bool create = false;
  // What the medium has at ZoneLayout::area_offset; the device keeps it up to date from then on.
  std::vector<uint8_t> area = {};
};

struct ZoneLayout {
  static constexpr uint64_t kBlockBytes = 4096;
  static constexpr uint32_t kZonesPerBlock = 252;
  static constexpr uint32_t kMaxZones = 1 << 16;

  ZonedModel model = ZonedModel::kNone;
  uint64_t zone_sectors = 0;
  uint64_t zone_capacity = 0;
  uint32_t zones = 0;
  uint32_t conventional = 0;
  uint32_t blocks = 0;       // Of the area; each lies there twice.
  uint64_t area_offset = 0;  // Bytes.
  uint64_t area_bytes = 0;

  // What the guest sees.
  uint64_t sectors() const { return zones * zone_sectors; }
  bool operator==(const ZoneLayout&) const = default;
};

// `options` for a medium of `length` bytes.
absl::StatusOr<ZoneLayout> LayOutZones(const ZonedOptions& options, uint64_t length);

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_ZONED_ZONE_OPTIONS_H_

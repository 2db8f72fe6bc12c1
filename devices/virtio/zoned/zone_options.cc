// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/zoned/zone_options.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {

namespace {

constexpr uint64_t kMinZoneSize = 64 * kKiB;
constexpr uint64_t kMaxZoneSize = kTiB;

template <typename... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

uint64_t BlocksFor(uint64_t zones) {
  return (zones + ZoneLayout::kZonesPerBlock - 1) / ZoneLayout::kZonesPerBlock;
}

uint64_t AreaFor(uint64_t zones) { return 2 * ZoneLayout::kBlockBytes * BlocksFor(zones); }

absl::Status CheckZones(const ZonedOptions& options) {
  if (!IsPowerOfTwo(options.zone_size) || options.zone_size < kMinZoneSize ||
      options.zone_size > kMaxZoneSize) {
    return Bad("x-zone-size ", options.zone_size, " is not a power of two between ", kMinZoneSize,
               " and ", kMaxZoneSize);
  }
  if (options.zone_capacity > options.zone_size ||
      options.zone_capacity % ZoneLayout::kBlockBytes != 0) {
    return Bad("x-zone-capacity ", options.zone_capacity,
               " is above x-zone-size or no multiple of ", ZoneLayout::kBlockBytes);
  }
  if (options.model == ZonedModel::kHostAware) {
    if (options.max_active_zones != 0) return Bad("x-max-active-zones needs host-managed zones");
    if (options.zone_capacity != 0) return Bad("x-zone-capacity needs host-managed zones");
  }
  if (options.max_active_zones != 0 && options.max_open_zones > options.max_active_zones) {
    return Bad("x-max-open-zones ", options.max_open_zones, " is above x-max-active-zones ",
               options.max_active_zones);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ZoneLayout> LayOutZones(const ZonedOptions& options, uint64_t length) {
  PLATTER_RETURN_IF_ERROR(CheckZones(options));
  const uint64_t usable = AlignDown(length, ZoneLayout::kBlockBytes);
  uint64_t zones = usable / options.zone_size;
  // At most once or twice: an area is smaller than a zone, or hardly larger.
  while (zones > 0 && usable - zones * options.zone_size < AreaFor(zones)) --zones;
  if (zones == 0) {
    return Bad("x-zone-size ", options.zone_size, ": no zone and the area of its states fit into ",
               length, " bytes");
  }
  if (zones > ZoneLayout::kMaxZones) {
    return Bad("x-zone-size ", options.zone_size, ": more than ", ZoneLayout::kMaxZones,
               " zones in ", length, " bytes");
  }
  if (options.conventional_zones > zones) {
    return Bad("x-conventional-zones ", options.conventional_zones, " is above the ", zones,
               " zones of the medium");
  }
  ZoneLayout layout;
  layout.model = options.model;
  layout.zone_sectors = options.zone_size / kSectorSize;
  layout.zone_capacity =
      (options.zone_capacity == 0 ? options.zone_size : options.zone_capacity) / kSectorSize;
  layout.zones = static_cast<uint32_t>(zones);
  layout.conventional = options.conventional_zones;
  layout.blocks = static_cast<uint32_t>(BlocksFor(zones));
  layout.area_bytes = AreaFor(zones);
  layout.area_offset = usable - layout.area_bytes;
  return layout;
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/zoned/zone_options.h"

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr uint64_t kZone = 64 * kKiB;

ZonedOptions Managed(uint64_t zone_size = kZone) {
  return {.model = ZonedModel::kHostManaged, .zone_size = zone_size};
}

TEST(ZoneOptions, ZonesComeFirstAndTheAreaLast) {
  const auto layout = LayOutZones(Managed(), 10 * kZone);
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->zones, 9u);
  EXPECT_EQ(layout->blocks, 1u);
  EXPECT_EQ(layout->zone_sectors, 128u);
  EXPECT_EQ(layout->zone_capacity, 128u);
  EXPECT_EQ(layout->area_bytes, 8192u);
  EXPECT_EQ(layout->area_offset, 10 * kZone - 8192);
  EXPECT_EQ(layout->sectors(), 9u * 128);
}

TEST(ZoneOptions, AsManyZonesAsFitBesideTheArea) {
  for (const uint64_t zones : {1u, 2u, 251u, 252u, 253u, 504u, 505u, 65536u}) {
    const uint64_t area = 8192 * ((zones + 251) / 252);
    const auto exact = LayOutZones(Managed(), zones * kZone + area);
    ASSERT_TRUE(exact.ok()) << exact.status();
    EXPECT_EQ(exact->zones, zones);
    EXPECT_EQ(exact->area_offset, zones * kZone);
    // A rest that is no whole block of the area is left alone.
    const auto ragged = LayOutZones(Managed(), zones * kZone + area + 4095);
    ASSERT_TRUE(ragged.ok());
    EXPECT_EQ(*ragged, *exact);
    if (zones > 1) {
      EXPECT_EQ(LayOutZones(Managed(), zones * kZone + area - 1)->zones, zones - 1);
    }
  }
}

TEST(ZoneOptions, MessagesNameTheProperty) {
  struct Case {
    ZonedOptions options;
    uint64_t length;
    const char* text;
  };
  ZonedOptions aware = {.model = ZonedModel::kHostAware, .zone_size = kZone};
  ZonedOptions aware_capacity = aware;
  aware_capacity.zone_capacity = 4096;
  ZonedOptions aware_active = aware;
  aware_active.max_active_zones = 1;
  ZonedOptions capacity = Managed();
  capacity.zone_capacity = kZone + 4096;
  ZonedOptions odd = Managed();
  odd.zone_capacity = 512;
  ZonedOptions limits = Managed();
  limits.max_open_zones = 3;
  limits.max_active_zones = 2;
  ZonedOptions conventional = Managed();
  conventional.conventional_zones = 10;
  const Case cases[] = {
      {Managed(0), kGiB, "x-zone-size 0 is not a power of two between 65536 and 1099511627776"},
      {Managed(3 * kZone), kGiB, "x-zone-size 196608 is not a power of two"},
      {Managed(kZone / 2), kGiB, "x-zone-size 32768"},
      {Managed(2 * kTiB), kGiB, "x-zone-size 2199023255552"},
      {Managed(), kZone, "x-zone-size 65536: no zone and the area"},
      {Managed(), 0, "fit into 0 bytes"},
      {Managed(), kTiB, "x-zone-size 65536: more than 65536 zones"},
      {capacity, kGiB, "x-zone-capacity 69632 is above x-zone-size"},
      {odd, kGiB, "x-zone-capacity 512"},
      {limits, kGiB, "x-max-open-zones 3 is above x-max-active-zones 2"},
      {conventional, 10 * kZone, "x-conventional-zones 10 is above the 9 zones"},
      {aware_capacity, kGiB, "x-zone-capacity needs host-managed zones"},
      {aware_active, kGiB, "x-max-active-zones needs host-managed zones"},
  };
  for (const Case& c : cases) {
    const absl::Status status = LayOutZones(c.options, c.length).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_NE(MessageOf(status).find(c.text), std::string::npos) << MessageOf(status);
  }
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio_scsi/scsi_address.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

using Kind = ParsedLun::Kind;

TEST(ScsiAddressTest, BothFormsOfASingleLevelLun) {
  for (const LunBytes& lun : {LunBytes{1, 7, 0, 3}, LunBytes{1, 7, 0x40, 3}}) {
    EXPECT_EQ(ParseLun(lun).kind, Kind::kUnit);
    EXPECT_EQ(ParseLun(lun).address, (ScsiAddress{.target = 7, .lun = 3}));
  }
  EXPECT_EQ(ParseLun({1, 255, 0x7f, 0xff}).address, (ScsiAddress{.target = 255, .lun = 16383}));
  EXPECT_EQ(EncodeLun({.target = 7, .lun = 3}), (LunBytes{1, 7, 0, 3}));
  EXPECT_EQ(EncodeLun({.target = 7, .lun = 255}), (LunBytes{1, 7, 0, 255}));
  EXPECT_EQ(EncodeLun({.target = 7, .lun = 256}), (LunBytes{1, 7, 0x41, 0}));
}

TEST(ScsiAddressTest, WhatIsEncodedParsesToTheSame) {
  for (uint32_t target = 0; target < kMaxScsiTargets; target += 5) {
    for (uint32_t lun = 0; lun < kMaxLuns; lun += 129) {
      const ScsiAddress address = {.target = static_cast<uint8_t>(target),
                                   .lun = static_cast<uint16_t>(lun)};
      ASSERT_EQ(ParseLun(EncodeLun(address)).address, address);
    }
  }
}

TEST(ScsiAddressTest, WellKnownUnits) {
  EXPECT_EQ(ParseLun({0xc1, 1}).kind, Kind::kReports);
  EXPECT_EQ(ParseLun({1, 9, 0xc1, 1}).kind, Kind::kTargetReports);
  EXPECT_EQ(ParseLun({1, 9, 0xc1, 1}).address.target, 9);
}

TEST(ScsiAddressTest, R_SCSI_26_GarbageIsNoAddress) {
  for (const LunBytes& lun :
       {LunBytes{}, LunBytes{0, 1, 0x40}, LunBytes{2, 1, 0x40}, LunBytes{1, 1, 1, 0},
        LunBytes{1, 1, 0x80, 0}, LunBytes{1, 1, 0xc1, 2}, LunBytes{0xc1, 2}, LunBytes{0xc1, 1, 1},
        LunBytes{1, 1, 0x40, 0, 1}, LunBytes{1, 1, 0x40, 0, 0, 0, 0, 1},
        LunBytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}) {
    EXPECT_EQ(ParseLun(lun).kind, Kind::kNothing);
  }
}

TEST(ScsiUnitTableTest, FindsWhatIsThereInOrder) {
  int a = 0;
  int b = 0;
  int c = 0;
  ScsiUnitTable<int> table;
  EXPECT_EQ(table.Find({.target = 3, .lun = 0}), nullptr);
  table.Insert({.target = 3, .lun = 300}, b);
  table.Insert({.target = 3, .lun = 0}, a);
  table.Insert({.target = 255, .lun = 16383}, c);
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.Find({.target = 3, .lun = 0}), &a);
  EXPECT_EQ(table.Find({.target = 3, .lun = 300}), &b);
  EXPECT_EQ(table.Find({.target = 3, .lun = 1}), nullptr);
  EXPECT_EQ(table.Find({.target = 255, .lun = 16383}), &c);
  ASSERT_EQ(table.Target(3).size(), 2u);
  EXPECT_EQ(table.Target(3)[0].lun, 0);
  table.Erase({.target = 3, .lun = 0});
  EXPECT_EQ(table.Find({.target = 3, .lun = 0}), nullptr);
  EXPECT_EQ(table.Find({.target = 3, .lun = 300}), &b);
  EXPECT_EQ(table.size(), 2u);
}

}  // namespace
}  // namespace platter

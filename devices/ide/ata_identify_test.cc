// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_identify.h"

#include <numeric>
#include <string>

#include "gtest/gtest.h"

namespace platter {
namespace {

class AtaIdentifyTest : public testing::Test {
 protected:
  AtaIdentifyTest() { settings_.geometry = DefaultGeometry(medium_.sectors); }

  void Make() { bytes_ = MakeAtaIdentify(options_, settings_, medium_, unit_); }
  uint64_t Word(unsigned word, unsigned words = 1) const {
    uint64_t value = 0;
    for (unsigned i = 0; i < 2 * words; ++i) {
      value |= uint64_t{bytes_[2 * word + i]} << (8 * i);
    }
    return value;
  }

  AtaDiskOptions options_ = {.id = "hd0", .serial = "S1", .physical_block_size = 4096};
  AtaSettings settings_;
  AtaMedium medium_ = {.sectors = 0x20000000, .discards = true};
  unsigned unit_ = 0;
  std::array<uint8_t, kSectorSize> bytes_{};
};

TEST_F(AtaIdentifyTest, TheSumIsZero) {
  Make();
  EXPECT_EQ(bytes_[510], 0xa5);
  EXPECT_EQ(std::accumulate(bytes_.begin(), bytes_.end(), 0u) % 256, 0u);
}

TEST_F(AtaIdentifyTest, StringsHaveTheirFirstCharacterInTheHighByteAndEndInSpaces) {
  Make();
  EXPECT_EQ(bytes_[20], '1');
  EXPECT_EQ(bytes_[21], 'S');
  EXPECT_EQ(bytes_[22], ' ');
  EXPECT_EQ(bytes_[39], ' ');
  EXPECT_EQ(Word(23), 0x312e) << "1.";
  EXPECT_EQ(Word(27), 0x504c) << "PL";
}

TEST_F(AtaIdentifyTest, CapacitiesAreCappedByTheirForm) {
  Make();
  EXPECT_EQ(Word(60, 2), kAtaMaxLba28Sectors);
  EXPECT_EQ(Word(100, 4), 0x20000000u);
  EXPECT_EQ(Word(1), 16383u);
  medium_.sectors = 2048;
  settings_.geometry = DefaultGeometry(2048);
  Make();
  EXPECT_EQ(Word(60, 2), 2048u);
  EXPECT_EQ(Word(100, 4), 2048u);
  EXPECT_EQ(Word(1), 2u);
  EXPECT_EQ(Word(57, 2), 2u * 16 * 63);
}

TEST_F(AtaIdentifyTest, WhatTheGuestSetIsSeen) {
  settings_.multiple = 8;
  settings_.geometry = {.cylinders = 10, .heads = 4, .sectors = 17};
  settings_.modes.ultra = kAtaNoMode;
  settings_.modes.multiword = 2;
  settings_.look_ahead = settings_.smart = false;
  medium_.write_cache = false;
  Make();
  EXPECT_EQ(Word(59), 0x0108u);
  EXPECT_EQ(Word(54), 10u);
  EXPECT_EQ(Word(55), 4u);
  EXPECT_EQ(Word(56), 17u);
  EXPECT_EQ(Word(57, 2), 680u);
  EXPECT_EQ(Word(63), 0x0407u);
  EXPECT_EQ(Word(88), 0x003fu);
  EXPECT_EQ(Word(82), 0x4069u);
  EXPECT_EQ(Word(85), 0x4008u);
  settings_ = {.modes = {.ultra = 5}};
  medium_.write_cache = true;
  Make();
  EXPECT_EQ(Word(88), 0x203fu);
  EXPECT_EQ(Word(63), 0x0007u);
  EXPECT_EQ(Word(59), 0u);
  EXPECT_EQ(Word(85), 0x4069u);
}

TEST_F(AtaIdentifyTest, TrimOnlyWhereTheMediumDiscardsAndTheOptionIsOn) {
  Make();
  EXPECT_EQ(Word(169), 1u);
  EXPECT_EQ(Word(105), kAtaMaxTrimBlocks);
  medium_.discards = false;
  Make();
  EXPECT_EQ(Word(169), 0u);
  EXPECT_EQ(Word(105), 0u);
  medium_.discards = true;
  options_.discard = false;
  Make();
  EXPECT_EQ(Word(169), 0u);
}

TEST_F(AtaIdentifyTest, BlockSizesWorldWideNameAndRotation) {
  Make();
  EXPECT_EQ(Word(106), 0x6003u);
  EXPECT_EQ(Word(87) & 0x0100, 0u);
  options_.physical_block_size = 512;
  options_.wwn = 0x0123456789abcdef;
  options_.rotation_rate = 1;
  Make();
  EXPECT_EQ(Word(106), 0x4000u);
  EXPECT_EQ(Word(108), 0x0123u);
  EXPECT_EQ(Word(111), 0xcdefu);
  EXPECT_EQ(Word(84) & 0x0100, 0x0100u);
  EXPECT_EQ(Word(87) & 0x0100, 0x0100u);
  EXPECT_EQ(Word(217), 1u);
}

TEST_F(AtaIdentifyTest, TheUnitIsInWord93) {
  Make();
  EXPECT_EQ(Word(93), 0x600bu);
  unit_ = 1;
  Make();
  EXPECT_EQ(Word(93), 0x6b00u);
}

TEST(AtaGeometryTest, SmallDisksHaveACylinderToo) {
  EXPECT_EQ(DefaultGeometry(0).cylinders, 1u);
  EXPECT_EQ(DefaultGeometry(16 * 63 * 5 + 1007).cylinders, 5u);
  EXPECT_EQ(DefaultGeometry(uint64_t{1} << 48).cylinders, 16383u);
}

}  // namespace
}  // namespace platter

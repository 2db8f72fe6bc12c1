// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/zoned/zone_format.h"

#include <algorithm>
#include <cstring>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr uint64_t kBlock = ZoneLayout::kBlockBytes;

class ZoneFormatTest : public testing::Test {
 protected:
  ZoneFormatTest() : area(layout.area_bytes) {
    records.resize(layout.zones);
    for (uint32_t i = 0; i < layout.conventional; ++i) records[i].state = ZoneState::kNoPointer;
  }
  void Put(uint32_t block, uint8_t place, uint64_t generation) {
    const uint32_t begin = block * ZoneLayout::kZonesPerBlock;
    const uint32_t count = std::min(ZoneLayout::kZonesPerBlock, layout.zones - begin);
    EncodeZoneBlock(layout, block, generation, std::span(records).subspan(begin, count),
                    ZoneBlock(Place(block, place), kBlock));
  }
  void PutAll() {
    for (uint32_t block = 0; block < layout.blocks; ++block) Put(block, 0, block + 1);
  }
  uint8_t* Place(uint32_t block, uint8_t place) {
    return area.data() + ZoneBlockOffset(layout, block, place) - layout.area_offset;
  }
  std::string Message() { return MessageOf(DecodeZoneArea(layout, area).status()); }
  // Changes a byte and makes the checksum right again.
  void Forge(uint32_t block, size_t offset, uint8_t value) {
    uint8_t* at = Place(block, 0);
    at[offset] = value;
    std::memset(at + 12, 0, 4);
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < kBlock; ++i) {
      crc ^= at[i];
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
    }
    const Le32 wire = ~crc;
    std::memcpy(at + 12, &wire, 4);
  }

  // Three blocks, the last with a single zone.
  const ZoneLayout layout = *LayOutZones(
      {.model = ZonedModel::kHostManaged, .zone_size = 64 * kKiB, .conventional_zones = 2},
      505 * 64 * kKiB + 3 * 2 * kBlock);
  std::vector<ZoneRecord> records;
  std::vector<uint8_t> area;
};

TEST_F(ZoneFormatTest, WhatWasNeverWrittenHasNone) {
  auto none = DecodeZoneArea(layout, area);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->found);
  EXPECT_EQ(none->records, records);
  // Creation that got to all blocks but the first, which comes last.
  Put(2, 1, 1);
  Put(1, 1, 2);
  EXPECT_FALSE(DecodeZoneArea(layout, area)->found);
  EXPECT_NE(MessageOf(DecodeZoneArea(layout, std::span(area).first(kBlock)).status())
                .find("4096 bytes instead of 24576"),
            std::string::npos);
}

TEST_F(ZoneFormatTest, RecordsComeBack) {
  records[2] = {.written = 0, .state = ZoneState::kEmpty};
  records[3] = {.written = 1, .state = ZoneState::kClosed};
  records[251] = {.written = 127, .state = ZoneState::kClosed};
  records[252] = {.written = 128, .state = ZoneState::kFull};
  records[253] = {.written = 0, .state = ZoneState::kFull};
  records[503] = {.written = 5, .state = ZoneState::kReadOnly};
  records[504] = {.written = 0, .state = ZoneState::kOffline};
  PutAll();
  const auto found = DecodeZoneArea(layout, area);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->found);
  EXPECT_EQ(found->records, records);
  EXPECT_EQ(found->generation, 3u);
  EXPECT_EQ(found->current, (std::vector<uint8_t>{0, 0, 0}));
}

TEST_F(ZoneFormatTest, TheNewerSoundPlaceCounts) {
  PutAll();
  records[5] = {.written = 9, .state = ZoneState::kClosed};
  Put(0, 1, 10);
  auto found = DecodeZoneArea(layout, area);
  EXPECT_EQ(found->records[5].written, 9u);
  EXPECT_EQ(found->current[0], 1);
  EXPECT_EQ(found->generation, 10u);
  // Torn anywhere, the older one counts.
  for (const size_t torn : {size_t{0}, size_t{8}, size_t{100}, size_t{512}, kBlock - 1}) {
    Put(0, 1, 10);
    Place(0, 1)[torn] ^= 1;
    found = DecodeZoneArea(layout, area);
    ASSERT_TRUE(found.ok()) << torn;
    EXPECT_EQ(found->records[5].written, 0u);
    EXPECT_EQ(found->current[0], 0);
  }
}

TEST_F(ZoneFormatTest, EveryDamagedBitIsFound) {
  PutAll();
  for (size_t byte = 0; byte < kBlock; ++byte) {
    uint8_t* at = Place(1, 0) + byte;
    *at ^= static_cast<uint8_t>(1u << (byte % 8));
    EXPECT_EQ(Message(), "block 1 of the zones' states is damaged") << byte;
    *at ^= static_cast<uint8_t>(1u << (byte % 8));
  }
  EXPECT_EQ(Message(), "");
  // A block in the place of another.
  std::copy_n(Place(0, 0), kBlock, Place(1, 0));
  EXPECT_EQ(Message(), "block 1 of the zones' states is damaged");
}

TEST_F(ZoneFormatTest, ALayoutOfAnotherKindIsNamed) {
  PutAll();
  Forge(0, 8, 2);
  EXPECT_EQ(Message(), "the zones of the medium have version 2, which is not 1");
  PutAll();
  Forge(0, 20, 1);
  EXPECT_EQ(Message(), "the number of zones is 505, but 257 on the medium");
  PutAll();
  Forge(0, 33, 1);
  EXPECT_EQ(Message(), "x-zone-size in sectors is 128, but 384 on the medium");
  PutAll();
  Forge(0, 40, 64);
  EXPECT_EQ(Message(), "x-zone-capacity in sectors is 128, but 64 on the medium");
  PutAll();
  Forge(0, 48, 3);
  EXPECT_EQ(Message(), "x-conventional-zones is 2, but 3 on the medium");
  PutAll();
  Forge(0, 52, 2);
  EXPECT_EQ(Message(), "x-zoned is not as on the medium, which has model 2");
}

TEST_F(ZoneFormatTest, StatesThatCannotBeAreRefused) {
  struct Case {
    uint32_t zone;
    ZoneRecord record;
  };
  const Case cases[] = {
      {0, {0, ZoneState::kEmpty}},            // Conventional.
      {0, {1, ZoneState::kNoPointer}},        //
      {2, {0, ZoneState::kNoPointer}},        // Sequential.
      {2, {1, ZoneState::kEmpty}},            //
      {2, {0, ZoneState::kClosed}},           //
      {2, {128, ZoneState::kClosed}},         //
      {2, {1, ZoneState::kImplicitOpen}},     //
      {2, {1, ZoneState::kExplicitOpen}},     //
      {2, {129, ZoneState::kFull}},           //
      {2, {UINT64_MAX, ZoneState::kClosed}},  //
      {2, {0, static_cast<ZoneState>(5)}},   {2, {0, static_cast<ZoneState>(255)}},
      {504, {129, ZoneState::kReadOnly}},
  };
  for (const Case& c : cases) {
    const std::vector<ZoneRecord> good = records;
    records[c.zone] = c.record;
    PutAll();
    EXPECT_EQ(Message(), "zone " + std::to_string(c.zone) + " has a state that can't be");
    records = good;
  }
}

}  // namespace
}  // namespace platter

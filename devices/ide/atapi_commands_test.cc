// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/atapi_commands.h"

#include <set>

#include "gtest/gtest.h"

#include "devices/ide/ata_spec.h"

namespace platter {
namespace {

TEST(AtapiCommandsTest, EveryRowIsFoundByItsCodeAndNoOtherCodeIsThere) {
  std::set<uint8_t> codes;
  for (const AtapiCommand& row : AtapiCommands()) {
    EXPECT_EQ(FindAtapiCommand(row.code), &row) << row.name;
    codes.insert(row.code);
  }
  EXPECT_EQ(codes.size(), AtapiCommands().size());
  for (int code = 0; code < 256; ++code) {
    const auto byte = static_cast<uint8_t>(code);
    EXPECT_EQ(FindAtapiCommand(byte) != nullptr, codes.contains(byte)) << code;
  }
}

TEST(AtapiCommandsTest, WhatAPacketDriveMustNotTake) {
  // A disk's own commands, and NOP, whose answer is "aborted".
  for (const uint8_t code : {ata::kNop, ata::kReadDma, ata::kWriteSectors, ata::kReadNativeMax,
                             ata::kSetMultipleMode, ata::kInitializeDeviceParameters, ata::kSmart,
                             ata::kFlushCacheExt, ata::kDataSetManagement}) {
    EXPECT_EQ(FindAtapiCommand(code), nullptr) << int{code};
  }
  EXPECT_EQ(FindAtapiCommand(ata::kIdentifyDevice)->action, AtapiAction::kSignature);
  EXPECT_EQ(FindAtapiCommand(ata::kReadSectors)->action, AtapiAction::kSignature);
}

struct BlockRow {
  uint32_t limit;
  uint64_t left;
  uint32_t bytes;
};

// Every class of limit: 0, 1, even, odd, the largest, FFFFh; with less, as much and more left.
TEST(AtapiCommandsTest, R_IDE_10_BlocksByLimit) {
  for (const BlockRow& row :
       {BlockRow{0, 1, 0}, BlockRow{0, 0, 0}, BlockRow{1, 1, 1}, BlockRow{1, 2, 0},
        BlockRow{2, 2, 2}, BlockRow{2, 3, 2}, BlockRow{3, 2, 2}, BlockRow{3, 3, 3},
        BlockRow{3, 4, 2}, BlockRow{2048, 2047, 2047}, BlockRow{2048, 2048, 2048},
        BlockRow{2047, 2048, 2046}, BlockRow{0xfffe, 0xffff, 0xfffe},
        BlockRow{0xffff, 0xfffe, 0xfffe}, BlockRow{0xffff, 0xffff, 0xfffe},
        BlockRow{0xffff, uint64_t{1} << 40, 0xfffe}}) {
    EXPECT_EQ(AtapiBlockBytes(row.limit, row.left), row.bytes) << row.limit << ", " << row.left;
  }
}

}  // namespace
}  // namespace platter

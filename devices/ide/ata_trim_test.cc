// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_trim.h"

#include <array>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(AtaTrim, AnEntryIsAnAddressOf48BitsAndALengthOf16) {
  constexpr std::array<uint8_t, 16> kList = {1,    2,    3,    4,    5,    6,    0x34, 0x12,  //
                                             0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  EXPECT_EQ(ReadTrimEntry(kList, 0).lba, 0x060504030201u);
  EXPECT_EQ(ReadTrimEntry(kList, 0).sectors, 0x1234u);
  EXPECT_EQ(ReadTrimEntry(kList, 1).lba, (uint64_t{1} << 48) - 1);
  EXPECT_EQ(ReadTrimEntry(kList, 1).sectors, 65535u);
}

}  // namespace
}  // namespace platter

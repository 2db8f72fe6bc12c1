// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/atapi_identify.h"

#include <numeric>
#include <string>

#include "gtest/gtest.h"

namespace platter {
namespace {

class AtapiIdentifyTest : public testing::Test {
 protected:
  uint64_t Word(unsigned word) const {
    const auto bytes = MakeAtapiIdentify(options_, modes_, unit_);
    return uint64_t{bytes[2 * word]} | uint64_t{bytes[2 * word + 1]} << 8;
  }
  std::string Text(unsigned word, unsigned words) const {
    std::string text;
    for (unsigned i = word; i < word + words; ++i) {
      text += static_cast<char>(Word(i) >> 8);
      text += static_cast<char>(Word(i) & 0xff);
    }
    return text;
  }

  AtapiCdOptions options_ = {.id = "cd0", .serial = "S1"};
  AtaTransferModes modes_;
  unsigned unit_ = 0;
};

TEST_F(AtapiIdentifyTest, APacketDriveOfCdRomTypeWithRemovableMediaAndPacketsOf12Bytes) {
  EXPECT_EQ(Word(0), 0x8580u);
}

TEST_F(AtapiIdentifyTest, Names) {
  EXPECT_EQ(Text(10, 10), "S1                  ");
  EXPECT_EQ(Text(23, 4), "1.0     ");
  EXPECT_EQ(Text(27, 20), "PLATTER DVD-ROM                         ");
}

TEST_F(AtapiIdentifyTest, CapabilitiesAndModes) {
  EXPECT_EQ(Word(49) & 0x0300, 0x0300u) << "8.16: DMA, and LBA, which shall be one";
  EXPECT_EQ(Word(53), 0x0006u);
  EXPECT_EQ(Word(63), 0x0007u);
  EXPECT_EQ(Word(88), 0x203fu);
  modes_ = {.multiword = 2, .ultra = kAtaNoMode};
  EXPECT_EQ(Word(63), 0x0407u);
  EXPECT_EQ(Word(88), 0x003fu);
}

TEST_F(AtapiIdentifyTest, FeatureSets) {
  EXPECT_EQ(Word(82), 0x4218u);
  EXPECT_EQ(Word(85), 0x4218u);
  EXPECT_EQ(Word(83), 0x5000u);
  EXPECT_EQ(Word(86), 0x1000u);
  EXPECT_EQ(Word(84), 0x4000u);
  options_.wwn = 0x5000123456789abc;
  EXPECT_EQ(Word(84), 0x4100u);
  EXPECT_EQ(Word(87), 0x4100u);
  EXPECT_EQ(Word(108), 0x5000u);
}

TEST_F(AtapiIdentifyTest, NothingThatIsNotThere) {
  for (const unsigned word : {60u, 61u, 71u, 72u, 75u, 100u, 125u, 126u, 127u}) {
    EXPECT_EQ(Word(word), 0u) << word;
  }
}

TEST_F(AtapiIdentifyTest, TheSumIsZeroAndTheUnitIsSeen) {
  const auto bytes = MakeAtapiIdentify(options_, modes_, unit_);
  EXPECT_EQ(bytes[510], 0xa5);
  EXPECT_EQ(std::accumulate(bytes.begin(), bytes.end(), 0u) % 256, 0u);
  EXPECT_EQ(Word(93), 0x600bu);
  unit_ = 1;
  EXPECT_EQ(Word(93), 0x6b00u);
}

}  // namespace
}  // namespace platter

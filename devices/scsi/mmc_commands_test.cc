// SPDX-License-Identifier: Apache-2.0
//
// What the drive reads and says of its disc.

#include "devices/scsi/mmc_commands.h"

#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

constexpr Sense kOutOfRange = IllegalRequest(SenseCode::kLbaOutOfRange);
constexpr Sense kBadField = IllegalRequest(SenseCode::kInvalidFieldInCdb);

class MmcCommandsTest : public testing::Test, protected ScsiFixture {
 protected:
  MmcCommandsTest() {
    backend.data = Pattern(backend.data.size(), 3);  // 512 blocks.
    StartCd();
  }
};

TEST_F(MmcCommandsTest, Identity) {
  const ScsiResult inquiry = Execute({0x12, 0, 0, 0, 36, 0}, {}, 36);
  EXPECT_EQ(inquiry.data[0], 5);
  EXPECT_EQ(inquiry.data[1], 0x80);
  EXPECT_EQ(inquiry.Text(16, 7), "DVD-ROM");
  const ScsiResult capacity = Execute({0x25}, {}, 8);
  EXPECT_EQ(capacity.Number(0, 4), 511u);
  EXPECT_EQ(capacity.Number(4, 4), 2048u);
}

TEST_F(MmcCommandsTest, EveryWayToReadGivesTheBlocks) {
  const std::vector<uint8_t> two(backend.data.begin() + 5 * 2048, backend.data.begin() + 7 * 2048);
  EXPECT_EQ(Execute({0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0}, {}, 4096).data, two);
  EXPECT_EQ(Execute({0xa8, 0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0}, {}, 4096).data, two);
  EXPECT_EQ(Execute({0xbe, 0, 0, 0, 0, 5, 0, 0, 2, 0x10, 0, 0}, {}, 4096).data, two);
  EXPECT_EQ(Execute({0xbe, 8, 0, 0, 0, 5, 0, 0, 2, 0x10, 0, 0}, {}, 4096).data, two);
  EXPECT_EQ(Execute({0xb9, 0, 0, 0, 2, 5, 0, 2, 7, 0x10, 0, 0}, {}, 4096).data, two);
}

// R-IDE-02: no address is special, and nothing is transferred before the range is checked.
TEST_F(MmcCommandsTest, R_IDE_02_RangesAreCheckedWhole) {
  for (const auto& cdb : std::vector<std::vector<uint8_t>>{
           {0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0},
           {0x28, 0, 0, 0, 1, 0xff, 0, 0, 2, 0},
           {0x28, 0, 0, 0, 2, 0, 0, 0, 1, 0},
           {0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0},
           {0xa8, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0},
           {0xbe, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0x10, 0, 0},
           {0xbe, 0, 0, 0, 1, 0xff, 0, 0, 2, 0x10, 0, 0},
           {0xb9, 0, 0, 0, 8, 61, 0, 8, 63, 0x10, 0, 0},
           {0x2b, 0, 0xff, 0xff, 0xff, 0xff}}) {
    Task task({}, {}, 4096);
    task.cdb = Cdb(cdb);
    EXPECT_EQ(Execute(task).sense, kOutOfRange) << int{cdb[0]};
  }
  EXPECT_TRUE(backend.asked.empty());
}

TEST_F(MmcCommandsTest, PartsOfSectorsThatAreNotThere) {
  EXPECT_EQ(Execute({0xbe, 0, 0, 0, 0, 5, 0, 0, 1, 0x18, 0, 0}, {}, 4096).sense, kBadField);
  EXPECT_EQ(Execute({0xbe, 0, 0, 0, 0, 5, 0, 0, 1, 0x10, 1, 0}, {}, 4096).sense, kBadField);
  EXPECT_EQ(Execute({0xbe, 4, 0, 0, 0, 5, 0, 0, 1, 0x10, 0, 0}, {}, 4096).sense,
            IllegalRequest(SenseCode::kIllegalModeForTrack));
  const ScsiResult nothing = Execute({0xbe, 0, 0, 0, 0, 5, 0, 0, 1, 0, 0, 0}, {}, 4096);
  EXPECT_TRUE(nothing.good());
  EXPECT_EQ(nothing.transferred, 0u);
  EXPECT_EQ(Execute({0xb9, 0, 0, 0, 1, 0, 0, 2, 0, 0x10, 0, 0}, {}, 4096).sense, kBadField);
}

TEST_F(MmcCommandsTest, TocInEveryFormat) {
  const ScsiResult toc = Execute({0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0}, {}, 20);
  EXPECT_EQ(toc.Number(0, 2), 18u);
  EXPECT_EQ(toc.Number(16, 4), 512u);
  // The format where it was before MMC.
  EXPECT_EQ(Execute({0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40}, {}, 12).Number(0, 2), 10u);
  EXPECT_EQ(Execute({0x43, 2, 2, 0, 0, 0, 0, 0, 48, 0}, {}, 48).Number(0, 2), 46u);
  EXPECT_EQ(Execute({0x43, 0, 5, 0, 0, 0, 0, 0, 48, 0}, {}, 48).sense, kBadField);
  EXPECT_EQ(Execute({0x43, 0, 0, 0, 0, 0, 2, 0, 48, 0}, {}, 48).sense, kBadField);
}

TEST_F(MmcCommandsTest, DiscTrackAndSubChannel) {
  EXPECT_EQ(Execute({0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0}, {}, 34).Number(0, 2), 32u);
  EXPECT_EQ(Execute({0x51, 1, 0, 0, 0, 0, 0, 0, 34, 0}, {}, 34).sense, kBadField);
  EXPECT_EQ(Execute({0x52, 1, 0, 0, 0, 1, 0, 0, 36, 0}, {}, 36).Number(24, 4), 512u);
  EXPECT_EQ(Execute({0x52, 1, 0, 0, 0, 2, 0, 0, 36, 0}, {}, 36).sense, kBadField);
  EXPECT_EQ(Execute({0x52, 0, 0, 0, 2, 0, 0, 0, 36, 0}, {}, 36).sense, kBadField);
  EXPECT_EQ(Execute({0x42, 2, 0x40, 1, 0, 0, 0, 0, 16, 0}, {}, 16).Number(2, 2), 12u);
  EXPECT_EQ(Execute({0x42, 0, 0x40, 9, 0, 0, 0, 0, 16, 0}, {}, 16).sense, kBadField);
}

TEST_F(MmcCommandsTest, DvdStructureOnlyOfADvd) {
  EXPECT_EQ(Execute({0xad, 0, 0, 0, 0, 0, 0, 0, 0, 21, 0, 0}, {}, 21).sense, kBadField);
  backend.announced_length = uint64_t{4} << 30;
  EXPECT_EQ(Execute({0xad, 0, 0, 0, 0, 0, 0, 0, 0, 21, 0, 0}, {}, 21).Number(0, 2), 19u);
  EXPECT_TRUE(Execute({0xad, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0}, {}, 8).good());
  EXPECT_EQ(Execute({0xad, 0, 0, 0, 0, 0, 0, 3, 0, 8, 0, 0}, {}, 8).sense, kBadField);
  EXPECT_EQ(Execute({0xad, 0, 0, 0, 0, 0, 1, 0, 0, 8, 0, 0}, {}, 8).sense, kBadField);
}

TEST_F(MmcCommandsTest, PerformanceAndMechanism) {
  EXPECT_EQ(Execute({0xac, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}, {}, 24).Number(0, 4), 20u);
  EXPECT_EQ(Execute({0xac, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {}, 24).Number(0, 4), 4u);
  EXPECT_EQ(Execute({0xac, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0}, {}, 24).sense, kBadField);
  EXPECT_EQ(Execute({0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0}, {}, 8).data[1], 0);
}

TEST_F(MmcCommandsTest, ModePages) {
  const ScsiResult six = Execute({0x1a, 0, 0x2a, 0, 255, 0}, {}, 255);
  ASSERT_TRUE(six.good());
  EXPECT_EQ(six.data[3], 0) << "no block descriptor";
  EXPECT_EQ(six.data[4 + 6] & 2, 0);
  EXPECT_TRUE(Execute({0x1e, 0, 0, 0, 1, 0}).good());
  EXPECT_EQ(Execute({0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 255, 0}, {}, 255).data[8 + 6] & 2, 2);
  EXPECT_EQ(Execute({0x5a, 0, 0x6a, 0, 0, 0, 0, 0, 255, 0}, {}, 255).data[8 + 6], 0);
  EXPECT_EQ(Execute({0x5a, 0, 0xea, 0, 0, 0, 0, 0, 255, 0}, {}, 255).sense,
            IllegalRequest(SenseCode::kSavingParametersNotSupported));
}

}  // namespace
}  // namespace platter

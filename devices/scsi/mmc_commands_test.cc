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
  // At the start of the disc, which is 00:02:00, and of the track.
  const ScsiResult position = Execute({0x42, 2, 0x40, 1, 0, 0, 0, 0, 16, 0}, {}, 16);
  EXPECT_EQ(position.Number(4, 4), 0x01140101u);
  EXPECT_EQ(position.Number(8, 4), 0x000200u);
  EXPECT_EQ(position.Number(12, 4), 0u);
  const ScsiResult isrc = Execute({0x42, 0, 0x40, 3, 0, 0, 1, 0, 24, 0}, {}, 24);
  EXPECT_EQ(isrc.Number(4, 4), 0x03140100u);
  EXPECT_EQ(isrc.Number(8, 4), 0u) << "there is none";
  EXPECT_EQ(Execute({0x42, 0, 0x40, 3, 0, 0, 77, 0, 24, 0}, {}, 24).sense, kBadField);
  EXPECT_EQ(Execute({0x42, 0, 0x40, 2, 0, 0, 0, 0, 24, 0}, {}, 24).Number(4, 5), 0x0200000000u);
}

TEST_F(MmcCommandsTest, DvdStructureOnlyOfADvd) {
  const Sense no_dvd = IllegalRequest(SenseCode::kIncompatibleFormat);
  for (const uint8_t format : {0, 1, 3, 4}) {
    EXPECT_EQ(Execute({0xad, 0, 0, 0, 0, 0, 0, format, 0, 21, 0, 0}, {}, 21).sense, no_dvd);
  }
  EXPECT_EQ(Execute({0xad, 0, 0, 0, 0, 0, 0, 0xff, 0, 8, 0, 0}, {}, 8).Number(0, 4), 0x00060000u);
  backend.announced_length = uint64_t{4} << 30;
  EXPECT_EQ(Execute({0xad, 0, 0, 0, 0, 0, 0, 0, 0, 21, 0, 0}, {}, 21).Number(0, 2), 19u);
  EXPECT_TRUE(Execute({0xad, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0}, {}, 8).good());
  EXPECT_EQ(Execute({0xad, 0, 0, 0, 0, 0, 0, 3, 0, 8, 0, 0}, {}, 8).sense, kBadField);
  EXPECT_EQ(Execute({0xad, 0, 0, 0, 0, 0, 1, 0, 0, 8, 0, 0}, {}, 8).sense, kBadField);
  const ScsiResult list = Execute({0xad, 0, 0, 0, 0, 0, 0, 0xff, 0, 255, 0, 0}, {}, 255);
  EXPECT_EQ(list.transferred, 20u);
  for (size_t at = 4; at < list.transferred; at += 4) {
    const uint8_t format = list.data[at];
    EXPECT_EQ(Execute({0xad, 0, 0, 0, 0, 0, 0, format, 0, 255, 0, 0}, {}, 255).transferred,
              list.Number(at + 2, 2));
  }
}

TEST_F(MmcCommandsTest, PerformanceAndMechanism) {
  EXPECT_EQ(Execute({0xac, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}, {}, 24).Number(0, 4), 20u);
  EXPECT_EQ(Execute({0xac, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {}, 24).Number(0, 4), 4u);
  EXPECT_EQ(Execute({0xac, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0}, {}, 24).sense, kBadField);
  // From the block that is asked for on, which is on the disc.
  const ScsiResult later = Execute({0xac, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0}, {}, 24);
  EXPECT_EQ(later.Number(8, 4), 9u);
  EXPECT_EQ(later.Number(16, 4), drive->blocks() - 1);
  EXPECT_EQ(Execute({0xac, 0, 0xff, 0, 0, 0, 0, 0, 0, 1, 0, 0}, {}, 24).sense,
            IllegalRequest(SenseCode::kLbaOutOfRange));
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

TEST_F(MmcCommandsTest, CapabilitiesOfWhatIsRead) {
  const ScsiResult page = Execute({0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 255, 0}, {}, 255);
  ASSERT_TRUE(page.good());
  EXPECT_EQ(page.data[8 + 2], 0x08) << "DVD-ROM, no recordable kind";
  EXPECT_EQ(page.data[8 + 3], 0) << "nothing is written";
  EXPECT_EQ(page.data[8 + 4], 0x40) << "no mode 2, no audio";
  EXPECT_EQ(page.data[8 + 6], 0x2d) << "tray, eject, no Prevent Jumper, lock";
}

// Features 0100h and 0105h claim them.
TEST_F(MmcCommandsTest, PagesOfPowerAndTimeouts) {
  struct Page {
    uint8_t code;
    uint8_t bytes;
  };
  for (const Page page : {Page{0x1a, 12}, Page{0x1d, 10}}) {
    for (const uint8_t control : {0x00, 0x40, 0x80}) {
      const auto code = static_cast<uint8_t>(control | page.code);
      const ScsiResult sense = Execute({0x5a, 0, code, 0, 0, 0, 0, 0, 255, 0}, {}, 255);
      ASSERT_TRUE(sense.good()) << int{code};
      ASSERT_EQ(sense.transferred, 8u + page.bytes);
      EXPECT_EQ(sense.data[8], page.code);
      EXPECT_EQ(sense.data[9], page.bytes - 2);
      for (size_t i = 10; i < sense.transferred; ++i) EXPECT_EQ(sense.data[i], 0) << i;
    }
  }
  // All pages, in ascending order (SPC-4, 6.11).
  const ScsiResult all = Execute({0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 255, 0}, {}, 255);
  std::vector<int> codes;
  for (size_t at = 8; at < all.transferred; at += 2 + size_t{all.data[at + 1]}) {
    codes.push_back(all.data[at]);
  }
  EXPECT_EQ(codes, (std::vector<int>{0x01, 0x0e, 0x1a, 0x1d, 0x2a}));
}

}  // namespace
}  // namespace platter

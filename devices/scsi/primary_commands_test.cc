// SPDX-License-Identifier: Apache-2.0
//
// REQUEST SENSE, RESERVE and RELEASE, REPORT LUNS.

#include "devices/scsi/primary_commands.h"

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

class PrimaryCommandsTest : public testing::Test, protected ScsiFixture {};

TEST_F(PrimaryCommandsTest, APowerOnIsToldFirst) {
  Start();
  disk->attentions().Establish(SenseCode::kPowerOnOrReset);
  EXPECT_TRUE(Execute({0x12, 0, 0, 0, 36, 0}, {}, 36).good());  // Neither told nor cleared.
  const ScsiResult sense = Execute({0x03, 0, 0, 0, 18, 0}, {}, 18);
  ASSERT_TRUE(sense.good());
  EXPECT_EQ(sense.data[2], 6);
  EXPECT_EQ(sense.data[12], 0x29);
  EXPECT_TRUE(Execute({0x00}).good());
  EXPECT_EQ(Execute({0x00}, {}, 0, /*nexus=*/1).sense, UnitAttention(SenseCode::kPowerOnOrReset));
}

TEST_F(PrimaryCommandsTest, ReservationsKeepOthersOut) {
  Start();
  EXPECT_TRUE(Execute({0x16}).good());
  EXPECT_TRUE(Execute({0x16}).good());
  for (const auto& cdb : {std::initializer_list<uint8_t>{0x00}, {0x16}, {0x08, 0, 0, 0, 1, 0}}) {
    EXPECT_EQ(Execute(cdb, {}, 512, 1).status, ScsiStatus::kReservationConflict);
  }
  EXPECT_TRUE(Execute({0x12, 0, 0, 0, 36, 0}, {}, 36, 1).good());
  EXPECT_TRUE(Execute({0x17}, {}, 0, 1).good());  // Of another's: nothing happens.
  EXPECT_EQ(Execute({0x00}, {}, 0, 1).status, ScsiStatus::kReservationConflict);
  EXPECT_TRUE(Execute({0x17}).good());
  EXPECT_TRUE(Execute({0x00}, {}, 0, 1).good());
}

TEST_F(PrimaryCommandsTest, ReportsLunsAndOpcodes) {
  Start();
  const ScsiResult luns = Execute({0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0}, {}, 16);
  EXPECT_EQ(luns.Number(0, 8), uint64_t{8} << 32);
  EXPECT_EQ(Execute({0xa0, 0, 3, 0, 0, 0, 0, 0, 0, 16, 0, 0}, {}, 16).sense.key,
            SenseKey::kIllegalRequest);

  const ScsiResult all = Execute({0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0}, {}, 512);
  ASSERT_TRUE(all.good());
  EXPECT_EQ(all.Number(0, 4), 8 * disk->commands().rows().size());
  const ScsiResult read = Execute({0xa3, 0x0c, 1, 0x28, 0, 0, 0, 0, 0, 255, 0, 0}, {}, 255);
  EXPECT_EQ(read.data[1], 3);
  EXPECT_EQ(read.Number(2, 2), 10u);
  EXPECT_EQ(read.data[4], 0x28);
  const ScsiResult none = Execute({0xa3, 0x0c, 1, 0x04, 0, 0, 0, 0, 0, 255, 0, 0}, {}, 255);
  EXPECT_EQ(none.data[1], 1);
  const ScsiResult capacity = Execute({0xa3, 0x0c, 2, 0x9e, 0, 0x10, 0, 0, 0, 255, 0, 0}, {}, 255);
  EXPECT_EQ(capacity.data[1], 3);
  EXPECT_EQ(capacity.data[5] & 0x1f, 0x10);
}

TEST_F(PrimaryCommandsTest, OpcodesWithTimeouts) {
  Start();
  const size_t rows = disk->commands().rows().size();
  const ScsiResult all = Execute({0xa3, 0x0c, 0x80, 0, 0, 0, 0, 0, 8, 0, 0, 0}, {}, 2048);
  ASSERT_TRUE(all.good());
  EXPECT_EQ(all.Number(0, 4), 20 * rows);
  EXPECT_EQ(all.data[4 + 5] & 2, 2) << "CTDP";
  EXPECT_EQ(all.Number(4 + 8, 4), 0x000a0000u);
  EXPECT_EQ(all.data[4 + 20 * (rows - 1)],
            static_cast<uint8_t>(disk->commands().rows().back().opcode));
  const ScsiResult read = Execute({0xa3, 0x0c, 0x81, 0x28, 0, 0, 0, 0, 0, 255, 0, 0}, {}, 255);
  EXPECT_EQ(read.transferred, 4u + 10 + 12);
  EXPECT_EQ(read.data[1], 0x83);
  EXPECT_EQ(read.Number(14, 4), 0x000a0000u);
  const ScsiResult none = Execute({0xa3, 0x0c, 0x81, 0x04, 0, 0, 0, 0, 0, 255, 0, 0}, {}, 255);
  EXPECT_EQ(none.data[1], 1);
  EXPECT_EQ(none.transferred, 4u);
}

// SAM-5, 5.2: units without ACA end a command that asks for it.
TEST_F(PrimaryCommandsTest, NacaIsRefused) {
  Start();
  const Sense bad_field = IllegalRequest(SenseCode::kInvalidFieldInCdb);
  EXPECT_EQ(Execute({0, 0, 0, 0, 0, 4}).sense, bad_field);
  EXPECT_EQ(Execute({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 4}, {}, 8).sense, bad_field);
  EXPECT_EQ(Execute({0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 4}, {}, 16).sense, bad_field);
  EXPECT_EQ(Execute({0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 4}, {}, 32).sense,
            bad_field);
  EXPECT_TRUE(Execute({0, 0, 0, 0, 0, 3}).good()) << "other bits are obsolete or the vendor's";
  EXPECT_EQ(Execute({0x04, 0, 0, 0, 0, 4}).sense, IllegalRequest(SenseCode::kInvalidOpcode));
  lane->IgnoreControlByte();
  EXPECT_TRUE(Execute({0, 0, 0, 0, 0, 4}).good()) << "in a packet";
}

}  // namespace
}  // namespace platter

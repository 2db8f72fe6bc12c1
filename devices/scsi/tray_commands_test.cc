// SPDX-License-Identifier: Apache-2.0
//
// The commands of a tray, bit by bit, of both kinds of units that have one.

#include "devices/scsi/tray_commands.h"

#include <string>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

constexpr Sense kInvalidField = IllegalRequest(SenseCode::kInvalidFieldInCdb);

enum class Kind : uint8_t { kCd, kDisk };

class TrayCommandsTest : public testing::TestWithParam<Kind>, protected ScsiFixture {
 protected:
  TrayCommandsTest() {
    if (GetParam() == Kind::kCd) {
      StartCd();
    } else {
      StartRemovable();
    }
  }
  ScsiResult EventStatus(uint8_t polled, uint8_t classes, uint8_t length = 8) {
    return Execute({0x4a, polled, 0, 0, classes, 0, 0, 0, length, 0}, {}, 8);
  }
};

TEST_P(TrayCommandsTest, OnlyLoejWithoutAPowerConditionMoves) {
  for (int byte = 0; byte < 256; ++byte) {
    backend.tray_moves.clear();
    // A disk refuses the conditions 4 to 6, 8, 9 and C to F, which SBC-3 reserves.
    const bool refused = disk != nullptr && (0xf370 >> (byte >> 4) & 1) != 0;
    EXPECT_EQ(Execute({0x1b, 0, 0, 0, static_cast<uint8_t>(byte), 0}).good(), !refused) << byte;
    const bool moves = (byte >> 4) == 0 && (byte & 2) != 0;
    const bool loads = (byte & 1) != 0;
    // Alternately open and closed: LOEJ alone comes before LOEJ with START.
    EXPECT_EQ(backend.tray_moves.size(), moves ? 1u : 0u) << byte;
    if (!moves) continue;
    EXPECT_EQ(backend.tray_moves[0], loads ? MediumMove::kLoad : MediumMove::kEject) << byte;
    if (loads) {
      EXPECT_EQ(Execute({0x00}).sense, UnitAttention(SenseCode::kMediumMayHaveChanged));
    }
  }
}

TEST_P(TrayCommandsTest, PersistentPreventionIsRefused) {
  for (const uint8_t prevent : {2, 3}) {
    EXPECT_EQ(Execute({0x1e, 0, 0, 0, prevent, 0}).sense, kInvalidField);
    EXPECT_FALSE(backend.medium_locked);
  }
}

TEST_P(TrayCommandsTest, EventStatusIsPolled) {
  EXPECT_EQ(EventStatus(0, 0x10).sense, kInvalidField) << "asynchronous";
  const ScsiResult none = EventStatus(1, 0x02);
  ASSERT_TRUE(none.good());
  EXPECT_EQ(none.transferred, 4u);
  EXPECT_EQ(none.data[2], 0x80) << "NEA";
  EXPECT_EQ(none.data[3], 0x54) << "power, media and device busy are there";
  const ScsiResult media = EventStatus(1, 0x10);
  ASSERT_TRUE(media.good());
  EXPECT_EQ(media.Number(0, 2), 6u);
  EXPECT_EQ(media.data[2], 4);
  EXPECT_EQ(media.Number(4, 2), 0x0002u) << "no event; a medium, closed";
}

// The features of a drive claim power management and the class of a busy device.
TEST_P(TrayCommandsTest, EventStatusOfPowerAndOfABusyDevice) {
  const ScsiResult power = EventStatus(1, 0xff);
  ASSERT_TRUE(power.good());
  EXPECT_EQ(power.Number(0, 4), 0x00060254u) << "without events the first class answers";
  EXPECT_EQ(power.Number(4, 4), 0x00010000u) << "active";
  const ScsiResult busy = EventStatus(1, 0x40);
  EXPECT_EQ(busy.Number(0, 4), 0x00060654u);
  EXPECT_EQ(busy.Number(4, 4), 0u) << "not busy";
  // An event goes before classes that have none.
  backend.ops.eject_request(Force::kNo);
  EXPECT_EQ(EventStatus(1, 0x44).data[4], 0) << "not of media";
  const ScsiResult media = EventStatus(1, 0x54);
  EXPECT_EQ(media.data[2], 4);
  EXPECT_EQ(media.Number(4, 2), 0x0102u);
  EXPECT_EQ(EventStatus(1, 0x54).data[2], 2);
}

TEST_P(TrayCommandsTest, ANoticeThatWouldBeCutOffIsKept) {
  backend.ops.eject_request(Force::kNo);
  EXPECT_TRUE(EventStatus(1, 0x10, 4).good());
  EXPECT_EQ(EventStatus(1, 0x10).data[4], 1);
  EXPECT_EQ(EventStatus(1, 0x10).data[4], 0);
}

INSTANTIATE_TEST_SUITE_P(Units, TrayCommandsTest, testing::Values(Kind::kCd, Kind::kDisk),
                         [](const testing::TestParamInfo<Kind>& kind) {
                           return std::string(kind.param == Kind::kCd ? "Cd" : "Disk");
                         });

}  // namespace
}  // namespace platter

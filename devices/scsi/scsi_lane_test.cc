// SPDX-License-Identifier: Apache-2.0
//
// The checks before a command, and how it is answered.

#include "devices/scsi/scsi_lane.h"

#include <algorithm>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

class ScsiLaneTest : public testing::Test, protected ScsiFixture {};

TEST_F(ScsiLaneTest, AllocationLengthsCutReplies) {
  Start();
  for (size_t length : {0, 1, 5, 36, 255}) {
    const ScsiResult result = Execute({0x12, 0, 0, 0, static_cast<uint8_t>(length), 0}, {}, 256);
    ASSERT_TRUE(result.good());
    EXPECT_EQ(result.transferred, std::min<size_t>(length, 64));
    EXPECT_EQ(result.data[result.transferred], 0xee);
  }
  // The guest asked for more than it has room for.
  EXPECT_TRUE(Execute({0x12, 0, 0, 0, 64, 0}, {}, 36).overrun);
}

// While a command is away in the control context, the lane does those of other initiators.
TEST_F(ScsiLaneTest, ATaskIsItsInitiatorsWhereverItIsDone) {
  StartCd(MmcInterface::kScsi, &world.NewContext("io"));
  backend.ops.change_media(MediumMove::kEject);
  drive->attentions().EstablishFor(SenseCode::kModeParametersChanged, 1);
  Task sense({0x03, 0, 0, 0, 18, 0}, {}, 18);
  ASSERT_EQ(lane->Execute(sense, 0), Execution::kGoesOn);
  EXPECT_TRUE(Execute({0x12, 0, 0, 0, 36, 0}, {}, 36, 1).good());
  world.RunUntil([&] { return sense.completions == 1; });
  EXPECT_EQ(sense.result().Number(12, 2), 0x3a00u);
  EXPECT_TRUE(drive->attentions().pending(SenseCode::kModeParametersChanged, 1));
  EXPECT_EQ(Execute({0x00}, {}, 0, 1).sense, UnitAttention(SenseCode::kModeParametersChanged));
}

}  // namespace
}  // namespace platter

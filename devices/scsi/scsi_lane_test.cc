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

}  // namespace
}  // namespace platter

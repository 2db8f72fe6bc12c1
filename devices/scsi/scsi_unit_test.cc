// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_unit.h"

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

class ScsiUnitTest : public testing::Test, protected ScsiFixture {
 protected:
  ScsiUnitTest() { Start(); }
};

TEST_F(ScsiUnitTest, OneInitiatorReserves) {
  EXPECT_EQ(disk->reserved_by(), ScsiUnit::kNobody);
  EXPECT_TRUE(disk->Reserve(2));
  EXPECT_TRUE(disk->Reserve(2));
  EXPECT_FALSE(disk->Reserve(3));
  disk->Release(3);
  EXPECT_EQ(disk->reserved_by(), 2);
  disk->Release(2);
  EXPECT_TRUE(disk->Reserve(3));
}

TEST_F(ScsiUnitTest, APartialBlockIsNotThere) {
  backend.announced_length = 10 * 512 + 511;
  EXPECT_EQ(disk->blocks(), 10u);
}

TEST_F(ScsiUnitTest, AResetTellsEveryInitiator) {
  disk->Reserve(1);
  disk->Reset(SenseCode::kBusDeviceReset);
  EXPECT_EQ(disk->reserved_by(), ScsiUnit::kNobody);
  EXPECT_EQ(disk->attentions().Take(0), SenseCode::kBusDeviceReset);
  EXPECT_EQ(disk->attentions().Take(5), SenseCode::kBusDeviceReset);
}

}  // namespace
}  // namespace platter

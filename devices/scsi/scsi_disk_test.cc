// SPDX-License-Identifier: Apache-2.0
//
// What only a disk says, and what changes it.

#include "devices/scsi/scsi_disk.h"

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

class ScsiDiskTest : public testing::Test, protected ScsiFixture {};

TEST_F(ScsiDiskTest, BlockLimits) {
  Start({.logical_block_size = 4096,
         .min_io_size = 8192,
         .opt_io_size = 65536,
         .discard_granularity = 16384});
  const ScsiResult limits = Execute({0x12, 1, 0xb0, 0, 255, 0}, {}, 255);
  ASSERT_TRUE(limits.good());
  EXPECT_EQ(limits.Number(2, 2), 60u);
  EXPECT_EQ(limits.Number(6, 2), 2u);
  EXPECT_EQ(limits.Number(12, 4), 16u);
  EXPECT_EQ(limits.Number(20, 4), UINT32_MAX);
  EXPECT_EQ(limits.Number(24, 4), 255u);
  EXPECT_EQ(limits.Number(28, 4), 4u);
  EXPECT_EQ(limits.Number(36, 8), (64u << 20) / 4096);
}

TEST_F(ScsiDiskTest, WithoutDiscardNothingIsSaidOfUnmap) {
  backend.discards = false;
  Start();
  EXPECT_EQ(Execute({0x12, 1, 0xb0, 0, 255, 0}, {}, 255).Number(20, 4), 0u);
  EXPECT_EQ(Execute({0x12, 1, 0xb2, 0, 255, 0}, {}, 255).Number(4, 4), 0u);
  EXPECT_EQ(Execute({0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}, {}, 32).Number(14, 2),
            0u);
}

TEST_F(ScsiDiskTest, CapacityFollowsTheMedium) {
  Start({.logical_block_size = 512, .physical_block_size = 4096});
  ScsiResult ten = Execute({0x25}, {}, 8);
  EXPECT_EQ(ten.Number(0, 4), 2047u);
  EXPECT_EQ(ten.Number(4, 4), 512u);
  ScsiResult sixteen = Execute({0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}, {}, 32);
  EXPECT_EQ(sixteen.Number(0, 8), 2047u);
  EXPECT_EQ(sixteen.data[13], 3);  // 512e.
  int told = 0;
  disk->set_on_news([&](ScsiNews news) { told += news == ScsiNews::kCapacity ? 1 : 0; });
  backend.Resize(2 << 20);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(Execute({0x00}).sense, UnitAttention(SenseCode::kCapacityDataChanged));
  EXPECT_EQ(Execute({0x25}, {}, 8).Number(0, 4), 4095u);
}

TEST_F(ScsiDiskTest, HugeMediaAreForReadCapacity16) {
  Start();
  backend.announced_length = uint64_t{1} << 50;
  EXPECT_EQ(Execute({0x25}, {}, 8).Number(0, 4), UINT32_MAX);
  const ScsiResult sixteen =
      Execute({0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}, {}, 32);
  EXPECT_EQ(sixteen.Number(0, 8), (uint64_t{1} << 41) - 1);
  // A known operation code with a service action that is not there.
  EXPECT_EQ(Execute({0x9e, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}, {}, 32).sense,
            IllegalRequest(SenseCode::kInvalidFieldInCdb));
}

TEST_F(ScsiDiskTest, AResetForgetsWhatInitiatorsSet) {
  Start();
  EXPECT_TRUE(Execute({0x16}).good());
  backend.write_cache = false;
  disk->set_descriptor_sense(true);
  disk->Reset(SenseCode::kBusDeviceReset);
  EXPECT_TRUE(backend.write_cache);
  EXPECT_EQ(disk->sense_format(), SenseFormat::kFixed);
  EXPECT_EQ(Execute({0x00}, {}, 0, 1).sense, UnitAttention(SenseCode::kBusDeviceReset));
  EXPECT_TRUE(Execute({0x00}, {}, 0, 1).good());
}

// SPC-4, 5.9: the loss of a nexus takes no mode parameter back, the reset of a unit does.
TEST_F(ScsiDiskTest, ModeParametersStayOverTheLossOfANexus) {
  Start();
  backend.set_write_cache_enabled(false);
  disk->set_descriptor_sense(true);
  disk->Reset(SenseCode::kNexusLoss);
  EXPECT_FALSE(backend.write_cache);
  EXPECT_EQ(disk->sense_format(), SenseFormat::kDescriptor);
  EXPECT_EQ(Execute({0x00}).sense, UnitAttention(SenseCode::kNexusLoss));
  disk->Reset(SenseCode::kBusDeviceReset);
  EXPECT_TRUE(backend.write_cache);
  EXPECT_EQ(disk->sense_format(), SenseFormat::kFixed);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/new_space.h"

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/stage_fixture.h"

namespace platter {
namespace {

using NewSpaceTest = StageFixture;

// As if the disk had had half of what it has.
TEST_F(NewSpaceTest, IsZeroWrittenAndPromised) {
  Open();
  const auto disk = stage_->FindDisk("vda");
  ASSERT_TRUE(disk.ok()) << disk.status();
  const absl::Status used = UseNewSpace(*stage_, **disk, files_.disk, kMiB / 2);
  EXPECT_TRUE(used.ok()) << used;
  ASSERT_EQ(stage_->promises().size(), 2u);
  for (const auto& [place, checksum] : stage_->promises()) {
    EXPECT_GE(place.offset, kMiB / 2);
    EXPECT_EQ(*ChecksumOfFile(place.image, place.offset, place.bytes), checksum);
  }
}

TEST_F(NewSpaceTest, OldDataThereIsNoticed) {
  Open();
  const auto disk = stage_->FindDisk("vda");
  ASSERT_TRUE(disk.ok()) << disk.status();
  ASSERT_TRUE(FlipByteOfFile(files_.disk, kMiB / 2 + 5).ok());
  EXPECT_EQ(MessageOf(UseNewSpace(*stage_, **disk, files_.disk, kMiB / 2)),
            "the new space does not read as zeroes");
}

}  // namespace
}  // namespace platter

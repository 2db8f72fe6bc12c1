// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/read_disc.h"

#include <memory>

#include "gtest/gtest.h"

#include "base/status.h"
#include "testing/demo/stage_fixture.h"

namespace platter {
namespace {

constexpr AtapiSense kPowerOn = {.key = 6, .code = 0x2900};

class ReadDiscTest : public StageFixture {
 protected:
  // The drive with this file's disc, past its power-on news.
  void Insert(const absl::StatusOr<CdDisc>& disc) {
    ASSERT_TRUE(disc.ok()) << disc.status();
    files_.iso_a = *disc;
    Open();
    drive_ = Drive();
    ASSERT_TRUE(ExpectNews(*stage_, *drive_, {kPowerOn}).ok());
  }
  absl::StatusOr<CdDisc> MakeDisc() {
    return MakeIsoDisc(
        folder_->File("disc.iso"),
        {.label = "DISC", .file_name = "DATA.BIN", .file_bytes = 150'001, .seed = 9});
  }
  std::string Read(const CdDisc& disc) { return MessageOf(ReadDisc(*stage_, *drive_, disc)); }

  std::unique_ptr<AtapiDriver> drive_;
};

TEST_F(ReadDiscTest, AFileIsFoundAndCompared) {
  Insert(MakeDisc());
  EXPECT_EQ(Read(files_.iso_a), "");
}

TEST_F(ReadDiscTest, AnotherDiscIsNoticed) {
  Insert(MakeDisc());
  CdDisc other = files_.iso_a;
  other.label = "OTHER";
  EXPECT_EQ(Read(other), "the volume is 'DISC', not 'OTHER'");
  other = files_.iso_a;
  other.file_name = "OTHER.BIN";
  EXPECT_EQ(Read(other), "the guest does not find OTHER.BIN on the disc");
  other = files_.iso_a;
  other.checksum ^= 1;
  EXPECT_EQ(Read(other), "wrong checksum of DATA.BIN: not what the host put there");
}

TEST_F(ReadDiscTest, ADiscWithoutFileSystemIsReadWhole) {
  Insert(files_.iso_a);
  EXPECT_EQ(Read(files_.iso_a), "");
  CdDisc other = files_.iso_b;
  EXPECT_EQ(Read(other),
            "wrong checksum of the whole disc, a pattern: not what the host put there");
  other.file_name = "DATA.BIN";
  EXPECT_EQ(Read(other), "the guest does not see the file system of the disc");
}

TEST_F(ReadDiscTest, BlocksBeyondTheEndAreRefused) {
  Insert(files_.iso_a);
  EXPECT_EQ(ReadBlocks(*drive_, 30, 4096)->size(), 4096u);
  EXPECT_EQ(MessageOf(ReadBlocks(*drive_, 31, 4096).status()),
            "the guest's read of block 31 was answered '5/21/00'");
}

TEST_F(ReadDiscTest, OtherNewsAreNoticed) {
  Insert(files_.iso_a);
  EXPECT_EQ(MessageOf(ExpectNews(*stage_, *drive_, {kPowerOn})),
            "the drive tells '' before it is ready, not '6/29/00, power on or reset'");
  EXPECT_TRUE(ExpectNews(*stage_, *drive_, {}).ok());
}

}  // namespace
}  // namespace platter

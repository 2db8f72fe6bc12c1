// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/cd_disc.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/temp_folder.h"

namespace platter {
namespace {

using ::testing::HasSubstr;

class CdDiscTest : public testing::Test {
 protected:
  std::unique_ptr<TempFolder> folder_ = *TempFolder::CreateIn("/tmp");
  const std::string path_ = folder_->File("disc.iso");
  IsoPlan plan_ = {.label = "DISC_A", .file_name = "DATA.BIN", .file_bytes = 5000, .seed = 3};
};

TEST_F(CdDiscTest, AMadeDiscIsFoundAgain) {
  const absl::StatusOr<CdDisc> made = MakeIsoDisc(path_, plan_);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->has_file_system());
  const absl::StatusOr<CdDisc> seen = LookAtIsoDisc(path_);
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->label, "DISC_A");
  EXPECT_EQ(seen->file_name, "DATA.BIN");
  EXPECT_EQ(seen->extent, made->extent);
  EXPECT_EQ(seen->extent.bytes, 5000u);
  // By what went in, and by what is there.
  EXPECT_EQ(seen->checksum, made->checksum);
}

TEST_F(CdDiscTest, ChangedDataHasAnotherChecksum) {
  const absl::StatusOr<CdDisc> made = MakeIsoDisc(path_, plan_);
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE(FlipByteOfFile(path_, uint64_t{made->extent.block} * kIsoBlockBytes + 100).ok());
  EXPECT_NE(LookAtIsoDisc(path_)->checksum, made->checksum);
}

TEST_F(CdDiscTest, APatternDiscHasNoFileSystem) {
  const absl::StatusOr<CdDisc> made = MakePatternDisc(path_, 65536, 3);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(made->has_file_system());
  EXPECT_EQ(made->checksum, *ChecksumOfFile(path_, 0, 65536));
  EXPECT_EQ(MessageOf(LookAtIsoDisc(path_).status()),
            "disc image " + path_ + ": no ISO 9660 file system is on it");
}

TEST_F(CdDiscTest, ImagesThatWillNotDoAreNamed) {
  EXPECT_EQ(ErrnoOf(LookAtIsoDisc(path_).status()), ENOENT);
  ASSERT_TRUE(MakePatternImage(path_, 2048, 1).ok());
  EXPECT_THAT(MessageOf(LookAtIsoDisc(path_).status()),
              HasSubstr(path_ + " has 2048 bytes: at least 34816 are needed"));
}

TEST_F(CdDiscTest, AnImageThatIsCutIsNamed) {
  const absl::StatusOr<CdDisc> made = MakeIsoDisc(path_, plan_);
  ASSERT_TRUE(made.ok()) << made.status();
  std::filesystem::resize_file(path_, uint64_t{made->extent.block} * kIsoBlockBytes + 512);
  EXPECT_THAT(MessageOf(LookAtIsoDisc(path_).status()), HasSubstr(path_ + " ends at"));
}

TEST_F(CdDiscTest, ADiscWithoutFilesIsNamed) {
  plan_.file_bytes = 0;
  EXPECT_THAT(MessageOf(MakeIsoDisc(path_, plan_).status()),
              HasSubstr("no file is in its root folder"));
}

TEST_F(CdDiscTest, WithoutTheProgramThereIsNoDisc) {
  plan_.xorriso = "no-such-xorriso";
  EXPECT_EQ(ErrnoOf(MakeIsoDisc(path_, plan_).status()), ENOENT);
}

}  // namespace
}  // namespace platter

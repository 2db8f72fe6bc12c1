// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/stage_files.h"

#include <cerrno>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "testing/demo/disk_image.h"

namespace platter {
namespace {

class StageFilesTest : public testing::Test {
 protected:
  absl::StatusOr<StageFiles> Prepare() { return PrepareStageFiles(options_, *folder_, narrator_); }

  std::unique_ptr<TempFolder> folder_ = *TempFolder::CreateIn("/tmp");
  std::unique_ptr<TempFolder> users_ = *TempFolder::CreateIn("/tmp");
  std::ostringstream out_;
  Narrator narrator_{out_, {}};
  DemoOptions options_;
};

TEST_F(StageFilesTest, AllImagesAreThere) {
  const auto files = Prepare();
  ASSERT_TRUE(files.ok()) << files.status();
  for (const std::string& path : {files->disk, files->disc_a, files->disc_b, files->iso_a.path,
                                  files->iso_b.path, files->scsi_disk}) {
    EXPECT_TRUE(std::filesystem::exists(path)) << path;
  }
  EXPECT_EQ(files->ext4_label, "platter-demo");
  EXPECT_NE(files->iso_a.label, files->iso_b.label);
  EXPECT_NE(files->iso_a.checksum, files->iso_b.checksum);
}

TEST_F(StageFilesTest, ProgramsThatAreMissingAreNamed) {
  options_.mkfs = "no-such-mkfs";
  options_.xorriso = "no-such-xorriso";
  const auto files = Prepare();
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->ext4_label, "");
  EXPECT_FALSE(files->iso_a.has_file_system());
  EXPECT_NE(out_.str().find("there is no no-such-mkfs here"), std::string::npos) << out_.str();
  EXPECT_NE(out_.str().find("there is no no-such-xorriso here"), std::string::npos) << out_.str();
}

TEST_F(StageFilesTest, ADiskOfTheUsersIsCopiedAndADiscIsNot) {
  options_.disk = users_->File("disk");
  options_.iso = users_->File("disc.iso");
  ASSERT_TRUE(MakePatternImage(options_.disk, kMinDemoDiskBytes, 1).ok());
  ASSERT_TRUE(
      MakeIsoDisc(options_.iso, {.label = "L", .file_name = "F", .file_bytes = 9, .seed = 1}).ok());
  const auto files = Prepare();
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_NE(files->disk, options_.disk);
  EXPECT_EQ(files->iso_a.path, options_.iso);
  EXPECT_EQ(files->iso_a.label, "L");
}

TEST_F(StageFilesTest, ADiskOrDiscThatWillNotDoIsNamed) {
  options_.iso = users_->File("missing.iso");
  EXPECT_NE(MessageOf(Prepare().status()).find(options_.iso), std::string::npos);
  options_.disk = users_->File("missing");
  EXPECT_NE(MessageOf(Prepare().status()).find(options_.disk), std::string::npos);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/demo.h"

#include <cerrno>
#include <filesystem>
#include <memory>
#include <regex>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/cd_disc.h"
#include "testing/demo/demo_fixture.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/foreign_locks.h"
#include "testing/demo/iso_image.h"
#include "testing/demo/stage_files.h"
#include "testing/demo/step.h"
#include "testing/demo/temp_folder.h"

namespace platter {
namespace {

void ExpectAllHeld(const ToldDemo& demo) {
  SCOPED_TRACE(demo.told);
  EXPECT_TRUE(demo.result.status.ok()) << demo.result.status;
  EXPECT_EQ(demo.result.failed_step, "");
  for (const Step& step : kDemoSteps) {
    EXPECT_NE(demo.told.find(std::string("  ") + step.name + "  "), std::string::npos) << step.name;
  }
  EXPECT_NE(demo.told.find("All " + std::to_string(kDemoSteps.size()) + " steps held"),
            std::string::npos);
  EXPECT_EQ(demo.told.find("FAILED"), std::string::npos);
}

TEST(DemoTest, EveryStepHolds) { ExpectAllHeld(RunToldDemo({})); }

TEST(DemoTest, EveryStepHoldsWithoutATmpfsAndSaysSo) {
  const ToldDemo demo = RunToldDemo(
      {.pace = DemoOptions::Pace::kFast, .space = DemoOptions::Space::kAllocationLimit});
  ExpectAllHeld(demo);
  EXPECT_FALSE(demo.result.on_tmpfs);
  EXPECT_NE(demo.told.find("allocation-limit: as asked for"), std::string::npos) << demo.told;
}

// A tmpfs, or a line that says why there is none.
TEST(DemoTest, SaysWhenTheHostRefusesATmpfs) {
  const ToldDemo demo = RunToldDemo({.pace = DemoOptions::Pace::kFast});
  EXPECT_NE(demo.result.on_tmpfs, demo.told.find("this host refuses") != std::string::npos)
      << demo.told;
  // Which of the two a run of the tests was, for whoever reads its report.
  RecordProperty("space", demo.result.on_tmpfs ? "tmpfs" : "allocation-limit");
}

TEST(DemoTest, EveryStepHoldsWithoutMkfsAndSaysSo) {
  const ToldDemo demo = RunToldDemo({.mkfs = "no-such-mkfs", .pace = DemoOptions::Pace::kFast});
  ExpectAllHeld(demo);
  EXPECT_NE(demo.told.find("there is no no-such-mkfs here"), std::string::npos) << demo.told;
  EXPECT_NE(demo.told.find("a raw disk"), std::string::npos) << demo.told;
}

TEST(DemoTest, EveryStepHoldsWithoutFsckAndSaysSo) {
  const ToldDemo demo = RunToldDemo({.fsck = "no-such-fsck", .pace = DemoOptions::Pace::kFast});
  ExpectAllHeld(demo);
  EXPECT_NE(demo.told.find("there is no no-such-fsck here"), std::string::npos) << demo.told;
  EXPECT_EQ(demo.told.find("clean"), std::string::npos) << demo.told;
}

TEST(DemoTest, EveryStepHoldsWithoutXorrisoAndSaysSo) {
  const ToldDemo demo =
      RunToldDemo({.xorriso = "no-such-xorriso", .pace = DemoOptions::Pace::kFast});
  ExpectAllHeld(demo);
  EXPECT_NE(demo.told.find("there is no no-such-xorriso here"), std::string::npos) << demo.told;
  EXPECT_NE(demo.told.find("two with patterns"), std::string::npos) << demo.told;
  EXPECT_EQ(demo.told.find("ISO 9660"), std::string::npos) << demo.told;
}

// Other seeds go to other places with other data.
TEST(DemoTest, EverySeedHolds) {
  for (const uint64_t seed : {uint64_t{0}, uint64_t{2}, UINT64_MAX}) {
    ExpectAllHeld(RunToldDemo({.seed = seed, .pace = DemoOptions::Pace::kFast}));
  }
}

class DemoDiscTest : public testing::Test {
 protected:
  absl::Status MakeDisc(uint64_t file_bytes) {
    return MakeIsoImage(
        iso_, {.label = "MINE", .file_name = "MINE.BIN", .file_bytes = file_bytes, .seed = 7});
  }

  std::unique_ptr<TempFolder> folder_ = *TempFolder::CreateIn("/tmp");
  const std::string iso_ = folder_->File("mine.iso");
};

TEST_F(DemoDiscTest, DiscOfTheUserIsReadAndStaysAsItIs) {
  ASSERT_TRUE(MakeDisc(100'000).ok());
  const uint64_t size = std::filesystem::file_size(iso_);
  const uint64_t before = *ChecksumOfFile(iso_, 0, size);
  // Nobody may write to it.
  std::filesystem::permissions(iso_, std::filesystem::perms::owner_read);
  const ToldDemo demo = RunToldDemo({.iso = iso_, .pace = DemoOptions::Pace::kFast});
  ExpectAllHeld(demo);
  EXPECT_NE(demo.told.find("ISO 9660 volume 'MINE'"), std::string::npos) << demo.told;
  EXPECT_NE(demo.told.find("reads MINE.BIN, 97.7 KiB"), std::string::npos) << demo.told;
  EXPECT_EQ(std::filesystem::file_size(iso_), size);
  EXPECT_EQ(*ChecksumOfFile(iso_, 0, size), before);
}

// The smallest file there is.
TEST_F(DemoDiscTest, OneByteIsEnough) {
  ASSERT_TRUE(MakeDisc(1).ok());
  ExpectAllHeld(RunToldDemo({.iso = iso_, .pace = DemoOptions::Pace::kFast}));
}

// Of a large file the beginning is read.
TEST_F(DemoDiscTest, ALargeFileIsReadInPart) {
  ASSERT_TRUE(MakeDisc(uint64_t{kMaxDiscFileBytes} + 5000).ok());
  const ToldDemo demo = RunToldDemo({.iso = iso_, .pace = DemoOptions::Pace::kFast});
  ExpectAllHeld(demo);
  EXPECT_NE(demo.told.find("reads MINE.BIN, 16 MiB"), std::string::npos) << demo.told;
}

TEST_F(DemoDiscTest, DiscThatIsNoneFailsBeforeTheFirstStep) {
  ASSERT_TRUE(MakePatternImage(iso_, kMiB, 1).ok());
  const ToldDemo demo = RunToldDemo({.iso = iso_});
  EXPECT_EQ(MessageOf(demo.result.status),
            "disc image " + iso_ + ": no ISO 9660 file system is on it");
  EXPECT_EQ(demo.result.failed_step, "");
  EXPECT_EQ(demo.told.find("identify"), std::string::npos) << demo.told;
}

class DemoDiskTest : public testing::Test {
 protected:
  std::unique_ptr<TempFolder> folder_ = *TempFolder::CreateIn("/tmp");
  const std::string disk_ = folder_->File("disk");
};

TEST_F(DemoDiskTest, DiskOfTheUserStaysAsItIs) {
  // Not a multiple of 4 KiB, and of any content.
  const uint64_t size = 3 * kMiB + 512;
  ASSERT_TRUE(MakePatternImage(disk_, size, 7).ok());
  const uint64_t before = *ChecksumOfFile(disk_, 0, size);
  const auto written = std::filesystem::last_write_time(disk_);
  const ToldDemo demo = RunToldDemo({.disk = disk_, .pace = DemoOptions::Pace::kFast});
  ExpectAllHeld(demo);
  EXPECT_NE(demo.told.find("a copy of " + disk_), std::string::npos);
  EXPECT_EQ(*CheckDiskFile(disk_, 1), size);
  EXPECT_EQ(*ChecksumOfFile(disk_, 0, size), before);
  EXPECT_EQ(std::filesystem::last_write_time(disk_), written);
}

TEST_F(DemoDiskTest, SmallestDiskIsEnough) {
  ASSERT_TRUE(MakeSparseImage(disk_, kMinDemoDiskBytes).ok());
  ExpectAllHeld(RunToldDemo({.disk = disk_, .pace = DemoOptions::Pace::kFast}));
}

TEST_F(DemoDiskTest, DiskThatAnotherProgramWritesToFailsBeforeTheFirstStep) {
  ASSERT_TRUE(MakePatternImage(disk_, 2 * kMiB, 7).ok());
  const ForeignLocks writer(disk_, {101, 201});
  const ToldDemo demo = RunToldDemo({.disk = disk_, .pace = DemoOptions::Pace::kFast});
  EXPECT_EQ(ErrnoOf(demo.result.status), EBUSY) << demo.result.status;
  EXPECT_NE(MessageOf(demo.result.status).find(disk_), std::string::npos) << demo.result.status;
  EXPECT_EQ(demo.result.failed_step, "");
  EXPECT_EQ(demo.told.find("steps held"), std::string::npos) << demo.told;
}

TEST_F(DemoDiskTest, DiskThatIsNoneFailsBeforeTheFirstStep) {
  const ToldDemo demo = RunToldDemo({.disk = disk_});
  EXPECT_EQ(ErrnoOf(demo.result.status), ENOENT);
  EXPECT_NE(MessageOf(demo.result.status).find(disk_), std::string::npos);
  EXPECT_EQ(demo.result.failed_step, "");
}

TEST(DemoFilesTest, AreKeptWhenAskedFor) {
  const ToldDemo demo =
      RunToldDemo({.pace = DemoOptions::Pace::kFast, .files = DemoOptions::Files::kKeep});
  std::smatch match;
  ASSERT_TRUE(std::regex_search(demo.told, match, std::regex("files are kept in (.*)\n")))
      << demo.told << demo.result.status;
  EXPECT_TRUE(std::filesystem::exists(match[1].str() + "/disk.img"));
  std::filesystem::remove_all(match[1].str());
}

}  // namespace
}  // namespace platter

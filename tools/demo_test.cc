// SPDX-License-Identifier: Apache-2.0
//
// The program itself: its options, its exit status, its output.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "testing/demo/cd_disc.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/run_program.h"
#include "testing/demo/temp_folder.h"

namespace platter {
namespace {

// Tests run in the folder of their runfiles.
constexpr const char* kDemo = "tools/demo";
constexpr uint64_t kDiskBytes = uint64_t{2} << 20;

ProgramResult RunTheDemo(const std::vector<std::string>& arguments) {
  const auto result = RunProgram(kDemo, arguments);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : ProgramResult{.exit_code = -1, .output = ""};
}

class DemoProgramTest : public testing::Test {
 protected:
  std::unique_ptr<TempFolder> folder_ = *TempFolder::CreateIn("/tmp");
};

TEST_F(DemoProgramTest, ShowsEveryStepAndExitsWithZero) {
  const ProgramResult result = RunTheDemo({"--fast"});
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find(" steps held, in"), std::string::npos) << result.output;
  EXPECT_EQ(result.output.find('\033'), std::string::npos) << "colours, and no terminal";
}

TEST_F(DemoProgramTest, TakesADiskFromTheUsersFolder) {
  ASSERT_TRUE(MakePatternImage(folder_->File("mine.img"), kDiskBytes, 1).ok());
  ASSERT_EQ(::setenv("BUILD_WORKING_DIRECTORY", folder_->path().c_str(), 1), 0);
  const ProgramResult result =
      RunTheDemo({"--fast", "--no-tmpfs", "--seed", "9", "--disk", "mine.img"});
  ::unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("a copy of " + folder_->File("mine.img")), std::string::npos)
      << result.output;
}

TEST_F(DemoProgramTest, TakesADiscFromTheUsersFolder) {
  const auto disc =
      MakeIsoDisc(folder_->File("mine.iso"),
                  {.label = "MINE", .file_name = "HELLO.TXT", .file_bytes = 1234, .seed = 5});
  ASSERT_TRUE(disc.ok()) << disc.status();
  ASSERT_EQ(::setenv("BUILD_WORKING_DIRECTORY", folder_->path().c_str(), 1), 0);
  const ProgramResult result = RunTheDemo({"--fast", "--iso", "mine.iso"});
  ::unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("ISO 9660 volume 'MINE'"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("reads HELLO.TXT, 1.2 KiB"), std::string::npos) << result.output;
}

TEST_F(DemoProgramTest, HelpIsTold) {
  const ProgramResult result = RunTheDemo({"--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output.find("usage: demo"), 0u) << result.output;
}

TEST_F(DemoProgramTest, LeavesNothingWhenNobodyListens) {
  // TMPDIR is where its files go.
  const auto result =
      RunProgram("sh", {"-c", "{ TMPDIR=" + folder_->path() + " tools/demo --fast; echo $? >" +
                                  folder_->File("status") + "; } | true"});
  ASSERT_TRUE(result.ok()) << result.status();
  std::string status;
  std::ifstream(folder_->File("status")) >> status;
  EXPECT_EQ(status, "0");
  const std::filesystem::directory_iterator left(folder_->path());
  EXPECT_EQ(std::distance(begin(left), end(left)), 1) << "more than the status";
}

struct Wrong {
  std::vector<std::string> arguments;
  int exit_code;
  const char* words;
};

TEST_F(DemoProgramTest, WrongOptionsAreNamed) {
  const Wrong kRows[] = {
      {{"--nonsense"}, 2, "unknown option --nonsense"},
      {{"-x"}, 2, "unknown option -x"},
      {{"disk.img"}, 2, "unknown argument disk.img"},
      {{"--disk"}, 2, "--disk needs a value"},
      {{"--disk", ""}, 2, "--disk needs the name of a file"},
      {{"--iso"}, 2, "--iso needs a value"},
      {{"--iso", ""}, 2, "--iso needs the name of a file"},
      {{"--seed", "many"}, 2, "--seed many: not a number"},
      {{"--fast=1"}, 2, "unknown option --fast=1"},
  };
  for (const Wrong& row : kRows) {
    const ProgramResult result = RunTheDemo(row.arguments);
    EXPECT_EQ(result.exit_code, row.exit_code) << row.words;
    EXPECT_NE(result.output.find(row.words), std::string::npos) << result.output;
  }
}

TEST_F(DemoProgramTest, UnusableImagesAreNamed) {
  ASSERT_TRUE(MakePatternImage(folder_->File("small"), 512, 1).ok());
  ASSERT_TRUE(MakePatternImage(folder_->File("none"), kDiskBytes, 1).ok());
  std::ofstream(folder_->File("odd")) << std::string((1 << 20) + 1, 'x');
  const Wrong kRows[] = {
      {{"--disk", folder_->File("missing")}, 1, "missing: No such file"},
      {{"--disk", folder_->path()}, 1, "Is a directory"},
      {{"--disk", "/dev/null"}, 1, "not a regular file"},
      {{"--disk", folder_->File("odd")}, 1, "1048577 bytes: not a whole number of sectors"},
      {{"--iso", folder_->File("missing")}, 1, "missing: No such file"},
      {{"--iso", folder_->path()}, 1, "Is a directory"},
      {{"--iso", folder_->File("small")}, 1, "512 bytes: at least 34816 are needed"},
      {{"--iso", folder_->File("none")}, 1, "no ISO 9660 file system is on it"},
  };
  for (const Wrong& row : kRows) {
    const ProgramResult result = RunTheDemo(row.arguments);
    EXPECT_EQ(result.exit_code, row.exit_code) << row.words;
    EXPECT_NE(result.output.find(row.words), std::string::npos) << result.output;
    EXPECT_NE(result.output.find(row.arguments[1]), std::string::npos) << result.output;
    EXPECT_EQ(result.output.find("identify"), std::string::npos) << "a step began";
  }
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/iso_image.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/status.h"
#include "testing/demo/iso9660.h"
#include "testing/demo/temp_folder.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

std::vector<uint8_t> Blocks(const std::string& path, uint32_t block, uint32_t bytes) {
  std::vector<uint8_t> data(bytes);
  std::ifstream file(path, std::ios::binary);
  file.seekg(std::streamoff{block} * kIsoBlockBytes);
  file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(data.size()));
  EXPECT_EQ(file.gcount(), static_cast<std::streamsize>(bytes));
  return data;
}

TEST(IsoImageTest, ADiscWithOneFileThatTheReaderFinds) {
  const auto folder = TempFolder::Create();
  ASSERT_TRUE(folder.ok()) << folder.status();
  const std::string path = (*folder)->File("disc.iso");
  const absl::Status made = MakeIsoImage(
      path, {.label = "DISC_A", .file_name = "DATA.BIN", .file_bytes = 300'000, .seed = 7});
  ASSERT_TRUE(made.ok()) << made;

  const auto volume = ParseIsoVolume(Blocks(path, kIsoVolumeBlock, kIsoBlockBytes));
  ASSERT_TRUE(volume.has_value());
  EXPECT_EQ(volume->label, "DISC_A");
  EXPECT_GT(volume->blocks, 300'000 / kIsoBlockBytes);
  const auto file = FindIsoFile(Blocks(path, volume->root.block, volume->root.bytes), "DATA.BIN");
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->bytes, 300'000u);
  EXPECT_EQ(FindPatternMismatch(7, 0, Blocks(path, file->block, file->bytes)), std::nullopt);
}

TEST(IsoImageTest, FailuresAreNamedAndLeaveNothing) {
  const auto folder = TempFolder::Create();
  ASSERT_TRUE(folder.ok()) << folder.status();
  const std::string path = (*folder)->File("disc.iso");
  IsoPlan plan = {.xorriso = "no-such-xorriso", .label = "L", .file_name = "F", .file_bytes = 1};
  EXPECT_EQ(ErrnoOf(MakeIsoImage(path, plan)), ENOENT);
  plan.xorriso = "false";
  const absl::Status failed = MakeIsoImage(path, plan);
  EXPECT_NE(MessageOf(failed).find("false " + path + " failed (exit code 1)"), std::string::npos)
      << failed;
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/temp_folder.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

TEST(TempFolderTest, GoesWithEverythingInIt) {
  std::string path;
  {
    const auto folder = TempFolder::CreateIn("/tmp");
    ASSERT_TRUE(folder.ok()) << folder.status();
    path = (*folder)->path();
    std::filesystem::create_directory((*folder)->File("sub"));
    std::ofstream((*folder)->File("sub/file")) << "text";
    ASSERT_TRUE(std::filesystem::exists(path + "/sub/file"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TempFolderTest, StaysWhenKept) {
  std::string path;
  {
    const auto folder = TempFolder::CreateIn("/tmp");
    ASSERT_TRUE(folder.ok()) << folder.status();
    path = (*folder)->path();
    (*folder)->Keep();
  }
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::remove_all(path);
}

TEST(TempFolderTest, ParentThatIsNotThereIsNamed) {
  const auto folder = TempFolder::CreateIn("/no/such/folder");
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(ErrnoOf(folder.status()), ENOENT);
  EXPECT_NE(MessageOf(folder.status()).find("/no/such/folder"), std::string::npos);
}

}  // namespace
}  // namespace platter

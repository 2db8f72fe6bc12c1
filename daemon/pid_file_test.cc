// SPDX-License-Identifier: Apache-2.0

#include "daemon/pid_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

std::string PathOf(const std::string& name) {
  const char* const folder = std::getenv("TEST_TMPDIR");
  return std::string(folder == nullptr ? "/tmp" : folder) + "/" + name;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(PidFileTest, ItHasTheProcessAndGoesWithItsOwner) {
  const std::string path = PathOf("pid");
  // Of one that was killed, and longer.
  std::ofstream(path) << std::string(100, '9');
  {
    absl::StatusOr<PidFile> made = PidFile::Create(path);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(Contents(path), "") << "not ready yet";
    ASSERT_TRUE(made->Write().ok());
    EXPECT_EQ(Contents(path), std::to_string(getpid()) + "\n");
    const PidFile moved = *std::move(made);
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(PidFileTest, OnlyOneHasIt) {
  const std::string path = PathOf("pid2");
  std::optional<PidFile> first = *PidFile::Create(path);
  ASSERT_TRUE(first->Write().ok());
  const absl::Status second = PidFile::Create(path).status();
  EXPECT_EQ(ErrnoOf(second), EBUSY);
  EXPECT_NE(MessageOf(second).find(path), std::string::npos);
  EXPECT_EQ(Contents(path), std::to_string(getpid()) + "\n") << "the first one's stays";
  first.reset();
  EXPECT_TRUE(PidFile::Create(path).ok());
}

TEST(PidFileTest, WhatCannotBeIsNamed) {
  const absl::Status status = PidFile::Create("/nosuch/folder/pid").status();
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_NE(MessageOf(status).find("'/nosuch/folder/pid'"), std::string::npos) << status;
}

}  // namespace
}  // namespace platter

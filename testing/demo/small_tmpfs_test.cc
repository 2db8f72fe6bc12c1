// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/small_tmpfs.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/temp_folder.h"

namespace platter {
namespace {

class SmallTmpfsTest : public testing::Test {
 protected:
  SmallTmpfsTest() {
    auto made = SmallTmpfs::Create(folder_->path(), 64 * kKiB);
    if (made.ok()) tmpfs_ = *std::move(made);
    refused_ = made.status();
  }

  std::unique_ptr<TempFolder> folder_ = *TempFolder::CreateIn("/tmp");
  std::unique_ptr<SmallTmpfs> tmpfs_;
  absl::Status refused_;
};

// Writes pages to `path` until there is no room; how many went in.
int FillFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  EXPECT_GE(fd, 0) << path;
  const std::vector<char> page(4096, 'x');
  int pages = 0;
  while (::write(fd, page.data(), page.size()) == 4096) ++pages;
  EXPECT_EQ(errno, ENOSPC);
  ::close(fd);
  return pages;
}

TEST_F(SmallTmpfsTest, IsReallyFullAndGrows) {
  if (tmpfs_ == nullptr) {
    EXPECT_NE(ErrnoOf(refused_), 0) << refused_;
    GTEST_SKIP() << "no-user-namespace: " << MessageOf(refused_);
  }
  EXPECT_EQ(*tmpfs_->FreeBytes(), 64 * kKiB);
  EXPECT_EQ(FillFile(tmpfs_->File("a")), 16);
  EXPECT_EQ(*tmpfs_->FreeBytes(), 0u);
  ASSERT_TRUE(tmpfs_->Resize(128 * kKiB).ok());
  EXPECT_EQ(FillFile(tmpfs_->File("a")), 16);
  EXPECT_EQ(::unlink(tmpfs_->File("a").c_str()), 0);
  EXPECT_EQ(*tmpfs_->FreeBytes(), 128 * kKiB);
}

TEST_F(SmallTmpfsTest, NobodyElseSeesTheMount) {
  if (tmpfs_ == nullptr) {
    EXPECT_NE(ErrnoOf(refused_), 0) << refused_;
    GTEST_SKIP() << "no-user-namespace: " << MessageOf(refused_);
  }
  FillFile(tmpfs_->File("a"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_->path()));
}

TEST_F(SmallTmpfsTest, ResizeBelowWhatIsInItIsRefused) {
  if (tmpfs_ == nullptr) {
    EXPECT_NE(ErrnoOf(refused_), 0) << refused_;
    GTEST_SKIP() << "no-user-namespace: " << MessageOf(refused_);
  }
  FillFile(tmpfs_->File("a"));
  const absl::Status shrunk = tmpfs_->Resize(4096);
  EXPECT_EQ(ErrnoOf(shrunk), EINVAL) << shrunk;
  EXPECT_NE(MessageOf(shrunk).find("remount"), std::string::npos) << shrunk;
}

TEST_F(SmallTmpfsTest, LeavesNoProcessBehind) {
  tmpfs_.reset();
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(SmallTmpfsRefusalTest, CallThatFailedIsNamed) {
  const auto made = SmallTmpfs::Create("/no/such/folder", kMiB);
  ASSERT_FALSE(made.ok());
  // Or that of an earlier call, where user namespaces are refused.
  EXPECT_NE(MessageOf(made.status()).find(":"), std::string::npos) << made.status();
  EXPECT_NE(ErrnoOf(made.status()), 0);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/disk_image.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/foreign_locks.h"
#include "testing/demo/temp_folder.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

class DiskImageTest : public testing::Test {
 protected:
  std::string File(std::string_view name) { return folder_->File(name); }
  static uint64_t PatternChecksum(uint64_t seed, uint64_t offset, uint64_t bytes) {
    std::vector<uint8_t> data(bytes);
    FillPattern(seed, offset, data);
    return Checksum(data);
  }
  static uint64_t BytesOnDisk(const std::string& path) {
    struct stat info;
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return static_cast<uint64_t>(info.st_blocks) * 512;
  }

  std::unique_ptr<TempFolder> folder_ = *TempFolder::CreateIn("/tmp");
};

TEST_F(DiskImageTest, PatternImageHoldsThePattern) {
  const uint64_t size = 3 * kMiB / 2;
  ASSERT_TRUE(MakePatternImage(File("a"), size, 5).ok());
  EXPECT_EQ(*CheckDiskFile(File("a"), 1), size);
  EXPECT_EQ(*ChecksumOfFile(File("a"), 512, size - 512), PatternChecksum(5, 512, size - 512));
  EXPECT_FALSE(ChecksumOfFile(File("a"), size - 1, 2).ok());
  ASSERT_TRUE(FlipByteOfFile(File("a"), 1000).ok());
  EXPECT_NE(*ChecksumOfFile(File("a"), 0, size), PatternChecksum(5, 0, size));
}

TEST_F(DiskImageTest, FileThatIsThereIsNotOverwritten) {
  ASSERT_TRUE(MakeSparseImage(File("a"), kMiB).ok());
  const absl::Status again = MakeSparseImage(File("a"), 2 * kMiB);
  EXPECT_EQ(ErrnoOf(again), EEXIST) << again;
  EXPECT_EQ(*CheckDiskFile(File("a"), 1), kMiB);
}

TEST_F(DiskImageTest, CopyHasTheDataAndTheHoles) {
  ASSERT_TRUE(MakeSparseImage(File("a"), 64 * kMiB).ok());
  {
    std::fstream file(File("a"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(40 * kMiB);
    file << "something";
  }
  ASSERT_TRUE(CopyDiskFile(File("a"), File("b")).ok());
  EXPECT_EQ(*CheckDiskFile(File("b"), 1), 64 * kMiB);
  EXPECT_EQ(*ChecksumOfFile(File("b"), 0, 64 * kMiB), *ChecksumOfFile(File("a"), 0, 64 * kMiB));
  EXPECT_LT(BytesOnDisk(File("b")), 4 * kMiB);
}

TEST_F(DiskImageTest, CopyThatFailsLeavesNothing) {
  const absl::Status missing = CopyDiskFile(File("missing"), File("b"));
  EXPECT_EQ(ErrnoOf(missing), ENOENT) << missing;
  EXPECT_NE(MessageOf(missing).find("missing"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(File("b")));
}

// mkfs.ext4 is one of the packages that the build needs (third_party/packages).
TEST_F(DiskImageTest, Ext4ImageIsMadeAndChecked) {
  const Ext4Plan kPlan = {.mkfs = "mkfs.ext4", .label = "label"};
  const absl::Status made = MakeExt4Image(File("a"), 16 * kMiB, kPlan);
  ASSERT_TRUE(made.ok()) << made;
  EXPECT_TRUE(CheckExt4Image(File("a"), "e2fsck").ok());
  // The superblock's checksum covers its count of free blocks.
  ASSERT_TRUE(FlipByteOfFile(File("a"), 1024 + 0x0c).ok());
  const absl::Status faulty = CheckExt4Image(File("a"), "e2fsck");
  EXPECT_EQ(ErrnoOf(faulty), EIO) << faulty;
  // Nothing is left behind of an image that mkfs.ext4 does not want to make.
  const absl::Status tiny = MakeExt4Image(File("b"), 4096, kPlan);
  EXPECT_FALSE(tiny.ok());
  EXPECT_NE(MessageOf(tiny).find("mkfs.ext4"), std::string::npos) << tiny;
  EXPECT_FALSE(std::filesystem::exists(File("b")));
}

TEST_F(DiskImageTest, HostWithoutMkfsIsTold) {
  const absl::Status made =
      MakeExt4Image(File("a"), 16 * kMiB, {.mkfs = "no-such-mkfs", .label = "label"});
  EXPECT_EQ(ErrnoOf(made), ENOENT) << made;
  EXPECT_FALSE(std::filesystem::exists(File("a")));
}

TEST_F(DiskImageTest, HostWithoutFsckIsTold) {
  ASSERT_TRUE(MakeSparseImage(File("a"), kMiB).ok());
  EXPECT_EQ(ErrnoOf(CheckExt4Image(File("a"), "no-such-fsck")), ENOENT);
}

TEST_F(DiskImageTest, DiskThatOthersWriteToOrKeepIsNotCopied) {
  ASSERT_TRUE(MakePatternImage(File("a"), kMiB, 5).ok());
  const std::vector<std::vector<off_t>> kRows = {{101, 201}, {101}, {103}, {200}};
  for (const std::vector<off_t>& locks : kRows) {
    SCOPED_TRACE(locks[0]);
    const ForeignLocks others(File("a"), locks);
    const absl::Status refused = CopyDiskFile(File("a"), File("b"));
    EXPECT_EQ(ErrnoOf(refused), EBUSY) << refused;
    EXPECT_NE(MessageOf(refused).find(File("a")), std::string::npos) << refused;
    EXPECT_FALSE(std::filesystem::exists(File("b")));
  }
}

TEST_F(DiskImageTest, DiskThatOthersReadIsCopied) {
  ASSERT_TRUE(MakePatternImage(File("a"), kMiB, 5).ok());
  {
    const ForeignLocks readers(File("a"), {100, 201, 203});
    const absl::Status copied = CopyDiskFile(File("a"), File("b"));
    EXPECT_TRUE(copied.ok()) << copied;
  }
  // It has given its locks back.
  const ForeignLocks writer(File("a"), {100, 101, 201, 203});
  EXPECT_EQ(ErrnoOf(CopyDiskFile(File("a"), File("c"))), EBUSY);
}

// What is wrong with a user's file, and words of the message beside its path.
TEST_F(DiskImageTest, UnusableDisksAreRefusedByName) {
  std::ofstream(File("odd")) << "1234567";
  std::ofstream(File("empty"));
  ASSERT_TRUE(MakeSparseImage(File("small"), 512).ok());
  struct Row {
    std::string path;
    int error;
    const char* words;
  };
  const Row kRows[] = {
      {File("missing"), ENOENT, "No such file"},
      {folder_->path(), EISDIR, "Is a directory"},
      {"/dev/null", EINVAL, "not a regular file"},
      {File("odd"), EINVAL, "7 bytes: not a whole number of sectors"},
      {File("empty"), EINVAL, "0 bytes: at least 1048576"},
      {File("small"), EINVAL, "512 bytes: at least 1048576"},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.path);
    const auto size = CheckDiskFile(row.path, kMiB);
    ASSERT_FALSE(size.ok());
    EXPECT_EQ(ErrnoOf(size.status()), row.error);
    EXPECT_NE(MessageOf(size.status()).find(row.path), std::string::npos) << size.status();
    EXPECT_NE(MessageOf(size.status()).find(row.words), std::string::npos) << size.status();
  }
}

}  // namespace
}  // namespace platter

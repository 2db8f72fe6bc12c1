// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/host_calls.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "gtest/gtest.h"

#include "drivers/file/kernel_files.h"

namespace platter {
namespace {

class HostCallsTest : public ::testing::Test {
 protected:
  HostFile OpenFile(const std::string& path) {
    return {::open(path.c_str(), O_RDWR | O_CLOEXEC), path};
  }

  TempFolder folder_;
  KernelHostCalls host_;
};

TEST_F(HostCallsTest, TellsKindAndLength) {
  HostFileStat stat;
  EXPECT_EQ(host_.StatPath(folder_.path().c_str(), stat), 0);
  EXPECT_EQ(stat.kind, HostFileKind::kDirectory);
  EXPECT_EQ(host_.StatPath("/dev/null", stat), 0);
  EXPECT_EQ(stat.kind, HostFileKind::kCharacterDevice);
  EXPECT_EQ(host_.StatPath("/nowhere", stat), -ENOENT);
  const HostFile file = OpenFile(folder_.Make("a", 12345));
  EXPECT_EQ(host_.Stat(file, stat), 0);
  EXPECT_EQ(stat.kind, HostFileKind::kRegular);
  EXPECT_EQ(stat.length, 12345u);
  ::close(file.fd);
  EXPECT_EQ(host_.Stat(file, stat), -EBADF);
}

TEST_F(HostCallsTest, TruncatesWithinWhatAnOffsetCanSay) {
  const HostFile file = OpenFile(folder_.Make("a", 100));
  EXPECT_EQ(host_.Truncate(file, uint64_t{1} << 63), -EFBIG);
  EXPECT_EQ(host_.Truncate(file, 4096), 0);
  HostFileStat stat;
  EXPECT_EQ(host_.Stat(file, stat), 0);
  EXPECT_EQ(stat.length, 4096u);
  EXPECT_EQ(host_.Seek(file, 0, SEEK_END), 4096);
  EXPECT_EQ(host_.Seek(file, 8192, SEEK_DATA), -ENXIO);
  ::close(file.fd);
}

TEST_F(HostCallsTest, WhatOnlyDevicesHaveIsRefusedForFiles) {
  const HostFile file = OpenFile(folder_.Make("a", 100));
  HostBlockSizes sizes;
  EXPECT_LT(host_.GetBlockSizes(file, sizes), 0);
  ::close(file.fd);
}

TEST_F(HostCallsTest, TmpfsIsMemory) {
  TempFolder memory("/dev/shm");
  const std::string path = memory.Make("a", 100);
  const HostFile file = OpenFile(path);
  EXPECT_EQ(host_.GetFileSystem(file), HostFileSystem::kMemory);
  ::close(file.fd);
}

// A direct I/O alignment, where the kernel says one, is a power of two or 0 for "cannot".
TEST_F(HostCallsTest, DirectIoAlignmentMakesSense) {
  const HostFile file = OpenFile(folder_.Make("a", 4096));
  DirectIoAlignment alignment;
  const int result = host_.GetDirectIoAlignment(file, alignment);
  if (result == 0) {
    EXPECT_EQ(alignment.offset & (alignment.offset - 1), 0u);
    EXPECT_EQ(alignment.memory & (alignment.memory - 1), 0u);
    EXPECT_LE(alignment.offset, 65536u);
  } else {
    EXPECT_EQ(result, -EOPNOTSUPP);
  }
  ::close(file.fd);
}

// A test for a write lock sees the read locks of others, and not one's own.
TEST_F(HostCallsTest, ByteLocksAreSeenByOthersOnly) {
  const std::string path = folder_.Make("a", 0);
  const HostFile first = OpenFile(path);
  const HostFile second = OpenFile(path);
  ASSERT_EQ(host_.SetByteLock(first, 101, ByteLock::kHeld), 0);
  ByteLock state = ByteLock::kFree;
  ASSERT_EQ(host_.TestByteLock(second, 101, state), 0);
  EXPECT_EQ(state, ByteLock::kHeld);
  ASSERT_EQ(host_.TestByteLock(first, 101, state), 0);
  EXPECT_EQ(state, ByteLock::kFree);
  ASSERT_EQ(host_.TestByteLock(second, 100, state), 0);
  EXPECT_EQ(state, ByteLock::kFree);
  ASSERT_EQ(host_.SetByteLock(first, 101, ByteLock::kFree), 0);
  ASSERT_EQ(host_.TestByteLock(second, 101, state), 0);
  EXPECT_EQ(state, ByteLock::kFree);
  ::close(first.fd);
  ::close(second.fd);
}

}  // namespace
}  // namespace platter

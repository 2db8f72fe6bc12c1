// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/disk.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "gtest/gtest.h"

#include "aio/simulated/one_file_world.h"

namespace platter {
namespace {

using SimulatedDiskTest = OneFileWorld;

TEST_F(SimulatedDiskTest, TheKthOperationFailsOnce) {
  std::string text = "abc";
  const uint64_t before = world_.disk().operations();
  world_.disk().FailOperation(2, EIO);
  EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), 3);
  EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), -EIO);
  EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), 3);
  EXPECT_EQ(world_.disk().operations(), before + 3);
}

TEST_F(SimulatedDiskTest, ShortTransfersAndInterruptions) {
  world_.disk().options().short_percent = 50;
  world_.disk().options().interrupted_percent = 20;
  int whole = 0;
  int shorter = 0;
  int interrupted = 0;
  for (int i = 0; i < 200; ++i) {
    std::string text(100, 'x');
    const int64_t result = Run(FileOpKind::kWrite, 0, text);
    if (result == 100) {
      ++whole;
    } else if (result == -EINTR) {
      ++interrupted;
    } else {
      EXPECT_GT(result, 0);
      EXPECT_LT(result, 100);
      ++shorter;
    }
  }
  EXPECT_GT(whole, 20);
  EXPECT_GT(shorter, 20);
  EXPECT_GT(interrupted, 5);
}

TEST_F(SimulatedDiskTest, CapacityGivesNoSpaceAndMayBeRaised) {
  std::string text(4096, 'x');
  world_.disk().SetCapacity(4096);
  EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), 4096);
  EXPECT_EQ(Run(FileOpKind::kWrite, 4096, text), -ENOSPC);
  world_.disk().SetCapacity(8192);
  EXPECT_EQ(Run(FileOpKind::kWrite, 4096, text), 4096);
}

TEST_F(SimulatedDiskTest, OpenChecksLikeTheSystemCall) {
  FileIo& io = io_.file_io();
  EXPECT_EQ(io.Open("/missing", O_RDWR, 0), -ENOENT);
  EXPECT_EQ(io.Open("/disk", O_RDWR | O_CREAT | O_EXCL, 0), -EEXIST);
  const int read_only = io.Open("/disk", O_RDONLY, 0);
  EXPECT_GE(read_only, SimulatedDisk::kFirstFd);
  fd_ = read_only;
  std::string text = "abc";
  EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), -EBADF);
  EXPECT_EQ(io.Close(read_only), 0);
  EXPECT_EQ(io.Close(read_only), -EBADF);
  EXPECT_EQ(Run(FileOpKind::kRead, 0, text), -EBADF);
}

}  // namespace
}  // namespace platter

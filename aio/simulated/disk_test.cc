// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/disk.h"

#include <fcntl.h>
#include <linux/falloc.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>

#include "gtest/gtest.h"

#include "aio/simulated/one_file_world.h"

namespace platter {
namespace {

class SimulatedDiskTest : public OneFileWorld {
 protected:
  // kAllocate, kDiscardDev or kZeroDev.
  int64_t Change(FileOpKind kind, uint64_t offset, uint64_t bytes, int mode = 0) {
    OneFileOp op;
    op.fd = fd_;
    op.kind = kind;
    op.offset = offset;
    op.bytes = bytes;
    op.mode = mode;
    io_.file_io().Submit(op);
    io_.RunUntil([&] { return op.calls == 1; });
    return op.last;
  }
};

// The open file is a block device of 8 sectors.
class SimulatedDeviceTest : public SimulatedDiskTest {
 protected:
  static constexpr uint64_t kSector = SparseFile::kSectorBytes;
  static constexpr uint64_t kBytes = 8 * kSector;

  SimulatedDeviceTest() {
    world_.disk().CreateDevice("/dev/disk", kBytes);
    fd_ = io_.file_io().Open("/dev/disk", O_RDWR | O_TRUNC, 0);
  }
  void Fill() {
    std::string text(kBytes, 'x');
    ASSERT_EQ(Run(FileOpKind::kWrite, 0, text), static_cast<int64_t>(kBytes));
  }
  std::string Content() {
    std::string text(kBytes, '?');
    EXPECT_EQ(Run(FileOpKind::kRead, 0, text), static_cast<int64_t>(kBytes));
    return text;
  }
};

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

TEST_F(SimulatedDiskTest, AFileIsNoBlockDevice) {
  EXPECT_EQ(Change(FileOpKind::kDiscardDev, 0, 512), -ENOTTY);
  EXPECT_EQ(Change(FileOpKind::kZeroDev, 0, 512), -ENOTTY);
  EXPECT_EQ(Change(FileOpKind::kIoctl, 0, 0), -ENOTTY);
}

TEST_F(SimulatedDeviceTest, ZeroedSectorsReadAsZeroesAndTheOthersAsBefore) {
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  const std::function<int64_t()> zero[] = {
      [this] { return Change(FileOpKind::kZeroDev, kSector, 2 * kSector); },
      [this] { return Change(FileOpKind::kAllocate, kSector, 2 * kSector, kPunch); },
      [this] { return Change(FileOpKind::kAllocate, kSector, 2 * kSector, FALLOC_FL_ZERO_RANGE); }};
  for (const auto& change : zero) {
    Fill();
    EXPECT_EQ(change(), 0);
    std::string expected(kBytes, 'x');
    expected.replace(kSector, 2 * kSector, 2 * kSector, '\0');
    EXPECT_EQ(Content(), expected);
  }
}

TEST_F(SimulatedDeviceTest, ADiscardedSectorReadsAsZeroesOrAsBefore) {
  int zeroed = 0;
  for (int round = 0; round < 50; ++round) {
    Fill();
    EXPECT_EQ(Change(FileOpKind::kDiscardDev, kSector, 2 * kSector), 0);
    std::string content = Content();
    for (const uint64_t sector : {1, 2}) {
      const std::string text = content.substr(sector * kSector, kSector);
      ASSERT_EQ(text, std::string(kSector, text[0]));
      zeroed += text[0] == '\0';
    }
    content.replace(kSector, 2 * kSector, 2 * kSector, 'x');
    EXPECT_EQ(content, std::string(kBytes, 'x'));
  }
  EXPECT_GT(zeroed, 10);
  EXPECT_LT(zeroed, 90);
}

TEST_F(SimulatedDeviceTest, RefusesWhatIsNotWholeSectorsOfIt) {
  for (const FileOpKind kind : {FileOpKind::kDiscardDev, FileOpKind::kZeroDev}) {
    EXPECT_EQ(Change(kind, 1, kSector), -EINVAL);
    EXPECT_EQ(Change(kind, 0, kSector + 1), -EINVAL);
    EXPECT_EQ(Change(kind, kBytes, kSector), -EINVAL);
    EXPECT_EQ(Change(kind, kSector, kBytes), -EINVAL);
    EXPECT_EQ(Change(kind, kSector, 0 - kSector), -EINVAL);
    EXPECT_EQ(Change(kind, 0, kBytes), 0);
  }
  fd_ = io_.file_io().Open("/dev/disk", O_RDONLY, 0);
  EXPECT_EQ(Change(FileOpKind::kDiscardDev, 0, kSector), -EBADF);
  EXPECT_EQ(Change(FileOpKind::kZeroDev, 0, kSector), -EBADF);
}

TEST_F(SimulatedDeviceTest, KeepsItsSize) {
  std::string text(2 * kSector, 'x');
  EXPECT_EQ(Run(FileOpKind::kWrite, kBytes, text), -ENOSPC);
  EXPECT_EQ(Run(FileOpKind::kWrite, kBytes - kSector, text), static_cast<int64_t>(kSector));
  EXPECT_EQ(Change(FileOpKind::kAllocate, 0, 2 * kBytes), -EOPNOTSUPP);
  EXPECT_EQ(world_.disk().Find("/dev/disk")->size(), kBytes);
}

}  // namespace
}  // namespace platter

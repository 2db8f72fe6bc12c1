// SPDX-License-Identifier: Apache-2.0
#include "aio/host/kernel_file_io.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace platter {
namespace {

class TestOp final : public FileOp {
  void OnFileDone(int64_t) override {}
};

class KernelFileIoTest : public testing::Test {
 protected:
  KernelFileIoTest() {
    path_ = testing::TempDir() + "/kernel-XXXXXX";
    op_.fd = mkstemp(path_.data());
  }
  ~KernelFileIoTest() override {
    close(op_.fd);
    unlink(path_.c_str());
  }

  int64_t Transfer(FileOpKind kind, uint64_t offset, std::string& text) {
    iovec iov{text.data(), text.size()};
    op_.kind = kind;
    op_.offset = offset;
    op_.iov = &iov;
    op_.iov_count = 1;
    return RunFileOp(op_);
  }

  std::string path_;
  TestOp op_;
};

TEST_F(KernelFileIoTest, EachKindIsItsSystemCall) {
  std::string text = "platter";
  EXPECT_EQ(Transfer(FileOpKind::kWrite, 5, text), 7);
  op_.dsync = true;
  EXPECT_EQ(Transfer(FileOpKind::kWrite, 5, text), 7);
  std::string back(20, '?');
  EXPECT_EQ(Transfer(FileOpKind::kRead, 5, back), 7);
  EXPECT_EQ(back.substr(0, 7), text);
  op_.kind = FileOpKind::kSync;
  EXPECT_EQ(RunFileOp(op_), 0);
  op_.kind = FileOpKind::kAllocate;
  op_.offset = 0;
  op_.bytes = 8192;
  EXPECT_EQ(RunFileOp(op_), 0);
  EXPECT_EQ(lseek(op_.fd, 0, SEEK_END), 8192);
  op_.kind = FileOpKind::kDiscardDev;
  EXPECT_EQ(RunFileOp(op_), -ENOTTY);
  op_.kind = FileOpKind::kZeroDev;
  EXPECT_EQ(RunFileOp(op_), -ENOTTY);
  int readable = -1;
  iovec argument = {.iov_base = &readable, .iov_len = sizeof(readable)};
  op_.kind = FileOpKind::kIoctl;
  op_.bytes = FIONREAD;
  op_.iov = &argument;
  op_.iov_count = 1;
  ASSERT_EQ(lseek(op_.fd, 0, SEEK_SET), 0);
  EXPECT_EQ(RunFileOp(op_), 0);
  EXPECT_EQ(readable, 8192);
}

TEST_F(KernelFileIoTest, ErrorsAreNegativeErrnos) {
  const int fd = op_.fd;
  op_.fd = -1;
  std::string text = "x";
  EXPECT_EQ(Transfer(FileOpKind::kRead, 0, text), -EBADF);
  op_.fd = fd;
  EXPECT_EQ(Transfer(FileOpKind::kRead, UINT64_MAX, text), -EINVAL);
}

}  // namespace
}  // namespace platter

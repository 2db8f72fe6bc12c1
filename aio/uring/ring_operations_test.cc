// SPDX-License-Identifier: Apache-2.0

#include "aio/uring/ring_operations.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

#include "gtest/gtest.h"

namespace platter {
namespace {

class RingOperationsTest : public testing::Test {
 protected:
  RingOperationsTest() {
    EXPECT_EQ(io_uring_queue_init(4, &ring_, IORING_SETUP_R_DISABLED), 0);
    EXPECT_EQ(RestrictRing(ring_), 0);
  }
  ~RingOperationsTest() override { io_uring_queue_exit(&ring_); }

  // The result of the one entry that was prepared.
  int Run() {
    EXPECT_EQ(io_uring_submit_and_wait(&ring_, 1), 1);
    io_uring_cqe* done = nullptr;
    EXPECT_EQ(io_uring_wait_cqe(&ring_, &done), 0);
    const int result = done->res;
    io_uring_cqe_seen(&ring_, done);
    return result;
  }

  io_uring ring_ = {};
};

TEST_F(RingOperationsTest, FilesThatAreOpenAreReadAndWritten) {
  const int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
  char byte = 1;
  io_uring_prep_read(io_uring_get_sqe(&ring_), zero, &byte, 1, 0);
  EXPECT_EQ(Run(), 1);
  EXPECT_EQ(byte, 0);
  io_uring_prep_write(io_uring_get_sqe(&ring_), zero, &byte, 1, 0);
  EXPECT_EQ(Run(), 1);
  close(zero);
}

TEST_F(RingOperationsTest, NothingElseIsDone) {
  io_uring_prep_openat(io_uring_get_sqe(&ring_), AT_FDCWD, "/dev/zero", O_RDONLY, 0);
  EXPECT_EQ(Run(), -EACCES);
  io_uring_prep_unlinkat(io_uring_get_sqe(&ring_), AT_FDCWD, "/nosuch", 0);
  EXPECT_EQ(Run(), -EACCES);
  io_uring_prep_socket(io_uring_get_sqe(&ring_), AF_INET, SOCK_STREAM, 0, 0);
  EXPECT_EQ(Run(), -EACCES);
  io_uring_sqe* const flagged = io_uring_get_sqe(&ring_);
  char byte = 0;
  io_uring_prep_read(flagged, 0, &byte, 0, 0);
  flagged->flags |= IOSQE_ASYNC;
  EXPECT_EQ(Run(), -EACCES) << "a flag that nobody uses";
  EXPECT_EQ(io_uring_register_eventfd(&ring_, 0), -EACCES);
}

}  // namespace
}  // namespace platter

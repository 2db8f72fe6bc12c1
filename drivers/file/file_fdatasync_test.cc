// SPDX-License-Identifier: Apache-2.0
//
// C-49: three virtual machine monitors offered a flush that never called fsync. Here the C
// library's fdatasync is replaced by one that counts, so that nothing between the request and the
// system call can pretend.

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "gtest/gtest.h"

#include "drivers/file/file_rig.h"

namespace {

std::atomic<int> fdatasync_calls{0};
std::atomic<int> fdatasync_error{0};

}  // namespace

// In place of the C library's.
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
extern "C" int fdatasync(int fd) {
  fdatasync_calls.fetch_add(1);
  if (const int error = fdatasync_error.load(); error != 0) {
    errno = error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace platter {
namespace {

class Flush final : public IoRequest {
 public:
  explicit Flush(AioContext& home) {
    context = &home;
    op = IoOp::kFlush;
  }
  IoResult Run(BlockNode& node) {
    done_ = false;
    const IoResult at_once = node.Start(*this);
    if (at_once != kIoPending) return at_once;
    context->RunUntil([this] { return done_; });
    return result_;
  }
  void OnIoDone(IoResult outcome) override {
    // Before the completion, not some time later.
    calls_before_ = fdatasync_calls.load();
    done_ = true;
    result_ = outcome;
  }
  int calls_before() const { return calls_before_; }

 private:
  bool done_ = false;
  int calls_before_ = 0;
  IoResult result_ = kIoPending;
};

TEST(FileFdatasyncTest, R_C49_EachFlushReachesTheSystemCallBeforeItCompletes) {
  FileRig rig({.kind = RigKind::kThreads, .place = RigPlace::kPageCache});
  Flush flush(rig.context());
  for (int i = 1; i <= 10; ++i) {
    EXPECT_EQ(flush.Run(rig.node()), 0);
    EXPECT_EQ(flush.calls_before(), i);
  }
  fdatasync_error = EIO;
  EXPECT_EQ(flush.Run(rig.node()), -EIO);
  fdatasync_error = 0;
  EXPECT_EQ(flush.Run(rig.node()), -EIO) << "sticky";
  EXPECT_EQ(fdatasync_calls.load(), 11) << "and not tried again";
}

}  // namespace
}  // namespace platter

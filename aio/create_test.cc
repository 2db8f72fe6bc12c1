// SPDX-License-Identifier: Apache-2.0
#include "aio/create.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

std::string ErrorOf(const AioOptions& options) {
  auto made = CreateAioContext(options);
  return made.ok() ? "ok" : MessageOf(made.status());
}

TEST(CreateTest, MakesBothKinds) {
  EXPECT_EQ(ErrorOf({.kind = AioKind::kUring}), "ok");
  EXPECT_EQ(ErrorOf({.kind = AioKind::kThreads}), "ok");
}

TEST(CreateTest, WrongOptionsAreNamed) {
  EXPECT_EQ(ErrorOf({.name = "io0", .ring_entries = 100}),
            "AioContext 'io0': ring_entries is 100, must be a power of two in 8 ... 4096");
  EXPECT_EQ(ErrorOf({.ring_entries = 8192}).substr(0, 36), "AioContext 'aio': ring_entries is 81");
  EXPECT_EQ(ErrorOf({.ring_entries = 0}).substr(0, 36), "AioContext 'aio': ring_entries is 0,");
  EXPECT_EQ(ErrorOf({.pool_threads = 0}),
            "AioContext 'aio': pool_threads is 0, must be in 1 ... 64");
  EXPECT_EQ(ErrorOf({.poll = {.max = Duration(-1)}}), "AioContext 'aio': poll.max is negative");
}

// With however few descriptors left: a context, or a message.
TEST(CreateTest, TooFewDescriptorsAreAnError) {
  // UBSan looks at an object's type by opening a file, once: of what makes the messages, now.
  ASSERT_FALSE(ErrnoError(EMFILE, "").ok());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest = dup(STDERR_FILENO);  // The next one to be free.
  ASSERT_GE(lowest, 0);
  close(lowest);
  for (const AioKind kind : {AioKind::kUring, AioKind::kThreads}) {
    for (rlim_t spare = 0; spare < 2; ++spare) {
      const rlimit few{.rlim_cur = static_cast<rlim_t>(lowest) + spare,
                       .rlim_max = before.rlim_max};
      ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
      const std::string error = ErrorOf({.kind = kind, .name = "io0"});
      ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
      EXPECT_NE(error.find("AioContext 'io0': "), std::string::npos) << error;
      EXPECT_NE(error.find("Too many open files"), std::string::npos) << error;
    }
    EXPECT_EQ(ErrorOf({.kind = kind}), "ok") << "and nothing is left open";
  }
  const int again = dup(STDERR_FILENO);
  EXPECT_EQ(again, lowest);
  close(again);
}

// Makes io_uring_setup fail with EPERM in this process, as kernel.io_uring_disabled does.
bool ForbidIoUring() {
  std::array<sock_filter, 4> code = {
      sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, __NR_io_uring_setup},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(CreateDeathTest, ARefusedRingNamesTheSysctl) {
  EXPECT_EXIT(
      {
        if (!ForbidIoUring()) std::_Exit(2);
        auto made = CreateAioContext({.kind = AioKind::kUring, .name = "io0"});
        if (made.ok() || ErrnoOf(made.status()) != EPERM) std::_Exit(3);
        std::fputs(MessageOf(made.status()).c_str(), stderr);
        std::_Exit(0);
      },
      testing::ExitedWithCode(0), "AioContext 'io0'.*kernel.io_uring_disabled.*kind 'threads'");
}

}  // namespace
}  // namespace platter

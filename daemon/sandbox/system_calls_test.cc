// SPDX-License-Identifier: Apache-2.0

#include "daemon/sandbox/system_calls.h"

#include <liburing.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <string>
#include <thread>

#include "gtest/gtest.h"

#include "daemon/sandbox/captive_fixture.h"

namespace platter {
namespace {

using Work = std::function<int()>;

Work Locked(const Work& work, RingUse rings = RingUse::kNone) {
  return [work, rings] { return FilterSystemCalls(rings).ok() ? work() : 255; };
}

int ErrnoOr0(long result) { return result < 0 ? errno : 0; }

TEST(SystemCallsTest, ADaemonsWorkGoesOn) {
  EXPECT_EQ(ResultOfCaptive(Locked([] {
              const int event = eventfd(0, EFD_CLOEXEC);
              uint64_t one = 1;
              int told = 0;
              std::thread thread([&] { told = write(event, &one, sizeof(one)) == sizeof(one); });
              thread.join();
              const bool heard = read(event, &one, sizeof(one)) == sizeof(one);
              auto* const memory = static_cast<char*>(mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE,
                                                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
              memory[4096] = 1;
              return told == 1 && heard && socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : 1;
            })),
            0);
}

TEST(SystemCallsTest, WhatIsNotNeededIsRefused) {
  const struct {
    const char* name;
    Work work;
  } calls[] = {
      {"socket(AF_INET)", [] { return ErrnoOr0(socket(AF_INET, SOCK_STREAM, 0)); }},
      {"socket(AF_NETLINK)", [] { return ErrnoOr0(socket(AF_NETLINK, SOCK_RAW, 0)); }},
      {"connect", [] { return ErrnoOr0(connect(0, nullptr, 0)); }},
      {"kill", [] { return ErrnoOr0(kill(getppid(), 0)); }},
      {"tgkill", [] { return ErrnoOr0(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1)); }},
      {"mkdir", [] { return ErrnoOr0(syscall(SYS_mkdir, "/tmp/sandbox", 0700)); }},
      {"rename", [] { return ErrnoOr0(syscall(SYS_rename, "a", "b")); }},
      {"chmod", [] { return ErrnoOr0(syscall(SYS_chmod, "/", 0777)); }},
      {"symlink", [] { return ErrnoOr0(syscall(SYS_symlink, "a", "b")); }},
      {"chdir", [] { return ErrnoOr0(chdir("/")); }},
      {"clone", [] { return ErrnoOr0(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }},
      {"mmap of code",
       [] {
         return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                        MAP_FAILED
                    ? errno
                    : 0;
       }},
      {"mprotect of code",
       [] {
         void* const page =
             mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return ErrnoOr0(mprotect(page, 4096, PROT_READ | PROT_EXEC));
       }},
      {"a terminal's input",
       [] {
         char key = '\n';
         return ErrnoOr0(ioctl(STDIN_FILENO, TIOCSTI, &key));
       }},
      {"setrlimit",
       [] {
         const rlimit none = {1, 1};
         return ErrnoOr0(setrlimit(RLIMIT_NOFILE, &none));
       }},
      {"io_uring_setup",
       [] {
         io_uring_params params = {};
         return ErrnoOr0(syscall(SYS_io_uring_setup, 4, &params));
       }},
      {"io_uring_enter", [] { return ErrnoOr0(syscall(SYS_io_uring_enter, 0, 0, 0, 0, 0, 0)); }},
      {"prctl", [] { return ErrnoOr0(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }},
  };
  for (const auto& call : calls) {
    EXPECT_EQ(ResultOfCaptive(Locked(call.work)), EPERM) << call.name;
  }
}

TEST(SystemCallsTest, RingsThatAreThereCanBeUsedAndNoOtherMade) {
  EXPECT_EQ(ResultOfCaptive([] {
              io_uring ring;
              if (io_uring_queue_init(4, &ring, 0) != 0) return 1;
              if (!FilterSystemCalls(RingUse::kExisting).ok()) return 2;
              io_uring_prep_nop(io_uring_get_sqe(&ring));
              if (io_uring_submit_and_wait(&ring, 1) != 1) return 3;
              io_uring_params params = {};
              return ErrnoOr0(syscall(SYS_io_uring_setup, 4, &params));
            }),
            EPERM);
}

TEST(SystemCallsTest, WhoBreaksOutEnds) {
  const struct {
    const char* name;
    Work work;
  } calls[] = {
      {"execve", [] { return ErrnoOr0(execl("/bin/true", "true", nullptr)); }},
      {"fork", [] { return ErrnoOr0(syscall(SYS_fork)); }},
      {"ptrace", [] { return ErrnoOr0(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }},
      {"process_vm_readv",
       [] { return ErrnoOr0(process_vm_readv(getppid(), nullptr, 0, nullptr, 0, 0)); }},
      {"mount", [] { return ErrnoOr0(mount("none", "/mnt", "tmpfs", 0, nullptr)); }},
      {"chroot", [] { return ErrnoOr0(chroot("/")); }},
      {"unshare", [] { return ErrnoOr0(unshare(CLONE_NEWUSER)); }},
      {"bpf", [] { return ErrnoOr0(syscall(SYS_bpf, 0, nullptr, 0)); }},
      {"setuid", [] { return ErrnoOr0(setuid(0)); }},
      {"another architecture's call",
       [] {
#if defined(__x86_64__)
         // getpid of the 32-bit table; the filter knows the 64-bit one.
         long result = 20;
         __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
         return static_cast<int>(result > 0 ? 0 : 1);
#else
         raise(SIGSYS);
         return 0;
#endif
       }},
  };
  for (const auto& call : calls) {
    const int status = StatusOfCaptive(Locked(call.work));
    ASSERT_TRUE(WIFSIGNALED(status)) << call.name << ": " << status;
    EXPECT_EQ(WTERMSIG(status), SIGSYS) << call.name;
  }
}

// One that was there before the filter.
TEST(SystemCallsTest, EveryThreadIsFiltered) {
  EXPECT_EQ(ResultOfCaptive([] {
              const int go = eventfd(0, EFD_CLOEXEC);
              int result = 0;
              std::thread thread([&] {
                uint64_t value = 0;
                if (read(go, &value, sizeof(value)) != sizeof(value)) return;
                result = ErrnoOr0(chdir("/"));
              });
              const bool locked = FilterSystemCalls(RingUse::kNone).ok();
              const uint64_t one = 1;
              const bool told = write(go, &one, sizeof(one)) == sizeof(one);
              thread.join();
              return locked && told ? result : 255;
            }),
            EPERM);
}

}  // namespace
}  // namespace platter

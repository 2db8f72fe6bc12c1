// SPDX-License-Identifier: Apache-2.0

#include "daemon/sandbox/system_calls.h"

#include <linux/fs.h>
#include <linux/hdreg.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <initializer_list>
#include <memory>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {
namespace {

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

// What is open, and what Landlock lets it open.
constexpr int kFiles[] = {
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(preadv2),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(pwritev2),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(fallocate),
    SCMP_SYS(ftruncate),
    SCMP_SYS(lseek),
    SCMP_SYS(fcntl),
    SCMP_SYS(close),
    SCMP_SYS(dup),
    SCMP_SYS(dup3),
    SCMP_SYS(openat),
    SCMP_SYS(open),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(fstat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(fstatfs),
    SCMP_SYS(fadvise64),
    SCMP_SYS(sync_file_range),
    SCMP_SYS(getdents64),
    SCMP_SYS(memfd_create),
    SCMP_SYS(flock),
};

constexpr int kEvents[] = {
    SCMP_SYS(epoll_wait),     SCMP_SYS(epoll_pwait),     SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_ctl),      SCMP_SYS(epoll_create1),   SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(poll),
    SCMP_SYS(ppoll),          SCMP_SYS(signalfd4),       SCMP_SYS(pipe2),
};

constexpr int kSockets[] = {
    SCMP_SYS(recvmsg),    SCMP_SYS(recvfrom),   SCMP_SYS(sendmsg),     SCMP_SYS(sendto),
    SCMP_SYS(accept4),    SCMP_SYS(bind),       SCMP_SYS(listen),      SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname),
};

// Threads, memory, time and the end.
constexpr int kProcess[] = {
    SCMP_SYS(futex),
    SCMP_SYS(futex_waitv),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(membarrier),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(uname),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

// With these a process gets what it has not.
constexpr int kEscapes[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(personality),
};

// Collects the first error of many calls.
class Rules {
 public:
  explicit Rules(scmp_filter_ctx filter) : filter_(filter) {}

  template <size_t n>
  void Add(uint32_t action, const int (&calls)[n]) {
    for (const int call : calls) AddOne(action, call, {});
  }
  void AddOne(uint32_t action, int call, std::initializer_list<scmp_arg_cmp> arguments) {
    const int result = seccomp_rule_add_array(
        filter_, action, call, static_cast<unsigned>(arguments.size()), arguments.begin());
    if (result == 0 || !status_.ok()) return;
    status_ = ErrnoError(-result, absl::StrCat("a filter's rule for system call ", call));
  }
  const absl::Status& status() const { return status_; }

 private:
  scmp_filter_ctx filter_;
  absl::Status status_;
};

// The library's own macros for this are C.
scmp_arg_cmp Argument(unsigned number, scmp_compare how, uint64_t value, uint64_t masked = 0) {
  return {.arg = number, .op = how, .datum_a = value, .datum_b = masked};
}

// Those that depend on what they are asked for.
void AddConditional(Rules& rules) {
  // Only threads; clone3 has its flags in memory, and the library falls back on clone.
  constexpr uint64_t kThread = CLONE_THREAD;
  rules.AddOne(SCMP_ACT_ALLOW, SCMP_SYS(clone),
               {Argument(0, SCMP_CMP_MASKED_EQ, kThread, kThread)});
  rules.AddOne(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), {});
  // No new code.
  constexpr uint64_t kExec = PROT_EXEC;
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    rules.AddOne(SCMP_ACT_ALLOW, call, {Argument(2, SCMP_CMP_MASKED_EQ, kExec, 0)});
  }
  // No network.
  for (const int call : {SCMP_SYS(socket), SCMP_SYS(socketpair)}) {
    rules.AddOne(SCMP_ACT_ALLOW, call, {Argument(0, SCMP_CMP_EQ, AF_UNIX)});
  }
  // Of block devices: sizes, and ranges that are discarded or zeroed. None of a terminal.
  for (const uint64_t request :
       {uint64_t{BLKGETSIZE64}, uint64_t{BLKSSZGET}, uint64_t{BLKPBSZGET}, uint64_t{BLKDISCARD},
        uint64_t{BLKZEROOUT}, uint64_t{HDIO_GETGEO}}) {
    rules.AddOne(SCMP_ACT_ALLOW, SCMP_SYS(ioctl), {Argument(1, SCMP_CMP_EQ, request)});
  }
  // abort() ends this process, by the number that it has: not known here, and harmless with it.
  constexpr uint64_t kAbort = 6;
  rules.AddOne(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), {Argument(2, SCMP_CMP_EQ, kAbort)});
  // Limits are read (glibc does for the stacks of threads) and not set.
  rules.AddOne(SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), {Argument(2, SCMP_CMP_EQ, 0)});
  // Names of threads.
  constexpr uint64_t kSetName = 15;
  rules.AddOne(SCMP_ACT_ALLOW, SCMP_SYS(prctl), {Argument(0, SCMP_CMP_EQ, kSetName)});
}

}  // namespace

absl::Status FilterSystemCalls(RingUse rings) {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (filter == nullptr) return ErrnoError(ENOMEM, "seccomp_init");
  // All threads, or none.
  if (const int result = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); result != 0) {
    return ErrnoError(-result, "a filter of system calls for all threads");
  }
  Rules rules(filter.get());
  rules.Add(SCMP_ACT_ALLOW, kFiles);
  rules.Add(SCMP_ACT_ALLOW, kEvents);
  rules.Add(SCMP_ACT_ALLOW, kSockets);
  rules.Add(SCMP_ACT_ALLOW, kProcess);
  rules.Add(SCMP_ACT_KILL_PROCESS, kEscapes);
  AddConditional(rules);
  if (rings == RingUse::kExisting) {
    rules.AddOne(SCMP_ACT_ALLOW, SCMP_SYS(io_uring_enter), {});
  }
  if (!rules.status().ok()) return rules.status();
  const int result = seccomp_load(filter.get());
  return result == 0 ? absl::OkStatus() : ErrnoError(-result, "a filter of system calls");
}

}  // namespace platter

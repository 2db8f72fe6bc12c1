// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/small_tmpfs.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {
namespace {

// What the child was doing when it failed.
enum class Call : uint8_t {
  kNone,
  kUnshare,
  kSetgroups,
  kUidMap,
  kGidMap,
  kMount,
  kOpen,
  kRemount
};

const char* CallName(Call call) {
  switch (call) {
    case Call::kNone:
      return "nothing";
    case Call::kUnshare:
      return "unshare";
    case Call::kSetgroups:
      return "write to /proc/self/setgroups";
    case Call::kUidMap:
      return "write to /proc/self/uid_map";
    case Call::kGidMap:
      return "write to /proc/self/gid_map";
    case Call::kMount:
      return "mount of a tmpfs";
    case Call::kOpen:
      return "open of the tmpfs";
    case Call::kRemount:
      return "remount of the tmpfs";
  }
  return "?";
}

// Both directions of the socket have messages of one size.
struct Answer {
  Call call = Call::kNone;
  int error = 0;
};
struct Question {
  uint64_t bytes;
};

// What the child needs, made before the fork: behind it only system calls are made.
struct ChildPlan {
  int socket;
  pid_t parent;
  const char* mount_point;
  char size_option[64];
  char uid_map[64];
  char gid_map[64];
};

// The tmpfs belongs to the user that this process is: mapped to root inside.
void Prepare(ChildPlan& plan, uint64_t bytes) {
  std::snprintf(plan.size_option, sizeof(plan.size_option), "size=%llu,mode=700",
                static_cast<unsigned long long>(bytes));
  std::snprintf(plan.uid_map, sizeof(plan.uid_map), "0 %u 1", static_cast<unsigned>(geteuid()));
  std::snprintf(plan.gid_map, sizeof(plan.gid_map), "0 %u 1", static_cast<unsigned>(getegid()));
}

int WriteFile(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const auto length = static_cast<ssize_t>(std::strlen(text));
  const int error = ::write(fd, text, static_cast<size_t>(length)) == length ? 0 : errno;
  ::close(fd);
  return error;
}

// In the child: into the namespaces, and the tmpfs mounted. `root` is its folder then.
Answer EnterAndMount(const ChildPlan& plan, int& root) {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return {Call::kUnshare, errno};
  // user_namespaces(7): without privilege outside, gid_map may be written only after this. Kernels
  // before 3.19 have no such file.
  const int refused = WriteFile("/proc/self/setgroups", "deny");
  if (refused != 0 && refused != ENOENT) return {Call::kSetgroups, refused};
  if (const int error = WriteFile("/proc/self/uid_map", plan.uid_map))
    return {Call::kUidMap, error};
  if (const int error = WriteFile("/proc/self/gid_map", plan.gid_map))
    return {Call::kGidMap, error};
  if (::mount("platter-demo", plan.mount_point, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              plan.size_option) != 0) {
    return {Call::kMount, errno};
  }
  root = ::open(plan.mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return root < 0 ? Answer{Call::kOpen, errno} : Answer{};
}

// unix(7), SCM_RIGHTS: `fd` travels with the answer when it is one.
bool SendAnswer(int socket, Answer answer, int fd) {
  iovec data = {&answer, sizeof(answer)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof(answer));
}

absl::StatusOr<Answer> ReceiveAnswer(int socket, int* fd) {
  Answer answer;
  iovec data = {&answer, sizeof(answer)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof(answer))) {
    return ErrnoError(got < 0 ? errno : EPIPE, "the process that mounts a tmpfs");
  }
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    std::memcpy(fd, CMSG_DATA(header), sizeof(*fd));
  }
  return answer;
}

absl::Status StatusOf(Answer answer) {
  if (answer.error == 0) return absl::OkStatus();
  return ErrnoError(answer.error, CallName(answer.call));
}

// The child's whole life. It ends with its parent, whichever way that ends.
[[noreturn]] void RunChild(ChildPlan& plan) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(1);
  int root = -1;
  const Answer mounted = EnterAndMount(plan, root);
  bool go_on = SendAnswer(plan.socket, mounted, root) && mounted.error == 0;
  if (root >= 0) ::close(root);
  Question question;
  while (go_on &&
         ::recv(plan.socket, &question, sizeof(question), 0) == ssize_t{sizeof(question)}) {
    Prepare(plan, question.bytes);
    const int failed = ::mount("platter-demo", plan.mount_point, nullptr,
                               MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC, plan.size_option);
    go_on = SendAnswer(plan.socket, {Call::kRemount, failed == 0 ? 0 : errno}, -1);
  }
  ::_exit(0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SmallTmpfs>> SmallTmpfs::Create(const std::string& mount_point,
                                                               uint64_t bytes) {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
    return ErrnoError(errno, "socketpair");
  }
  ChildPlan plan = {};
  plan.socket = sockets[1];
  plan.parent = ::getpid();
  plan.mount_point = mount_point.c_str();
  Prepare(plan, bytes);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(sockets[0]);
    RunChild(plan);
  }
  const int fork_error = errno;
  ::close(sockets[1]);
  if (child < 0) {
    ::close(sockets[0]);
    return ErrnoError(fork_error, "fork");
  }
  std::unique_ptr<SmallTmpfs> tmpfs(new SmallTmpfs(child, sockets[0]));
  const absl::StatusOr<Answer> answer = ReceiveAnswer(sockets[0], &tmpfs->root_);
  if (!answer.ok()) return answer.status();
  PLATTER_RETURN_IF_ERROR(StatusOf(*answer));
  if (tmpfs->root_ < 0) return ErrorWithErrno(EBADF, "no descriptor of the tmpfs came");
  return tmpfs;
}

SmallTmpfs::~SmallTmpfs() {
  ::close(socket_);
  if (root_ >= 0) ::close(root_);
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::string SmallTmpfs::File(std::string_view name) const {
  return absl::StrCat("/proc/self/fd/", root_, "/", std::string(name));
}

absl::Status SmallTmpfs::Resize(uint64_t bytes) {
  const Question question = {bytes};
  if (::send(socket_, &question, sizeof(question), MSG_NOSIGNAL) != ssize_t{sizeof(question)}) {
    return ErrnoError(errno, "the process that mounts a tmpfs");
  }
  const absl::StatusOr<Answer> answer = ReceiveAnswer(socket_, nullptr);
  if (!answer.ok()) return answer.status();
  return StatusOf(*answer);
}

absl::StatusOr<uint64_t> SmallTmpfs::FreeBytes() const {
  struct statvfs info;
  if (::fstatvfs(root_, &info) != 0) return ErrnoError(errno, "statvfs of the tmpfs");
  return uint64_t{info.f_bavail} * info.f_frsize;
}

}  // namespace platter

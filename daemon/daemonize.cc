// SPDX-License-Identifier: Apache-2.0

#include "daemon/daemonize.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/status.h"

namespace platter {
namespace {

constexpr uint8_t kReady = 1;

// 0 when the other process said that it is ready, else 1.
int WaitUntilReady(int fd) {
  uint8_t said = 0;
  ssize_t got = 0;
  do {
    got = read(fd, &said, sizeof(said));
  } while (got < 0 && errno == EINTR);
  return got == 1 && said == kReady ? 0 : 1;
}

}  // namespace

absl::StatusOr<Daemonize> Daemonize::Begin() {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, "going into the background");
  OwnedDescriptor hears(ends[0]);
  OwnedDescriptor tells(ends[1]);
  const pid_t between = fork();
  if (between < 0) return ErrnoError(errno, "going into the background");
  if (between > 0) {
    tells = OwnedDescriptor();
    const int status = WaitUntilReady(hears.get());
    waitpid(between, nullptr, 0);
    _exit(status);
  }
  setsid();
  // Not the leader of the session: no terminal that it opens becomes its own.
  const pid_t last = fork();
  if (last != 0) _exit(last < 0 ? 1 : 0);
  return Daemonize(std::move(tells));
}

absl::Status Daemonize::Ready() {
  OwnedDescriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null.get() < 0) return ErrnoError(errno, "/dev/null");
  for (const int each : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (dup2(null.get(), each) < 0) return ErrnoError(errno, "/dev/null");
  }
  // Where it happened to be one of the three, it stays what it is.
  if (null.get() <= STDERR_FILENO) null.Release();
  // Nobody listens any more: nothing to be done about it.
  [[maybe_unused]] const ssize_t told = write(first_.get(), &kReady, sizeof(kReady));
  first_ = OwnedDescriptor();
  return absl::OkStatus();
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "aio/unix_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/quote.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr int kBacklog = 16;

std::string Title(const std::string& path) { return "socket " + QuoteWhole(path); }

absl::Status RemoveStaleSocket(const std::string& path) {
  struct stat found = {};
  if (lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? absl::OkStatus() : ErrnoError(errno, Title(path));
  }
  if (!S_ISSOCK(found.st_mode)) {
    return ErrorWithErrno(EEXIST, absl::StrCat(Title(path), ": there is a file that is no socket"));
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoError(errno, Title(path));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UnixListener> UnixListener::Listen(std::string path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return ErrorWithErrno(ENAMETOOLONG, absl::StrCat(Title(path), ": a socket's path has 1 to ",
                                                     sizeof(address.sun_path) - 1, " bytes"));
  }
  path.copy(address.sun_path, path.size());
  PLATTER_RETURN_IF_ERROR(RemoveStaleSocket(path));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return ErrnoError(errno, Title(path));
  // From bind on, the file is ours to remove.
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    close(fd);
    return ErrnoError(error, Title(path));
  }
  UnixListener listener(std::move(path), fd);
  if (listen(fd, kBacklog) != 0) return ErrnoError(errno, Title(listener.path_));
  return listener;
}

absl::StatusOr<UnixListener> UnixListener::Adopt(OwnedDescriptor socket) {
  const std::string name = absl::StrCat("descriptor ", socket.get());
  int listens = 0;
  socklen_t size = sizeof(listens);
  if (getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) {
    return ErrnoError(errno, name);
  }
  int domain = 0;
  size = sizeof(domain);
  if (getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX ||
      listens == 0) {
    return ErrorWithErrno(EINVAL, absl::StrCat(name, " is not a unix socket that listens"));
  }
  const int flags = fcntl(socket.get(), F_GETFL);
  if (flags < 0 || fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoError(errno, name);
  }
  return UnixListener("", socket.Release());
}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

UnixListener::~UnixListener() {
  if (fd_ < 0) return;
  close(fd_);
  if (!path_.empty()) unlink(path_.c_str());
}

int UnixListener::Accept() {
  const int client = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return client >= 0 ? client : -errno;
}

}  // namespace platter

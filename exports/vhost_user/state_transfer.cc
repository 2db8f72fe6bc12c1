// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/state_transfer.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {

namespace {

bool IsUnixStream(int fd) {
  int domain = 0;
  int type = 0;
  socklen_t size = sizeof(int);
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
         getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

// A pipe whose reader has gone must not end the process.
ssize_t WriteToPipe(int fd, const char* data, size_t bytes) {
  sigset_t pipe_signal;
  sigset_t pending;
  sigset_t before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t count = write(fd, data, bytes);
  const int error = count < 0 ? errno : 0;
  if (error == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    const timespec now = {};
    while (sigtimedwait(&pipe_signal, nullptr, &now) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return count;
}

bool IsSocket(int fd) {
  struct stat info = {};
  return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

}  // namespace

absl::StatusOr<OwnedDescriptor> StateTransfer::Prepare(OwnedDescriptor given, Direction direction) {
  struct stat info = {};
  const int flags = fcntl(given.get(), F_GETFL);
  if (flags < 0 || fstat(given.get(), &info) != 0) return ErrnoError(errno, "its descriptor");
  if (S_ISSOCK(info.st_mode) && IsUnixStream(given.get())) return given;
  if (!S_ISFIFO(info.st_mode)) {
    return absl::InvalidArgumentError("its descriptor is no pipe and no unix stream socket");
  }
  const int wanted = direction == Direction::kSave ? O_WRONLY : O_RDONLY;
  if ((flags & O_ACCMODE) != wanted && (flags & O_ACCMODE) != O_RDWR) {
    return absl::InvalidArgumentError("its descriptor is the other end of the pipe");
  }
  // Opened anew, its flags are nobody else's.
  OwnedDescriptor own(
      open(absl::StrCat("/proc/self/fd/", given.get()).c_str(), wanted | O_NONBLOCK | O_CLOEXEC));
  if (own.get() >= 0) return own;
  if (fcntl(given.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoError(errno, "its descriptor");
  }
  return given;
}

absl::StatusOr<std::unique_ptr<StateTransfer>> StateTransfer::Save(AioContext& context,
                                                                   OwnedDescriptor descriptor,
                                                                   std::string state, Done done) {
  auto own = Prepare(std::move(descriptor), Direction::kSave);
  if (!own.ok()) return own.status();
  // The constructor is private.
  return std::unique_ptr<StateTransfer>(new StateTransfer(
      context, *std::move(own), Direction::kSave, std::move(state), std::move(done)));
}

absl::StatusOr<std::unique_ptr<StateTransfer>> StateTransfer::Load(AioContext& context,
                                                                   OwnedDescriptor descriptor,
                                                                   Done done) {
  auto own = Prepare(std::move(descriptor), Direction::kLoad);
  if (!own.ok()) return own.status();
  return std::unique_ptr<StateTransfer>(
      new StateTransfer(context, *std::move(own), Direction::kLoad, {}, std::move(done)));
}

StateTransfer::StateTransfer(AioContext& context, OwnedDescriptor descriptor, Direction direction,
                             std::string state, Done done)
    : context_(context),
      descriptor_(std::move(descriptor)),
      direction_(direction),
      state_(std::move(state)),
      done_(std::move(done)) {
  context_.Watch(*this, descriptor_.get(), direction_ == Direction::kSave ? EPOLLOUT : EPOLLIN);
}

StateTransfer::~StateTransfer() {
  if (descriptor_.get() >= 0) context_.Unwatch(*this);
}

// An end or an error that is reported is found by the attempt as well.
void StateTransfer::OnFdReady(uint32_t /*events*/) {
  if (direction_ == Direction::kSave) {
    WriteSome();
  } else {
    ReadSome();
  }
}

void StateTransfer::WriteSome() {
  const char* const from = state_.data() + written_;
  const size_t left = state_.size() - written_;
  ssize_t count = 0;
  if (left != 0) {
    count = IsSocket(descriptor_.get())
                ? send(descriptor_.get(), from, left, MSG_DONTWAIT | MSG_NOSIGNAL)
                : WriteToPipe(descriptor_.get(), from, left);
  }
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return Finish(ErrnoError(errno, "saving the device's state"));
  }
  written_ += static_cast<size_t>(count);
  if (written_ == state_.size()) Finish(std::string());
}

void StateTransfer::ReadSome() {
  const size_t had = state_.size();
  state_.resize(had + kPart);
  const ssize_t count = IsSocket(descriptor_.get())
                            ? recv(descriptor_.get(), state_.data() + had, kPart, MSG_DONTWAIT)
                            : read(descriptor_.get(), state_.data() + had, kPart);
  const int error = count < 0 ? errno : 0;
  state_.resize(had + static_cast<size_t>(count < 0 ? 0 : count));
  if (count < 0) {
    if (error == EAGAIN || error == EINTR) return;
    return Finish(ErrnoError(error, "loading the device's state"));
  }
  if (count == 0) return Finish(std::move(state_));
  if (state_.size() > kMostBytes) {
    Finish(absl::ResourceExhaustedError(absl::StrCat(
        "loading the device's state: it has more than ", kMostBytes, " bytes, as no state has")));
  }
}

void StateTransfer::Finish(absl::StatusOr<std::string> result) {
  context_.Unwatch(*this);
  // Closing it is what tells the peer that this is all.
  descriptor_ = OwnedDescriptor();
  Done done = std::move(done_);
  std::move(done)(std::move(result));
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/event_descriptors.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/status/statusor.h"

#include "base/check.h"
#include "base/status.h"

namespace platter {

namespace {

enum class Direction : uint8_t { kKick, kCall };

// A context takes it for granted that what it is told to watch can be watched.
absl::Status CheckWatchable(int fd, const std::string& name) {
  const OwnedDescriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll.get() >= 0 && epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0) {
    return absl::OkStatus();
  }
  return ErrnoError(errno, name + " cannot be watched");
}

bool IsUnixStream(int fd) {
  int domain = 0;
  int type = 0;
  socklen_t size = sizeof(int);
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
         getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

// nullptr, or what is wrong with it.
const char* WrongKind(int fd, Direction direction) {
  struct stat info = {};
  if (fstat(fd, &info) != 0) return "cannot be looked at";
  // What has no name in a file system, as eventfds, has no type either.
  const mode_t type = info.st_mode & S_IFMT;
  iovec nothing = {nullptr, 0};
  if (direction == Direction::kCall) {
    if (type == S_IFSOCK && IsUnixStream(fd)) return nullptr;
    if (type == 0 && writev(fd, &nothing, 1) == 0) return nullptr;
    return "is not an eventfd or a unix stream socket to signal";
  }
  if (type != 0 && type != S_IFIFO && type != S_IFSOCK) {
    return "is a file or a device, not an eventfd to watch";
  }
  // An epoll, which a peer could nest deeper than a context can watch, is polled but not read.
  return readv(fd, &nothing, 1) == 0 ? nullptr : "cannot be read";
}

absl::StatusOr<OwnedDescriptor> Duplicate(int fd, Direction direction) {
  const std::string name = "descriptor " + std::to_string(fd);
  OwnedDescriptor copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (copy.get() < 0) return ErrnoError(errno, name);
  if (const char* wrong = WrongKind(copy.get(), direction); wrong != nullptr) {
    return ErrorWithErrno(EINVAL, name + " " + wrong);
  }
  if (direction == Direction::kKick) {
    PLATTER_RETURN_IF_ERROR(CheckWatchable(copy.get(), name));
  }
  const int flags = fcntl(copy.get(), F_GETFL);
  if (flags < 0 || fcntl(copy.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoError(errno, name);
  }
  return copy;
}

// RWF_NOWAIT: an eventfd is not waited for, whatever the peer has done to O_NONBLOCK. Pipes and
// sockets know it in newer kernels only.
ssize_t ReadOnce(int fd) {
  uint64_t value = 0;
  const iovec into = {&value, sizeof(value)};
  const ssize_t count = preadv2(fd, &into, 1, -1, RWF_NOWAIT);
  if (count >= 0 || errno != EOPNOTSUPP) return count;
  return read(fd, &value, sizeof(value));
}

}  // namespace

// --- KickDescriptor. ---

std::shared_ptr<KickDescriptor> KickDescriptor::Create(AioContext& context, Kick kick) {
  return std::shared_ptr<KickDescriptor>(new KickDescriptor(context, std::move(kick)));
}

KickDescriptor::~KickDescriptor() { PLATTER_CHECK(!watched_); }

absl::Status KickDescriptor::Set(int given) {
  OwnedDescriptor next;
  if (given != -1) {
    absl::StatusOr<OwnedDescriptor> copy = Duplicate(given, Direction::kKick);
    if (!copy.ok()) return copy.status();
    next = *std::move(copy);
  }
  context_.Post([self = shared_from_this(), taken = std::move(next)]() mutable {
    self->Install(std::move(taken));
  });
  return absl::OkStatus();
}

void KickDescriptor::Start() {
  context_.Post([self = shared_from_this()] {
    self->started_ = true;
    self->WatchIfWanted();
  });
}

void KickDescriptor::Stop() {
  context_.Post([self = shared_from_this()] { self->StopNow(); });
}

void KickDescriptor::StopNow() {
  started_ = false;
  Unwatch();
}

void KickDescriptor::Install(OwnedDescriptor next) {
  Unwatch();
  descriptor_ = std::move(next);
  empty_reads_ = 0;
  idle_kicks_ = 0;
  error_.store(0, std::memory_order_relaxed);
  WatchIfWanted();
}

void KickDescriptor::WatchIfWanted() {
  if (!started_ || watched_ || descriptor_.get() < 0) return;
  context_.Watch(*this, descriptor_.get(), EPOLLIN);
  watched_ = true;
}

void KickDescriptor::Unwatch() {
  rest_.Cancel();
  if (!watched_) return;
  context_.Unwatch(*this);
  watched_ = false;
}

void KickDescriptor::Fail(int error_number) {
  Unwatch();
  descriptor_ = OwnedDescriptor();
  error_.store(error_number, std::memory_order_relaxed);
}

void KickDescriptor::OnFdReady(uint32_t events) {
  const ssize_t count = ReadOnce(descriptor_.get());
  if (count > 0) {
    empty_reads_ = 0;
    idle_kicks_ = kick_() == Progress::kSome ? 0 : idle_kicks_ + 1;
    if (idle_kicks_ < kMaxIdleKicks) return;
    idle_kicks_ = kMaxIdleKicks;  // Until there is progress again.
    Unwatch();
    return rest_.ArmAfter(kRest);
  }
  if (count == 0) return Fail(EPIPE);
  const int error_number = errno;
  if (error_number != EAGAIN && error_number != EINTR) return Fail(error_number);
  // Level-triggered: an error or a hang-up that no read takes away would come back for ever.
  if ((events & EPOLLIN) == 0) return Fail(EIO);
  if (++empty_reads_ >= kMaxEmptyReads) Fail(error_number);
}

// --- CallDescriptor. ---

namespace {

// Puts `next` behind the number of `place`, or makes its number the one.
absl::Status Put(OwnedDescriptor next, OwnedDescriptor& place) {
  if (place.get() < 0) {
    place = std::move(next);
  } else if (dup3(next.get(), place.get(), O_CLOEXEC) < 0) {
    return ErrnoError(errno, "descriptor " + std::to_string(next.get()));
  }
  return absl::OkStatus();
}

// The number stays, for who is about to write to it; the peer's file is let go. What takes its
// place is of the same kind.
void LetGoOf(OwnedDescriptor& place, OwnedDescriptor instead) {
  if (place.get() >= 0 && instead.get() >= 0) dup3(instead.get(), place.get(), O_CLOEXEC);
}
void LetGoOfEvent(OwnedDescriptor& place) {
  if (place.get() >= 0) LetGoOf(place, OwnedDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
}
void LetGoOfSocket(OwnedDescriptor& place) {
  if (place.get() < 0) return;
  LetGoOf(place, OwnedDescriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
}

}  // namespace

absl::Status CallDescriptor::Set(int fd) {
  if (fd == -1) {
    target_.store(-1, std::memory_order_release);
    LetGoOfEvent(event_);
    LetGoOfSocket(socket_);
    return absl::OkStatus();
  }
  absl::StatusOr<OwnedDescriptor> copy = Duplicate(fd, Direction::kCall);
  if (!copy.ok()) return copy.status();
  if (IsUnixStream(copy->get())) {
    PLATTER_RETURN_IF_ERROR(Put(*std::move(copy), socket_));
    target_.store(2 * socket_.get() + kSocket, std::memory_order_release);
    LetGoOfEvent(event_);
  } else {
    PLATTER_RETURN_IF_ERROR(Put(*std::move(copy), event_));
    target_.store(2 * event_.get(), std::memory_order_release);
    LetGoOfSocket(socket_);
  }
  return absl::OkStatus();
}

void CallDescriptor::Write(int fd) {
  const uint64_t one = 1;
  while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

void CallDescriptor::Send(int fd) {
  const uint64_t one = 1;
  // A full buffer is signals enough; a peer that has gone is nobody's loss.
  while (send(fd, &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "aio/epoll/epoll_context.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/status.h"

namespace platter {

namespace {

// Tags in epoll_event::data for descriptors of our own; everything else is a WatchSlot's address.
constexpr uint64_t kWakeTag = 1;
constexpr uint64_t kTimerTag = 2;

constexpr int kMaxEvents = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<AioContext>> EpollContext::Create(std::string name, PollOptions poll,
                                                                 uint32_t pool_threads) {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return ErrnoError(errno, "AioContext '" + name + "': epoll_create1");
  const absl::StatusOr<int> event_fd = MakeEventFd(name);
  if (!event_fd.ok()) {
    close(epoll_fd);
    return event_fd.status();
  }
  return std::unique_ptr<AioContext>(
      new EpollContext(std::move(name), poll, pool_threads, *event_fd, epoll_fd));
}

EpollContext::EpollContext(std::string name, PollOptions poll, uint32_t pool_threads, int event_fd,
                           int epoll_fd)
    : HostContext(std::move(name), poll, event_fd),
      epoll_fd_(epoll_fd),
      file_io_(*this, pool_threads) {
  AddInternal(event_fd_, kWakeTag);
}

EpollContext::~EpollContext() {
  Finish();
  PLATTER_CHECK(watches_.empty());
  close(epoll_fd_);
}

void EpollContext::AddInternal(int fd, uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  PLATTER_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0);
}

int EpollContext::StartForeignLoop() {
  AddInternal(timer_fd_, kTimerTag);
  return epoll_fd_;
}

void EpollContext::Watch(FdWatch& watch, int fd, uint32_t events) {
  WatchSlot& slot = watches_.Add(watch, fd, events);
  epoll_event event{};
  event.events = events;
  event.data.ptr = &slot;
  PLATTER_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void EpollContext::Unwatch(FdWatch& watch) {
  const int fd = watch.fd;
  WatchSlot& slot = watches_.Remove(watch);
  // Fails if the owner has closed the descriptor before; the kernel has then forgotten it.
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  watches_.Release(slot);
}

void EpollContext::Collect(WaitTime wait) {
  if (file_io_.pool.queued()) file_io_.Flush();
  std::array<epoll_event, kMaxEvents> events;
  const timespec timeout = ToTimespec(wait.limit.value_or(Duration{0}));
  const int count = epoll_pwait2(epoll_fd_, events.data(), kMaxEvents,
                                 wait.limit.has_value() ? &timeout : nullptr, nullptr);
  PLATTER_CHECK(count >= 0 || errno == EINTR);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    uint64_t value = 0;
    if (event.data.u64 == kWakeTag) {
      PLATTER_CHECK(read(event_fd_, &value, sizeof(value)) == sizeof(value));
      CountWakeups(value);
    } else if (event.data.u64 == kTimerTag) {
      PLATTER_CHECK(read(timer_fd_, &value, sizeof(value)) == sizeof(value));
      OnTimerFdRead();
    } else {
      watches_.SetReady(*static_cast<WatchSlot*>(event.data.ptr), event.events);
    }
  }
}

bool EpollContext::DispatchDescriptors() {
  return watches_.Dispatch([this](WatchSlot& slot) { watches_.Release(slot); });
}

}  // namespace platter

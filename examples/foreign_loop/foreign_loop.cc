// SPDX-License-Identifier: Apache-2.0
//
// A program with an event loop of its own that carries an AioContext along.
//
//   foreign_loop FILE
//
// The loop is a plain epoll loop that knows three things of the context: PollFd() is readable when
// RunReady() has something to do, NextDeadline() says when at the latest, and RunReady() is called
// until it returns false. Inside, the context reads the start of FILE while a timer ticks; outside,
// the loop serves a descriptor of its own.

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "aio/aio_context.h"
#include "aio/create.h"
#include "aio/timer.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr int kTicks = 3;
constexpr Duration kTickInterval = std::chrono::milliseconds(5);

// Reads the first bytes of a file.
class Reader final : public FileOp {
 public:
  explicit Reader(int file) {
    fd = file;
    kind = FileOpKind::kRead;
    iov = &vector_;
    iov_count = 1;
  }
  void OnFileDone(int64_t done_result) override { answer_ = done_result; }
  const std::optional<int64_t>& answer() const { return answer_; }

 private:
  std::array<char, 4096> buffer_{};
  iovec vector_{buffer_.data(), buffer_.size()};
  std::optional<int64_t> answer_;
};

// Ticks a few times and then signals the loop's own descriptor.
class Ticker {
 public:
  Ticker(AioContext& context, int signal_fd)
      : signal_fd_(signal_fd), timer_(context, [this] { OnTick(); }) {
    timer_.ArmAfter(kTickInterval);
  }

 private:
  void OnTick() {
    std::printf("tick %d\n", ++ticks_);
    if (ticks_ < kTicks) {
      timer_.ArmAfter(kTickInterval);
    } else if (eventfd_write(signal_fd_, 1) != 0) {
      std::perror("eventfd_write");
    }
  }

  const int signal_fd_;
  int ticks_ = 0;
  Timer timer_;
};

// How long epoll_wait may sleep; rounded up, so that a deadline is past when it returns.
int TimeoutUntil(const AioContext& context, std::optional<Instant> deadline) {
  if (!deadline.has_value()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - context.Now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
}

void AddToLoop(int loop, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0) std::perror("epoll_ctl");
}

int Run(const char* path) {
  auto made = CreateAioContext({.kind = AioKind::kThreads, .name = "embedded"});
  if (!made.ok()) {
    std::fprintf(stderr, "foreign_loop: %s\n", MessageOf(made.status()).c_str());
    return 1;
  }
  AioContext& context = **made;
  const int file = context.file_io().Open(path, O_RDONLY, 0);
  if (file < 0) {
    std::fprintf(stderr, "foreign_loop: %s: %s\n", path, std::strerror(-file));
    return 1;
  }

  // The host program's loop: its own descriptor, and one more for the context.
  const int loop = epoll_create1(EPOLL_CLOEXEC);
  const int own_fd = eventfd(0, EFD_CLOEXEC);
  AddToLoop(loop, own_fd);
  AddToLoop(loop, context.PollFd());

  Ticker ticker(context, own_fd);
  Reader reader(file);
  context.file_io().Submit(reader);
  bool own_event = false;
  while (!own_event || !reader.answer().has_value()) {
    while (context.RunReady()) {
    }
    epoll_event event{};
    const int count = epoll_wait(loop, &event, 1, TimeoutUntil(context, context.NextDeadline()));
    if (count == 1 && event.data.fd == own_fd) {
      eventfd_t value = 0;
      own_event = eventfd_read(own_fd, &value) == 0;
      std::printf("the loop's own descriptor\n");
    }
  }
  std::printf("read %lld bytes of %s\n", static_cast<long long>(*reader.answer()), path);
  context.file_io().Close(file);
  close(own_fd);
  close(loop);
  return *reader.answer() >= 0 ? 0 : 1;
}

}  // namespace
}  // namespace platter

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: foreign_loop FILE\n");
    return 2;
  }
  return platter::Run(argv[1]);
}

// SPDX-License-Identifier: Apache-2.0
#include "testing/peers/line_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"

namespace platter {
namespace {

using HostClock = std::chrono::steady_clock;

// Whether `fd` can be read (or has ended) before `end`.
bool WaitReadable(int fd, HostClock::time_point end) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - HostClock::now()).count();
    pollfd asked = {.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&asked, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace

LineSocket::LineSocket(std::string path) : path_(std::move(path)) {
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  PLATTER_CHECK(path_.size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, path_.data(), path_.size());
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  PLATTER_CHECK(listener_ >= 0 &&
                ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                ::listen(listener_, 1) == 0);
}

LineSocket::~LineSocket() {
  if (peer_ >= 0) ::close(peer_);
  ::close(listener_);
  ::unlink(path_.c_str());
}

absl::Status LineSocket::Accept(Duration timeout) {
  if (!WaitReadable(listener_, HostClock::now() + timeout)) {
    return absl::DeadlineExceededError(absl::StrCat("nobody connects to ", path_));
  }
  peer_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  return peer_ >= 0 ? absl::OkStatus() : ErrnoError(errno, path_);
}

absl::Status LineSocket::Send(std::string_view line) {
  const std::string text = absl::StrCat(std::string(line), "\n");
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t done = ::send(peer_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return absl::UnavailableError(absl::StrCat(path_, ": the peer has gone"));
    sent += static_cast<size_t>(done);
  }
  return absl::OkStatus();
}

std::optional<std::string> LineSocket::TakeLine() {
  const size_t end = received_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

absl::StatusOr<std::optional<std::string>> LineSocket::Poll(Duration timeout) {
  const HostClock::time_point end = HostClock::now() + timeout;
  for (;;) {
    if (std::optional<std::string> line = TakeLine(); line.has_value()) return line;
    if (!WaitReadable(peer_, end)) return std::optional<std::string>();
    std::array<char, 4096> piece;
    const ssize_t got = ::recv(peer_, piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return absl::UnavailableError(absl::StrCat(path_, ": the peer has gone"));
    received_.append(piece.data(), static_cast<size_t>(got));
  }
}

absl::StatusOr<std::string> LineSocket::Read(Duration timeout) {
  absl::StatusOr<std::optional<std::string>> line = Poll(timeout);
  if (!line.ok()) return line.status();
  if (line->has_value()) return **std::move(line);
  return absl::DeadlineExceededError(absl::StrCat(path_, ": no line comes"));
}

}  // namespace platter

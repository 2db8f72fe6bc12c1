// SPDX-License-Identifier: Apache-2.0

#include "monitor/test_client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "gtest/gtest.h"

namespace platter {

TestClient::TestClient(const std::string& path) {
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0) << path;
  EXPECT_EQ(fcntl(fd_, F_SETFL, O_NONBLOCK), 0);
}

size_t TestClient::Send(std::string_view bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;
    sent += static_cast<size_t>(n);
  }
  return sent;
}

void TestClient::Fill() {
  char buffer[4096];
  while (fd_ >= 0 && !end_) {
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n > 0) {
      received_.append(buffer, static_cast<size_t>(n));
    } else {
      end_ = n == 0 || errno != EAGAIN;
      return;
    }
  }
}

std::optional<std::string> TestClient::TakeLine() {
  Fill();
  const size_t end = received_.find("\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 2);
  return line;
}

bool TestClient::closed() {
  Fill();
  return end_;
}

void TestClient::Hangup() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace platter

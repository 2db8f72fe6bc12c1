// SPDX-License-Identifier: Apache-2.0
#include "testing/peers/line_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>

#include "gtest/gtest.h"

namespace platter {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class LineSocketTest : public testing::Test {
 protected:
  ~LineSocketTest() override { Leave(); }

  void Connect() {
    peer_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    std::memcpy(address.sun_path, path_.data(), path_.size());
    ASSERT_EQ(::connect(peer_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_TRUE(socket_.Accept(10s).ok());
  }
  void Say(const std::string& text) {
    ASSERT_EQ(::write(peer_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void Leave() {
    if (peer_ >= 0) ::close(peer_);
    peer_ = -1;
  }

  const std::string path_ = "/tmp/platter-lines." + std::to_string(::getpid());
  LineSocket socket_{path_};
  int peer_ = -1;
};

TEST_F(LineSocketTest, LinesArriveWhole) {
  Connect();
  Say("one\r\ntwo\nthr");
  EXPECT_EQ(*socket_.Read(10s), "one");
  EXPECT_EQ(*socket_.Read(10s), "two");
  EXPECT_EQ(*socket_.Poll(0ms), std::nullopt);
  Say("ee\n");
  EXPECT_EQ(*socket_.Read(10s), "three");
}

TEST_F(LineSocketTest, LinesGoOut) {
  Connect();
  ASSERT_TRUE(socket_.Send("inb 0x1f7").ok());
  char got[11] = {};
  ASSERT_EQ(::recv(peer_, got, 10, MSG_WAITALL), 10);
  EXPECT_STREQ(got, "inb 0x1f7\n");
}

TEST_F(LineSocketTest, SilenceAndAbsenceAreErrors) {
  EXPECT_EQ(socket_.Accept(0ms).code(), absl::StatusCode::kDeadlineExceeded);
  Connect();
  EXPECT_EQ(socket_.Read(0ms).status().code(), absl::StatusCode::kDeadlineExceeded);
  Say("last\nhalf");
  Leave();
  EXPECT_EQ(*socket_.Read(10s), "last");
  EXPECT_EQ(socket_.Read(10s).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace platter

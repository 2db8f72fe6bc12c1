// SPDX-License-Identifier: Apache-2.0
//
// Over a pair of sockets in this process; the loop runs when the test says so.

#include "monitor/qmp_connection.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

class QmpConnectionTest : public testing::Test {
 protected:
  QmpConnectionTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    client_ = ends[0];
    // As little as the kernel lets it be: what the client leaves lying is soon the server's.
    const int small = 4096;
    EXPECT_EQ(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    connection_ =
        std::make_unique<QmpConnection>(rig_.monitor(), log_, ends[1], [this] { ++ended_; });
  }
  ~QmpConnectionTest() override {
    connection_.reset();
    Turn();
    if (client_ >= 0) close(client_);
  }

  void Turn() { rig_.world().RunUntilIdle(); }
  // All that has come.
  std::string Read() {
    std::string all;
    char bytes[4096];
    for (;;) {
      Turn();
      const ssize_t got = read(client_, bytes, sizeof(bytes));
      if (got <= 0) return all;
      all.append(bytes, static_cast<size_t>(got));
    }
  }
  size_t Write(std::string_view text) {
    const ssize_t sent = send(client_, text.data(), text.size(), MSG_NOSIGNAL);
    Turn();
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  void Negotiate() {
    EXPECT_TRUE(Read().starts_with("{\"QMP\": "));
    Write(R"({"execute": "qmp_capabilities"})");
    EXPECT_EQ(Read(), "{\"return\": {}}\r\n");
  }
  void HangUp() {
    close(client_);
    client_ = -1;
    Turn();
  }

  MonitorRig rig_;
  MemoryLog log_;
  int client_ = -1;
  int ended_ = 0;
  std::unique_ptr<QmpConnection> connection_;
};

TEST_F(QmpConnectionTest, CommandsInAndLinesOut) {
  Negotiate();
  Write(R"({"execute": "query-name", "id": 1} {"execute": "sto)");
  EXPECT_EQ(Read(), "{\"return\": {}, \"id\": 1}\r\n");
  Write("p\"}");
  const std::string lines = Read();
  EXPECT_NE(lines.find("\"event\": \"STOP\"}\r\n{\"return\": {}}\r\n"), std::string::npos) << lines;
  EXPECT_FALSE(connection_->has_ended());
}

TEST_F(QmpConnectionTest, AClientThatHangsUpEndsIt) {
  Negotiate();
  HangUp();
  EXPECT_TRUE(connection_->has_ended());
  EXPECT_EQ(ended_, 1);
  // Events go nowhere.
  rig_.Run("stop");
}

TEST_F(QmpConnectionTest, WhatWasAskedBeforeHangingUpIsDone) {
  Negotiate();
  send(client_, R"({"execute": "stop"})", 19, MSG_NOSIGNAL);
  HangUp();
  EXPECT_EQ(rig_.machine().state(), MachineState::kPaused);
}

// A client that asks and never reads: its requests stay in the socket, and it stops them itself.
TEST_F(QmpConnectionTest, RepliesThatNobodyReadsStopTheReading) {
  Negotiate();
  const std::string asking(1000, '}');
  size_t sent = 0;
  size_t idle = 0;
  while (idle < 10 && sent < (size_t{64} << 20)) {
    const size_t more = Write(asking);
    idle = more == 0 ? idle + 1 : 0;
    sent += more;
  }
  EXPECT_LT(sent, size_t{4} << 20) << "the server reads on and on";
  EXPECT_FALSE(connection_->has_ended());
  // It goes on when the client does.
  const std::string replies = Read();
  EXPECT_EQ(replies.substr(replies.size() - 2), "\r\n");
  Write(
      "\n"
      R"({"execute": "query-name", "id": "last"})");
  EXPECT_NE(Read().find("\"id\": \"last\""), std::string::npos);
}

TEST_F(QmpConnectionTest, EventsThatNobodyReadsEndIt) {
  Negotiate();
  // Each is some hundred bytes.
  const MachineEvent event = DeviceDeletedEvent{"cd0"};
  for (int i = 0; i < 100000 && !connection_->has_ended(); ++i) {
    rig_.events().OnMachineEvent(event);
  }
  EXPECT_TRUE(connection_->has_ended());
  EXPECT_EQ(ended_, 1);
  ASSERT_EQ(log_.Lines().size(), 1u);
  EXPECT_NE(log_.Lines()[0].find("does not read"), std::string::npos);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// Over real sockets, on a loop of the kernel's that the test turns.

#include "monitor/qmp_server.h"

#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/socket_folder.h"
#include "aio/task.h"
#include "aio/unix_listener.h"
#include "base/status.h"
#include "machine/machine.h"
#include "monitor/qmp_events.h"
#include "monitor/test_client.h"

namespace platter {
namespace {

class QmpServerTest : public testing::Test {
 protected:
  ~QmpServerTest() override {
    if (server_ != nullptr) BlockOn(*control_, server_->Close());
    server_.reset();
    BlockOn(*control_, machine_->Shutdown());
  }

  void Listen() {
    absl::StatusOr<std::unique_ptr<QmpServer>> server = QmpServer::Listen(*monitor_, log_, path_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  // The next line that comes; the loop turns meanwhile.
  std::string Line(TestClient& client) {
    std::optional<std::string> line;
    control_->RunUntil([&] {
      line = client.TakeLine();
      if (!line.has_value() && client.closed()) line = "closed";
      return line.has_value();
    });
    return *line;
  }
  std::string Say(TestClient& client, const std::string& text) {
    EXPECT_EQ(client.Send(text), text.size());
    return Line(client);
  }
  void Negotiate(TestClient& client) {
    EXPECT_TRUE(Line(client).starts_with("{\"QMP\": "));
    EXPECT_EQ(Say(client, R"({"execute": "qmp_capabilities"})"), R"({"return": {}})");
  }

  StderrLog log_;
  SocketFolder folder_;
  const std::string path_ = folder_.path() + "/qmp";
  std::unique_ptr<AioContext> control_ = *CreateAioContext({.kind = AioKind::kThreads});
  QmpEvents events_;
  std::unique_ptr<Machine> machine_ = std::make_unique<Machine>(
      MachineHost{.control = control_.get(), .log = &log_, .events = &events_});
  std::unique_ptr<QmpMonitor> monitor_ = std::make_unique<QmpMonitor>(
      QmpMonitorOptions{.machine = machine_.get(), .events = &events_, .quit = {}});
  std::unique_ptr<QmpServer> server_;
};

TEST_F(QmpServerTest, SeveralClientsAtOnceHearOfEachOther) {
  Listen();
  TestClient first(path_);
  TestClient second(path_);
  Negotiate(first);
  Negotiate(second);
  EXPECT_EQ(server_->clients(), 2u);
  EXPECT_NE(Say(first, R"({"execute": "stop"})").find("STOP"), std::string::npos);
  EXPECT_EQ(Line(first), R"({"return": {}})");
  EXPECT_NE(Line(second).find("STOP"), std::string::npos);
  EXPECT_NE(Say(second, R"({"execute": "query-status"})").find("paused"), std::string::npos);
}

TEST_F(QmpServerTest, AClientThatGoesMakesRoom) {
  Listen();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (size_t i = 0; i < QmpServer::kMostClients; ++i) {
    clients.push_back(std::make_unique<TestClient>(path_));
    Negotiate(*clients.back());
  }
  TestClient late(path_);
  EXPECT_NE(Say(*clients[0], R"({"execute": "query-status"})").find("running"), std::string::npos);
  EXPECT_EQ(server_->clients(), QmpServer::kMostClients);
  EXPECT_FALSE(late.TakeLine().has_value());
  clients.pop_back();
  Negotiate(late);
}

TEST_F(QmpServerTest, ClosingEndsTheClientsAndRemovesTheSocket) {
  Listen();
  TestClient client(path_);
  Negotiate(client);
  BlockOn(*control_, server_->Close());
  EXPECT_EQ(Line(client), "closed");
  server_.reset();
  // Another can have the place.
  Listen();
  TestClient again(path_);
  Negotiate(again);
}

TEST_F(QmpServerTest, APlaceThatCannotBeHadIsNamed) {
  const auto server = QmpServer::Listen(*monitor_, log_, "/nosuch/folder/sock");
  EXPECT_NE(MessageOf(server.status()).find("/nosuch/folder/sock"), std::string::npos);
}

TEST_F(QmpServerTest, ASocketThatListensAlreadyIsServed) {
  const absl::StatusOr<UnixListener> theirs = UnixListener::Listen(path_);
  ASSERT_TRUE(theirs.ok());
  auto server = QmpServer::Adopt(*monitor_, log_, OwnedDescriptor(dup(theirs->fd())));
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  EXPECT_EQ(server_->path(), "");
  TestClient client(path_);
  EXPECT_NE(Line(client).find("QMP"), std::string::npos);
  const OwnedDescriptor no_socket(dup(0));
  const absl::Status refused =
      QmpServer::Adopt(*monitor_, log_, OwnedDescriptor(dup(no_socket.get()))).status();
  EXPECT_EQ(ErrnoOf(refused), ENOTSOCK) << refused;
}

}  // namespace
}  // namespace platter

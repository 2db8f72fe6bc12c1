// SPDX-License-Identifier: Apache-2.0

#include "daemon/storage_daemon.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/socket_folder.h"
#include "aio/unix_listener.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/parse_export.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"
#include "daemon/daemon_fixture.h"
#include "monitor/test_client.h"

namespace platter {
namespace {

class StorageDaemonTest : public testing::Test {
 protected:
  StorageDaemonTest() {
    std::ofstream(folder_ / "disk", std::ios::binary) << std::string(1 << 20, '\0');
    *config_.add_objects() = *ParseObject("iothread,id=t0,poll-max-ns=0");
    *config_.add_blockdevs() = *ParseBlockdev("file,node-name=d,filename=" + (folder_ / "disk"));
    *config_.add_exports() = *ParseExport(
        "vhost-user-blk,id=e,node-name=d,writable=on,iothread=t0,"
        "addr.type=unix,addr.path=" +
        (folder_ / "e"));
    AddMonitor("m");
  }

  void AddChardev(const std::string& id, const std::string& options = "server=on,wait=off") {
    *config_.add_chardevs() =
        *ParseChardev("socket,id=" + id + ",path=" + (folder_ / id) + "," + options);
  }
  void AddMonitor(const std::string& id) {
    AddChardev(id);
    *config_.add_monitors() = *ParseMonitor(id);
  }
  std::unique_ptr<StorageDaemon> Create() {
    absl::StatusOr<std::unique_ptr<StorageDaemon>> made = StorageDaemon::Create(config_, {}, log_);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }
  void ExpectRefused(const std::string& option, int error_number, const std::string& wanted) {
    const absl::Status status = StorageDaemon::Create(config_, {}, log_).status();
    EXPECT_EQ(ErrnoOf(status), error_number) << status;
    EXPECT_TRUE(MessageOf(status).starts_with(option + ": ")) << status;
    EXPECT_NE(MessageOf(status).find(wanted), std::string::npos) << status;
    for (const char* const name : {"e", "m"}) {
      EXPECT_FALSE(std::filesystem::exists(folder_ / name)) << name << " is left";
    }
  }
  static std::vector<std::string> Ask(StorageDaemon& daemon, TestClient& client,
                                      const std::string& command) {
    return AskMonitor(daemon.control(), client, command);
  }

  SocketFolder folder_;
  MemoryLog log_;
  config::StorageDaemonConfig config_;
};

TEST_F(StorageDaemonTest, ASignalEndsItAndWhatWasWrittenIsThere) {
  std::unique_ptr<StorageDaemon> daemon = Create();
  ASSERT_NE(daemon, nullptr);
  auto guest = std::make_unique<ExportGuest>(daemon->control(), folder_ / "e");
  const std::vector<uint8_t> data(512, 'x');
  EXPECT_EQ(guest->disk().Write(1, data).value_or(255), guest::kBlkOk);
  ASSERT_EQ(kill(getpid(), SIGTERM), 0);
  daemon->Run();
  // While the guest is connected.
  daemon.reset();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "e"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "m"));
  std::ifstream disk(folder_ / "disk", std::ios::binary);
  const std::string image{std::istreambuf_iterator<char>(disk), std::istreambuf_iterator<char>()};
  EXPECT_EQ(image.substr(512, 512), std::string(512, 'x'));
}

TEST_F(StorageDaemonTest, MonitorsOfSeveralSocketsAndQuit) {
  AddMonitor("n");
  std::unique_ptr<StorageDaemon> daemon = Create();
  ASSERT_NE(daemon, nullptr);
  TestClient one(folder_ / "m");
  TestClient other(folder_ / "n");
  constexpr char kStart[] = R"({"execute": "qmp_capabilities"})";
  Ask(*daemon, one, kStart);
  Ask(*daemon, other, kStart);
  EXPECT_EQ(Ask(*daemon, other, R"({"execute": "query-block-exports"})").back(),
            R"({"return": [{"id": "e", "type": "vhost-user-blk", "node-name": "d", )"
            R"("shutting-down": false}]})");
  EXPECT_NE(Ask(*daemon, one, R"({"execute": "stop"})").back().find("no machine to stop"),
            std::string::npos);
  const std::vector<std::string> lines = Ask(*daemon, one, R"({"execute": "quit"})");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find(R"("BLOCK_EXPORT_DELETED", "data": {"id": "e"})"), std::string::npos);
  EXPECT_EQ(lines[1], R"({"return": {}})");
  daemon->Run();
}

TEST_F(StorageDaemonTest, AnOptionThatCannotBeIsNamedAndNothingIsLeft) {
  const config::StorageDaemonConfig good = config_;
  *config_.add_objects() = *ParseObject("iothread,id=t0");
  ExpectRefused("--object 't0'", EEXIST, "already");
  config_ = good;
  *config_.add_blockdevs() = *ParseBlockdev("file,node-name=n,filename=/nosuch/file");
  ExpectRefused("--blockdev 'n'", ENOENT, "/nosuch/file");
  config_ = good;
  *config_.add_exports() = *ParseExport(
      "vhost-user-blk,id=f,node-name=nosuch,addr.type=unix,addr.path=" + (folder_ / "f"));
  ExpectRefused("--export 'f'", ENOENT, "'nosuch'");
  config_ = good;
  *config_.add_monitors() = *ParseMonitor("nosuch");
  ExpectRefused("--monitor 'nosuch'", ENODEV, "no chardev");
  config_ = good;
  *config_.add_monitors() = *ParseMonitor("m");
  ExpectRefused("--monitor 'm'", ENODEV, "free");
  config_ = good;
  AddChardev("m");
  ExpectRefused("--chardev 'm'", EEXIST, "already");
  config_ = good;
  AddChardev("n", "server=off");
  ExpectRefused("--chardev 'n'", ENOTSUP, "server=off");
  config_ = good;
  AddChardev("n", "server=on");
  ExpectRefused("--chardev 'n'", ENOTSUP, "wait=on");
  config_ = good;
  *config_.add_chardevs() = *ParseChardev("socket,id=n,server=on,wait=off,path=" + (folder_ / "m"));
  *config_.add_monitors() = *ParseMonitor("n");
  ExpectRefused("--monitor 'n'", EADDRINUSE, "chardev 'm'");
  config_ = good;
  *config_.add_chardevs() = *ParseChardev("socket,id=n,server=on,wait=off,path=/nosuch/m");
  *config_.add_monitors() = *ParseMonitor("n");
  ExpectRefused("--monitor 'n'", ENOENT, "/nosuch/m");
}

TEST_F(StorageDaemonTest, AChardevThatNothingUsesIsSaid) {
  AddChardev("n");
  const std::unique_ptr<StorageDaemon> daemon = Create();
  ASSERT_EQ(log_.Lines().size(), 1u);
  EXPECT_NE(log_.Lines()[0].find("--chardev 'n': nothing uses it"), std::string::npos);
}

TEST_F(StorageDaemonTest, SocketsThatWerePassedOnAreServedByTheirNames) {
  const absl::StatusOr<UnixListener> drive = UnixListener::Listen(folder_ / "drive");
  const absl::StatusOr<UnixListener> talk = UnixListener::Listen(folder_ / "talk");
  ASSERT_TRUE(drive.ok() && talk.ok());
  // Far from what a test has open.
  constexpr int kFirst = 300;
  ASSERT_EQ(dup2(drive->fd(), kFirst), kFirst);
  ASSERT_EQ(dup2(talk->fd(), kFirst + 1), kFirst + 1);
  StorageDaemonOptions options{.sockets = *InheritedSockets::Make(kFirst, 2, "drive:talk")};
  *config_.add_blockdevs() = *ParseBlockdev("memory,node-name=n,size=1M");
  *config_.add_exports() =
      *ParseExport("vhost-user-blk,id=f,node-name=n,addr.type=fd,addr.str=drive");
  *config_.add_chardevs() = *ParseChardev("socket,id=n,fd=talk,server=on,wait=off");
  *config_.add_monitors() = *ParseMonitor("n");
  {
    auto daemon = StorageDaemon::Create(config_, options, log_);
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    const ExportGuest guest((*daemon)->control(), folder_ / "drive");
    EXPECT_TRUE(guest.connected());
    TestClient client(folder_ / "talk");
    EXPECT_EQ(Ask(**daemon, client, R"({"execute": "qmp_capabilities"})").back(),
              R"({"return": {}})");
  }
  // Two monitors of one socket would share its clients.
  *config_.add_chardevs() = *ParseChardev("socket,id=o,fd=talk,server=on,wait=off");
  *config_.add_monitors() = *ParseMonitor("o");
  const absl::Status twice = StorageDaemon::Create(config_, options, log_).status();
  EXPECT_EQ(ErrnoOf(twice), EADDRINUSE) << twice;
  EXPECT_NE(MessageOf(twice).find("--monitor 'o': socket fd='talk' is that of chardev 'n'"),
            std::string::npos)
      << twice;
  config_.clear_exports();
  const absl::Status nameless = StorageDaemon::Create(config_, {}, log_).status();
  EXPECT_EQ(ErrnoOf(nameless), ENOENT) << nameless;
  EXPECT_TRUE(MessageOf(nameless).starts_with("--monitor 'n': fd: 'talk'")) << nameless;
  close(kFirst);
  close(kFirst + 1);
}

}  // namespace
}  // namespace platter

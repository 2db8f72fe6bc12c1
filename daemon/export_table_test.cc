// SPDX-License-Identifier: Apache-2.0

#include "daemon/export_table.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/socket_folder.h"
#include "aio/unix_listener.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/parse_export.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"
#include "daemon/daemon_fixture.h"

namespace platter {
namespace {

constexpr uint64_t kDisk = 1 << 20;

class ExportTableTest : public testing::Test {
 protected:
  ExportTableTest() {
    AddNode("memory,node-name=d,size=1M");
    AddNode("memory,node-name=ro,size=1M,read-only=on");
    EXPECT_TRUE(machine_.ObjectAdd(*ParseObject("iothread,id=t0,poll-max-ns=0")).ok());
  }
  ~ExportTableTest() override {
    BlockOn(*control_, table_.DeleteAll());
    BlockOn(*control_, machine_.Shutdown());
  }

  MachineHost Host() {
    MachineHost host;
    host.control = control_.get();
    host.log = &log_;
    host.io_kind = AioKind::kThreads;
    return host;
  }
  void AddNode(const std::string& text) {
    const absl::Status added = BlockOn(*control_, machine_.BlockdevAdd(*ParseBlockdev(text)));
    EXPECT_TRUE(added.ok()) << added;
  }
  static std::string Text(const std::string& id, const std::string& node, const std::string& path) {
    return "vhost-user-blk,id=" + id + ",node-name=" + node + ",addr.type=unix,addr.path=" + path;
  }
  absl::Status Add(const std::string& text) {
    const absl::StatusOr<config::BlockExportOptions> options = ParseExport(text);
    EXPECT_TRUE(options.ok()) << options.status();
    return BlockOn(*control_, table_.Add(*options));
  }
  absl::Status Delete(const std::string& id, ExportRemoval removal = ExportRemoval::kSafe) {
    return BlockOn(*control_, table_.Delete(id, removal));
  }
  // It says so, naming the export, and leaves nothing behind.
  void ExpectRefused(const std::string& text, int error_number, const std::string& wanted) {
    const size_t before = table_.List().size();
    const absl::Status status = Add(text);
    EXPECT_EQ(ErrnoOf(status), error_number) << status;
    EXPECT_NE(MessageOf(status).find("export 'x'"), std::string::npos) << status;
    EXPECT_NE(MessageOf(status).find(wanted), std::string::npos) << status;
    EXPECT_EQ(table_.List().size(), before);
    EXPECT_EQ(machine_.backends().All().size(), before);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "x"));
  }

  SocketFolder folder_;
  std::unique_ptr<AioContext> control_ =
      *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  MemoryLog log_;
  Machine machine_{Host()};
  std::vector<std::string> deleted_;
  ExportTable table_{machine_, log_, [this](const std::string& id) { deleted_.push_back(id); }};
};

TEST_F(ExportTableTest, ExportsComeAndGo) {
  ASSERT_TRUE(Add(Text("e", "d", folder_ / "e") + ",writable=on").ok());
  ASSERT_TRUE(Add(Text("f", "ro", folder_ / "f")).ok());
  const std::vector<ExportInfo> infos = table_.List();
  ASSERT_EQ(infos.size(), 2u);
  EXPECT_EQ(infos[0].id, "e");
  EXPECT_EQ(infos[0].type, "vhost-user-blk");
  EXPECT_EQ(infos[0].node_name, "d");
  EXPECT_FALSE(infos[0].shutting_down);
  EXPECT_EQ(infos[1].id, "f");
  EXPECT_TRUE(std::filesystem::exists(folder_ / "e"));
  EXPECT_EQ(ErrnoOf(BlockOn(*control_, machine_.BlockdevDel("d"))), EBUSY);
  EXPECT_TRUE(Delete("e").ok());
  EXPECT_EQ(deleted_, std::vector<std::string>{"e"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "e"));
  EXPECT_TRUE(BlockOn(*control_, machine_.BlockdevDel("d")).ok());
  EXPECT_EQ(ErrnoOf(Delete("e")), ENOENT);
}

TEST_F(ExportTableTest, AGuestWritesReadsAndSeesTheDiskGrow) {
  ASSERT_TRUE(Add(Text("e", "d", folder_ / "e") + ",writable=on").ok());
  {
    ExportGuest guest(*control_, folder_ / "e");
    ASSERT_TRUE(guest.connected());
    std::vector<uint8_t> data(4096, 0x5A);
    std::vector<uint8_t> back(data.size());
    EXPECT_EQ(guest.disk().Write(8, data).value_or(255), guest::kBlkOk);
    EXPECT_EQ(guest.disk().Read(8, back).value_or(255), guest::kBlkOk);
    EXPECT_EQ(back, data);
    EXPECT_EQ(guest.disk().info().capacity_sectors, kDisk / 512);
    EXPECT_TRUE(BlockOn(*control_, machine_.ResizeNode("d", 2 * kDisk)).ok());
    EXPECT_TRUE(guest.disk().WaitUntil([&] { return guest.disk().config_changes() > 0; },
                                       std::chrono::seconds(10)));
    EXPECT_EQ(guest.disk().info().capacity_sectors, 2 * kDisk / 512);
  }
  // The next one finds what the first one wrote.
  ExportGuest next(*control_, folder_ / "e");
  std::vector<uint8_t> back(4096);
  EXPECT_EQ(next.disk().Read(8, back).value_or(255), guest::kBlkOk);
  EXPECT_EQ(back, std::vector<uint8_t>(4096, 0x5A));
}

TEST_F(ExportTableTest, OnlyHardCutsAFrontEndOff) {
  ASSERT_TRUE(Add(Text("e", "d", folder_ / "e")).ok());
  ExportGuest guest(*control_, folder_ / "e");
  EXPECT_TRUE(guest.disk().info().read_only);
  const absl::Status refused = Delete("e");
  EXPECT_EQ(ErrnoOf(refused), EBUSY);
  EXPECT_NE(MessageOf(refused).find("mode hard"), std::string::npos) << refused;
  EXPECT_TRUE(guest.connected());
  EXPECT_TRUE(Delete("e", ExportRemoval::kHard).ok());
  EXPECT_TRUE(guest.front().WaitUntilClosed().ok());
  EXPECT_TRUE(table_.List().empty());
}

TEST_F(ExportTableTest, WhatCannotBeIsNamedAndTheOthersGoOn) {
  ASSERT_TRUE(Add(Text("e", "d", folder_ / "e") + ",writable=on").ok());
  const std::string x = folder_ / "x";
  ExpectRefused(Text("x", "nosuch", x), ENOENT, "'nosuch'");
  ExpectRefused(Text("x", "ro", x) + ",writable=on", EACCES, "'ro' is read-only");
  ExpectRefused(Text("x", "ro", x) + ",iothread=nosuch", ENOENT, "'nosuch'");
  ExpectRefused(Text("x", "d", x) + ",writable=on", EBUSY, "'d'");
  ExpectRefused(Text("x", "d", x), EBUSY, "'d'");
  ExpectRefused(Text("x", "ro", folder_ / "no/x"), ENOENT, "no/x");
  ExpectRefused(Text("x", "ro", folder_ / "e"), EADDRINUSE, "export 'e'");
  std::ofstream(folder_ / "file") << "x";
  ExpectRefused(Text("x", "ro", folder_ / "file"), EEXIST, "no socket");
  const std::string by_descriptor = "vhost-user-blk,id=x,node-name=ro,addr.type=fd,addr.str=";
  ExpectRefused(by_descriptor + "three", ENOENT, "addr.str: 'three' is neither the number");
  ExpectRefused(by_descriptor + "9999", EBADF, "descriptor 9999");
  ExpectRefused(by_descriptor + std::to_string(control_->PollFd()), ENOTSOCK, "export 'x'");
  const absl::Status twice = Add(Text("e", "ro", x));
  EXPECT_EQ(ErrnoOf(twice), EEXIST) << twice;
  ExportGuest guest(*control_, folder_ / "e");
  EXPECT_TRUE(guest.connected());
}

TEST_F(ExportTableTest, ManyMayReadOneNode) {
  ASSERT_TRUE(Add(Text("e", "ro", folder_ / "e")).ok());
  ASSERT_TRUE(Add(Text("f", "ro", folder_ / "f")).ok());
  ExportGuest one(*control_, folder_ / "e");
  ExportGuest other(*control_, folder_ / "f");
  std::vector<uint8_t> back(512);
  EXPECT_EQ(one.disk().Read(0, back).value_or(255), guest::kBlkOk);
  EXPECT_EQ(other.disk().Read(0, back).value_or(255), guest::kBlkOk);
}

TEST_F(ExportTableTest, AnExportRunsInItsIoThread) {
  ASSERT_TRUE(Add(Text("e", "d", folder_ / "e") + ",writable=on,iothread=t0").ok());
  EXPECT_EQ(table_.UserOf("t0"), "e");
  EXPECT_EQ(table_.UserOf("t1"), "");
  EXPECT_EQ(table_.UserOf(""), "");
  ExportGuest guest(*control_, folder_ / "e");
  std::vector<uint8_t> data(4096, 1);
  EXPECT_EQ(guest.disk().Write(0, data).value_or(255), guest::kBlkOk);
  EXPECT_EQ(guest.disk().Flush().value_or(255), guest::kBlkOk);
  EXPECT_TRUE(Delete("e", ExportRemoval::kHard).ok());
  EXPECT_EQ(table_.UserOf("t0"), "");
}

TEST_F(ExportTableTest, WritethroughIsTheGuestsFirstSetting) {
  ASSERT_TRUE(Add(Text("e", "d", folder_ / "e") + ",writable=on,writethrough=on").ok());
  ExportGuest guest(*control_, folder_ / "e");
  EXPECT_FALSE(guest.disk().WriteBack());
  EXPECT_TRUE(Delete("e", ExportRemoval::kHard).ok());
  ASSERT_TRUE(Add(Text("e", "d", folder_ / "e") + ",writable=on").ok());
  ExportGuest other(*control_, folder_ / "e");
  EXPECT_TRUE(other.disk().WriteBack());
}

TEST_F(ExportTableTest, AStalledDriveDoesNotHoldItsEndUp) {
  AddNode("blkdebug,node-name=b,image=d,inject-error.0.event=none,inject-error.0.iotype=flush");
  ASSERT_TRUE(Add(Text("e", "b", folder_ / "e") + ",writable=on").ok());
  ExportGuest guest(*control_, folder_ / "e");
  BlockBackendRef backend = machine_.backends().All().at(0);
  EXPECT_EQ(backend->on_write_error(), OnError::kReport);
  EXPECT_EQ(guest.disk().Flush().value_or(255), guest::kBlkIoError);
  ErrorPolicies policies = backend->error_policies();
  policies.write = OnError::kStall;
  ASSERT_TRUE(backend->SetErrorPolicies(policies).ok());
  ASSERT_TRUE(guest.disk().Submit(0, {.type = guest::kBlkFlush}, 1));
  guest.disk().Kick(0);
  control_->RunUntil([&backend] { return backend->stalled(); });
  EXPECT_EQ(guest.disk().in_flight(), 1u);
  backend.reset();
  EXPECT_TRUE(Delete("e", ExportRemoval::kHard).ok());
  EXPECT_TRUE(guest.front().WaitUntilClosed().ok());
}

TEST_F(ExportTableTest, ADescriptorThatListensIsServedAgainAndAgain) {
  const absl::StatusOr<UnixListener> theirs = UnixListener::Listen(folder_ / "theirs");
  ASSERT_TRUE(theirs.ok());
  const std::string text =
      "vhost-user-blk,id=e,node-name=d,addr.type=fd,addr.str=" + std::to_string(theirs->fd());
  for (int i = 0; i < 2; ++i) {
    const absl::Status added = Add(text);
    ASSERT_TRUE(added.ok()) << added;
    {
      ExportGuest guest(*control_, folder_ / "theirs");
      EXPECT_TRUE(guest.connected());
    }
    EXPECT_TRUE(Delete("e", ExportRemoval::kHard).ok());
  }
}

}  // namespace
}  // namespace platter

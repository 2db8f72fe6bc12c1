// SPDX-License-Identifier: Apache-2.0
//
// A daemon with a vhost-user-scsi export, a guest on it, and what a monitor's commands do to both.

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/socket_folder.h"
#include "base/status.h"
#include "config/json.h"
#include "config/parse.h"
#include "config/parse_export.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"
#include "daemon/daemon_fixture.h"
#include "daemon/storage_daemon.h"
#include "monitor/test_client.h"

namespace platter {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kDone[] = R"({"return": {}})";
constexpr uint16_t kDisk = 0;
constexpr uint16_t kCd = 1;
constexpr guest::ScsiLun kCdLun = guest::ScsiLunOf(0, kCd);

class ScsiDaemonTest : public testing::Test {
 protected:
  ScsiDaemonTest() {
    AddNode("memory,node-name=d,size=1M");
    AddNode("memory,node-name=disc-a,size=200K,read-only=on");
    AddNode("memory,node-name=disc-b,size=400K,read-only=on");
    AddNode(
        "blkdebug,node-name=bad,image.driver=memory,image.size=1M,"
        "inject-error.0.event=none,inject-error.0.iotype=write,inject-error.0.once=on");
    AddExport(
        "luns.0.kind=disk,luns.0.node-name=d,luns.0.writable=on,luns.0.serial=S0,"
        "luns.1.kind=cd,luns.1.node-name=disc-a");
    *config_.add_chardevs() =
        *ParseChardev("socket,id=m,server=on,wait=off,path=" + (folder_ / "m"));
    *config_.add_monitors() = *ParseMonitor("m");
  }
  void AddNode(const std::string& text) { *config_.add_blockdevs() = *ParseBlockdev(text); }
  void AddExport(const std::string& luns) {
    config_.clear_exports();
    const auto parsed = ParseExport(Text("e", luns));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    *config_.add_exports() = *parsed;
  }
  std::string Text(const std::string& id, const std::string& luns) {
    return "vhost-user-scsi,id=" + id + ",addr.type=unix,addr.path=" + (folder_ / id) + "," + luns;
  }
  void Begin() {
    auto made = StorageDaemon::Create(config_, {}, log_);
    ASSERT_TRUE(made.ok()) << made.status();
    daemon_ = *std::move(made);
    client_ = std::make_unique<TestClient>(folder_ / "m");
    Ask(R"({"execute": "qmp_capabilities"})");
  }
  void Connect() { guest_ = std::make_unique<ScsiExportGuest>(daemon_->control(), folder_ / "e"); }
  void Subscribe() {
    const auto answer = guest_->driver().Notification(guest::kScsiNotificationSubscribe, kCdLun,
                                                      guest::kScsiNotifyMediaChange);
    ASSERT_EQ(answer->response, guest::kScsiOk);
  }
  // Events, then the answer.
  std::vector<std::string> Ask(const std::string& command) {
    return AskMonitor(daemon_->control(), *client_, command);
  }
  std::vector<std::string> Run(const std::string& command, const std::string& arguments = "{}") {
    return Ask(R"({"execute": ")" + command + R"(", "arguments": )" + arguments + "}");
  }
  // The answer alone.
  std::string Reply(const std::string& command, const std::string& arguments = "{}") {
    return Run(command, arguments).back();
  }
  // An element of query-block.
  std::string DriveInfo(const std::string& id) {
    const std::string all = Reply("query-block");
    const size_t at = all.find(R"("qdev": ")" + id + "\"");
    if (at == std::string::npos) return "no drive " + id;
    return all.substr(at, all.find(R"({"device")", at) - at);
  }
  // Whatever the guest can see of a move of the disc, until there is nothing more.
  std::vector<int> MediaEvents() {
    std::vector<int> codes;
    for (int i = 0; i < 10; ++i) {
      const auto answer = guest_->unit(kCd).GetEventStatus();
      const int code = answer->data.at(4) & 0xf;
      if (code == 0) break;
      codes.push_back(code);
    }
    return codes;
  }
  ScsiInitiator& disk() { return guest_->unit(kDisk); }
  ScsiInitiator& cd() { return guest_->unit(kCd); }
  static std::string Moved(bool open) {
    return std::string(R"("DEVICE_TRAY_MOVED", "data": {"device": "", "tray-open": )") +
           (open ? "true" : "false") + R"(, "id": "e.1"})";
  }

  SocketFolder folder_;
  MemoryLog log_;
  config::StorageDaemonConfig config_;
  std::unique_ptr<StorageDaemon> daemon_;
  std::unique_ptr<TestClient> client_;
  std::unique_ptr<ScsiExportGuest> guest_;
};

TEST_F(ScsiDaemonTest, ItIsToldOfAndItsDrivesAre) {
  Begin();
  EXPECT_EQ(Reply("query-block-exports"),
            R"({"return": [{"id": "e", "type": "vhost-user-scsi", "luns": )"
            R"([{"lun": 0, "kind": "disk", "id": "e.0", "node-name": "d"}, )"
            R"({"lun": 1, "kind": "cd", "id": "e.1", "node-name": "disc-a"}], )"
            R"("shutting-down": false}]})");
  EXPECT_THAT(DriveInfo("e.0"), AllOf(HasSubstr(R"("removable": false)"),
                                      HasSubstr(R"("ro": false)"), Not(HasSubstr("tray_open"))));
  EXPECT_THAT(DriveInfo("e.1"), AllOf(HasSubstr(R"("removable": true)"), HasSubstr(R"("ro": true)"),
                                      HasSubstr(R"("locked": false, "tray_open": false)")));
  Connect();
  EXPECT_EQ(disk().ReadCapacity10()->Number(0, 4), 2047u);
  EXPECT_EQ(cd().ReadCapacity10()->Number(0, 4), 99u);
  const std::vector<uint8_t> data(1024, 0x5a);
  EXPECT_TRUE(disk().Write10(4, 2, data)->good());
  EXPECT_EQ(disk().Read10(4, 2, 512)->data, data);
}

TEST_F(ScsiDaemonTest, ADiscIsAskedForEjectedAndChanged) {
  Begin();
  Connect();
  Subscribe();
  ASSERT_TRUE(cd().PreventAllow(ScsiInitiator::Removal::kPrevent)->good());
  EXPECT_THAT(DriveInfo("e.1"), HasSubstr(R"("locked": true)"));
  EXPECT_THAT(Reply("eject", R"({"id": "e.1"})"), HasSubstr("is locked: eject requested"));
  EXPECT_EQ(guest_->Events().size(), 1u);
  EXPECT_EQ(MediaEvents(), std::vector<int>{1}) << "EjectRequest";
  ASSERT_TRUE(cd().PreventAllow(ScsiInitiator::Removal::kAllow)->good());
  ASSERT_TRUE(cd().StartStopUnit(ScsiInitiator::StartStop::kEject)->good());
  const std::vector<std::string> changed =
      Run("blockdev-change-medium", R"({"id": "e.1", "filename": "/nosuch.iso"})");
  EXPECT_THAT(changed.front(), HasSubstr(Moved(true))) << "by the guest";
  EXPECT_THAT(changed.back(), HasSubstr("/nosuch.iso"));
  std::ofstream(folder_ / "b.iso", std::ios::binary) << std::string(64 * 1024, 'b');
  const std::vector<std::string> lines =
      Run("blockdev-change-medium", R"({"id": "e.1", "filename": ")" + (folder_ / "b.iso") + "\"}");
  EXPECT_THAT(lines.front(), HasSubstr(Moved(false)));
  EXPECT_EQ(lines.back(), kDone);
  EXPECT_FALSE(guest_->Events().empty());
  EXPECT_EQ(MediaEvents(), (std::vector<int>{3, 2})) << "MediaRemoval, NewMedia";
  ASSERT_TRUE(cd().ClearAttentions()->good());
  EXPECT_EQ(cd().Read10(31, 1, 2048)->data, std::vector<uint8_t>(2048, 'b'));
  EXPECT_THAT(DriveInfo("e.1"), AllOf(HasSubstr("b.iso"), HasSubstr(R"("ro": true)")));
}

TEST_F(ScsiDaemonTest, TrayAndMediumStepByStep) {
  Begin();
  Connect();
  Subscribe();
  EXPECT_TRUE(cd().TestUnitReady()->good());
  std::vector<std::string> lines = Run("blockdev-open-tray", R"({"id": "e.1"})");
  EXPECT_THAT(lines.front(), HasSubstr(Moved(true)));
  EXPECT_EQ(lines.back(), kDone);
  EXPECT_FALSE(guest_->Events().empty());
  EXPECT_TRUE(cd().ClearAttentions()->IsSense(2, 0x3a02));
  EXPECT_EQ(Reply("blockdev-remove-medium", R"({"id": "e.1"})"), kDone);
  EXPECT_EQ(Reply("blockdev-insert-medium", R"({"id": "e.1", "node-name": "disc-b"})"), kDone);
  lines = Run("blockdev-close-tray", R"({"id": "e.1"})");
  EXPECT_THAT(lines.front(), HasSubstr(Moved(false)));
  EXPECT_EQ(lines.back(), kDone);
  ASSERT_TRUE(cd().ClearAttentions()->good());
  EXPECT_EQ(cd().ReadCapacity10()->Number(0, 4), 199u);
  EXPECT_THAT(Reply("query-block-exports"), HasSubstr(R"("id": "e.1", "node-name": "disc-b")"));
  EXPECT_EQ(Reply("eject", R"({"id": "e.1"})"), kDone);
  EXPECT_THAT(Reply("query-block-exports"), HasSubstr(R"("kind": "cd", "id": "e.1"}])"));
  EXPECT_THAT(Reply("eject", R"({"id": "e.0"})"), HasSubstr("error"));
}

TEST_F(ScsiDaemonTest, AnEmptyDriveGetsADiscWhileItsGuestRuns) {
  AddExport("luns.0.kind=cd,luns.0.lun=1,luns.0.serial=C1");
  Begin();
  Connect();
  EXPECT_TRUE(cd().ClearAttentions()->IsSense(2, 0x3a01)) << "no medium, tray closed";
  EXPECT_THAT(DriveInfo("e.1"), Not(HasSubstr("inserted")));
  std::ofstream(folder_ / "c.iso", std::ios::binary) << std::string(4096, 'c');
  EXPECT_EQ(Reply("blockdev-change-medium",
                  R"({"device": "e.1", "filename": ")" + (folder_ / "c.iso") + "\"}"),
            kDone);
  EXPECT_THAT(DriveInfo("e.1"), HasSubstr(R"("ro": true)"));
  ASSERT_TRUE(cd().ClearAttentions()->good());
  EXPECT_EQ(cd().Read10(0, 2, 2048)->data, std::vector<uint8_t>(4096, 'c'));
}

TEST_F(ScsiDaemonTest, AChangeWaitsForTheGuest) {
  Begin();
  Connect();
  Subscribe();
  ASSERT_TRUE(cd().PreventAllow(ScsiInitiator::Removal::kPrevent)->good());
  std::ofstream(folder_ / "b.iso", std::ios::binary) << std::string(4096, 'b');
  client_->Send(R"({"execute": "blockdev-change-medium", "arguments": {"id": "e.1", "x-timeout": )"
                R"(60000, "filename": ")" +
                (folder_ / "b.iso") + "\"}}");
  EXPECT_FALSE(guest_->Events().empty());
  EXPECT_EQ(MediaEvents(), std::vector<int>{1});
  ASSERT_TRUE(cd().PreventAllow(ScsiInitiator::Removal::kAllow)->good());
  ASSERT_TRUE(cd().StartStopUnit(ScsiInitiator::StartStop::kEject)->good());
  const std::vector<std::string> lines = Ask("");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr(Moved(true)));
  EXPECT_THAT(lines[1], HasSubstr(Moved(false)));
  EXPECT_EQ(lines[2], kDone);
}

TEST_F(ScsiDaemonTest, AChangeThatWaitsEndsWithTheExport) {
  Begin();
  Connect();
  Subscribe();
  ASSERT_TRUE(cd().PreventAllow(ScsiInitiator::Removal::kPrevent)->good());
  std::ofstream(folder_ / "b.iso", std::ios::binary) << std::string(4096, 'b');
  TestClient other(folder_ / "m");
  AskMonitor(daemon_->control(), other, R"({"execute": "qmp_capabilities"})");
  client_->Send(R"({"execute": "blockdev-change-medium", "arguments": {"id": "e.1", "x-timeout": )"
                R"(60000, "filename": ")" +
                (folder_ / "b.iso") + "\"}}");
  EXPECT_FALSE(guest_->Events().empty()) << "it waits now";
  EXPECT_EQ(
      AskMonitor(daemon_->control(), other,
                 R"({"execute": "block-export-del", "arguments": {"id": "e", "mode": "hard"}})")
          .back(),
      kDone);
  EXPECT_THAT(Ask("").back(), HasSubstr("error"));
  EXPECT_EQ(Reply("query-block-exports"), R"({"return": []})");
  EXPECT_EQ(Reply("blockdev-del", R"({"node-name": "disc-a"})"), kDone) << "nobody has it";
}

TEST_F(ScsiDaemonTest, AResizeReachesTheGuest) {
  Begin();
  Connect();
  EXPECT_EQ(disk().ReadCapacity10()->Number(0, 4), 2047u);
  for (const auto& [arguments, last] :
       {std::pair<const char*, uint64_t>{R"({"device": "e.0", "size": 2097152})", 4095},
        {R"({"node-name": "d", "size": 3145728})", 6143}}) {
    EXPECT_EQ(Reply("block_resize", arguments), kDone);
    const std::vector<guest::ScsiEvent> events = guest_->Events();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].event.get(), guest::kScsiParamChange);
    EXPECT_TRUE(disk().TestUnitReady()->IsSense(6, 0x2a09));
    EXPECT_EQ(disk().ReadCapacity10()->Number(0, 4), last);
  }
  EXPECT_TRUE(disk().Write10(6143, 1, std::vector<uint8_t>(512, 1))->good());
}

TEST_F(ScsiDaemonTest, AStallHoldsOneLunUntilItIsResumed) {
  AddExport(
      "luns.0.kind=disk,luns.0.node-name=bad,luns.0.writable=on,luns.0.werror=stall,"
      "luns.1.kind=cd,luns.1.node-name=disc-a");
  Begin();
  Connect();
  ASSERT_TRUE(disk().TestUnitReady()->good());
  ASSERT_TRUE(cd().TestUnitReady()->good());
  EXPECT_THAT(DriveInfo("e.0"), AllOf(HasSubstr(R"("x-rerror": "report", "x-werror": "stall")"),
                                      HasSubstr(R"("x-stalled": false)")));
  struct Listener final : ScsiListener {
    void OnScsiDone(uint64_t, const ScsiQueueAnswer& answer) override {
      done = answer.response == guest::kScsiOk && answer.status == 0;
    }
    bool done = false;
  } listener;
  guest_->driver().set_listener(&listener);
  const std::vector<uint8_t> write = ScsiWrite10(0, 1);
  const GuestSegment data = {*guest_->driver().bus().Allocate(512, 512), 512};
  ASSERT_TRUE(guest_->driver().Submit(
      0, {.lun = guest::ScsiLunOf(0, kDisk), .tag = 1, .cdb = write, .out = std::span(&data, 1)},
      1));
  guest_->driver().Kick(0);
  daemon_->control().RunUntil(
      [this] { return daemon_->machine().backends().All().at(0)->stalled(); });
  EXPECT_THAT(DriveInfo("e.0"), HasSubstr(R"("x-stalled": true)"));
  EXPECT_TRUE(cd().Read10(0, 1, 2048)->good()) << "the other drive goes on";
  EXPECT_FALSE(listener.done);
  EXPECT_EQ(Reply("x-block-resume", R"({"id": "e.0"})"), kDone);
  EXPECT_TRUE(guest_->driver().WaitUntil([&] { return listener.done; }, std::chrono::seconds(10)));
  EXPECT_EQ(Reply("x-block-set-on-error", R"({"id": "e.0", "rerror": "stall"})"), kDone);
  EXPECT_THAT(DriveInfo("e.0"), HasSubstr(R"("x-rerror": "stall")"));
  guest_->driver().set_listener(nullptr);
}

TEST_F(ScsiDaemonTest, ExportsComeByTheMonitorAndWhatCannotBeIsNamed) {
  Begin();
  Connect();
  const auto add = [this](const std::string& id, const std::string& luns) {
    return Reply("block-export-add", R"({"type": "vhost-user-scsi", "id": ")" + id +
                                         R"(", "addr": {"type": "unix", "path": ")" +
                                         (folder_ / id) + R"("}, "luns": )" + luns + "}");
  };
  const std::string disc_b = R"({"kind": "cd", "node-name": "disc-b"})";
  EXPECT_THAT(add("f", "[" + disc_b + R"(, {"kind": "disk", "node-name": "d"}])"),
              AllOf(HasSubstr("LUN 1: "), HasSubstr("'d'")))
      << "the other export writes to it";
  EXPECT_THAT(add("f", "[" + disc_b + R"(, {"kind": "cd", "id": "e.1"}])"),
              HasSubstr("export 'f': LUN 1: there is a drive 'e.1' already"));
  EXPECT_THAT(add("f", "[" + disc_b + R"(, {"kind": "cd", "node-name": "nosuch"}])"),
              AllOf(HasSubstr("export 'f': LUN 1: "), HasSubstr("nosuch")));
  EXPECT_THAT(add("f", R"([{"kind": "disk", "node-name": "disc-b", "writable": true}])"),
              HasSubstr("export 'f': LUN 0: writable: node 'disc-b' is read-only"));
  EXPECT_THAT(add("f", "[" + disc_b + R"(, {"kind": "cd", "lun": 0}])"),
              HasSubstr("block-export-add.luns.1.lun: 0 is that of luns.0 already"));
  EXPECT_THAT(add("f", R"([{"kind": "tape"}])"), HasSubstr("block-export-add.luns.0.kind"));
  EXPECT_THAT(add("f", R"([{"kind": "cd", "writable": true}])"),
              HasSubstr("block-export-add.luns.0.writable: unknown option"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "f"));
  EXPECT_EQ(add("f", "[" + disc_b + R"(, {"kind": "cd", "node-name": "disc-a"}])"), kDone)
      << "a disc may be in several drives";
  ScsiExportGuest second(daemon_->control(), folder_ / "f");
  EXPECT_EQ(second.unit(0).ReadCapacity10()->Number(0, 4), 199u);
  EXPECT_TRUE(disk().TestUnitReady()->good());
  EXPECT_THAT(Reply("block-export-del", R"({"id": "f"})"), HasSubstr("mode hard"));
  EXPECT_EQ(Run("block-export-del", R"({"id": "f", "mode": "hard"})").size(), 2u);
  EXPECT_EQ(Reply("blockdev-del", R"({"node-name": "disc-b"})"), kDone);
  EXPECT_THAT(Reply("query-qmp-schema"),
              AllOf(HasSubstr(R"("case": "vhost-user-scsi")"), HasSubstr(R"("case": "cd")")));
}

}  // namespace
}  // namespace platter

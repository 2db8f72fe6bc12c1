// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "base/status.h"
#include "config/json_writer.h"
#include "config/proto/export.pb.h"
#include "monitor/all_commands.h"
#include "monitor/export_host.h"
#include "monitor/monitor_fixture.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

// Notes what it is asked for.
class FakeExports final : public ExportHost {
 public:
  Task<absl::Status> Add(config::BlockExportOptions options) override {
    if (options.has_vhost_user_scsi()) {
      infos.push_back({.id = options.id(),
                       .type = "vhost-user-scsi",
                       .luns = {{.lun = 0, .kind = "disk", .id = "e.0", .node_name = "free"},
                                {.lun = 3, .kind = "cd", .id = "cd0"}}});
    } else {
      infos.push_back({.id = options.id(),
                       .type = "vhost-user-blk",
                       .node_name = options.vhost_user_blk().node_name()});
    }
    added.push_back(std::move(options));
    co_return absl::OkStatus();
  }
  Task<absl::Status> Delete(std::string id, ExportRemoval removal) override {
    if (connected && removal == ExportRemoval::kSafe) {
      co_return ErrorWithErrno(EBUSY, "export 'e' still in use");
    }
    std::erase_if(infos, [&id](const ExportInfo& each) { return each.id == id; });
    co_return absl::OkStatus();
  }
  Task<void> DeleteAll() override {
    infos.clear();
    co_return;
  }
  std::vector<ExportInfo> List() const override { return infos; }
  std::string UserOf(std::string_view iothread) const override {
    return iothread == "t0" && !infos.empty() ? infos[0].id : "";
  }

  std::vector<config::BlockExportOptions> added;
  std::vector<ExportInfo> infos;
  bool connected = false;
};

// The monitor of a storage daemon, on a machine that the commands don't see.
class CommandsExportTest : public testing::Test {
 protected:
  QmpResult Run(const std::string& command, const std::string& arguments = "{}") {
    QmpResult result = absl::InternalError("no reply");
    QmpRequest request{.command = command, .arguments = *ParseJson(arguments, "arguments")};
    BlockOn(rig_.control(), monitor_.Execute(std::move(request), [&result](QmpResult reply) {
      result = std::move(reply);
    }));
    return result;
  }
  std::string Reply(const std::string& command, const std::string& arguments = "{}") {
    const QmpResult result = Run(command, arguments);
    return result.ok() ? FormatJson(*result) : MessageOf(result.status());
  }
  static constexpr char kExport[] = R"({"type": "vhost-user-blk", "id": "e", "node-name": "free",
      "addr": {"type": "unix", "path": "/x"}, "writable": true})";

  MonitorRig rig_;
  FakeExports exports_;
  int quits_ = 0;
  QmpMonitor monitor_{{.machine = &rig_.machine(),
                       .events = &rig_.events(),
                       .quit = [this] { ++quits_; },
                       .exports = &exports_}};
};

TEST_F(CommandsExportTest, ExportsComeAndGo) {
  EXPECT_EQ(Reply("query-block-exports"), "[]");
  EXPECT_EQ(Reply("block-export-add", kExport), "{}");
  ASSERT_EQ(exports_.added.size(), 1u);
  EXPECT_TRUE(exports_.added[0].vhost_user_blk().writable());
  EXPECT_EQ(exports_.added[0].vhost_user_blk().addr().unix_path().path(), "/x");
  EXPECT_EQ(exports_.added[0].vhost_user_blk().num_queues(), 1u) << "defaults are filled in";
  EXPECT_EQ(
      Reply("query-block-exports"),
      R"([{"id": "e", "type": "vhost-user-blk", "node-name": "free", "shutting-down": false}])");
  exports_.connected = true;
  EXPECT_EQ(Reply("block-export-del", R"({"id": "e"})"), "export 'e' still in use");
  EXPECT_EQ(Reply("block-export-del", R"({"id": "e", "mode": "safe"})"), "export 'e' still in use");
  EXPECT_EQ(Reply("block-export-del", R"({"id": "e", "mode": "hard"})"), "{}");
  EXPECT_EQ(Reply("query-block-exports"), "[]");
}

TEST_F(CommandsExportTest, UnitsOfAnAdapterAreDrives) {
  EXPECT_EQ(Reply("block-export-add", R"({"type": "vhost-user-scsi", "id": "e", "num-queues": 2,
      "addr": {"type": "unix", "path": "/x"}, "luns": [
      {"kind": "disk", "node-name": "free", "writable": true},
      {"kind": "cd", "lun": 3, "id": "cd0", "serial": "C0"}]})"),
            "{}");
  ASSERT_EQ(exports_.added.size(), 1u);
  const auto& luns = exports_.added[0].vhost_user_scsi().luns();
  ASSERT_EQ(luns.size(), 2);
  EXPECT_TRUE(luns[0].disk().writable());
  EXPECT_FALSE(luns[0].has_lun()) << "its place in the list";
  EXPECT_EQ(luns[0].vendor(), "PLATTER") << "defaults are filled in";
  EXPECT_TRUE(luns[1].has_cd());
  EXPECT_EQ(Reply("query-block-exports"),
            R"([{"id": "e", "type": "vhost-user-scsi", "luns": [)"
            R"({"lun": 0, "kind": "disk", "id": "e.0", "node-name": "free"}, )"
            R"({"lun": 3, "kind": "cd", "id": "cd0"}], "shutting-down": false}])");
  const std::string schema = Reply("query-qmp-schema");
  EXPECT_NE(schema.find(R"({"name": "luns", "type": "[ExportLunOptions]", "default": null})"),
            std::string::npos);
}

TEST_F(CommandsExportTest, MediaComeAndGoWithoutAMachine) {
  // Of the machine beneath; a daemon's are the drives of its exports.
  EXPECT_EQ(Reply("blockdev-open-tray", R"({"id": "cd0"})"), "{}");
  EXPECT_EQ(Reply("blockdev-close-tray", R"({"id": "cd0"})"), "{}");
  EXPECT_NE(Reply("eject", R"({"id": "nosuch"})").find("'nosuch'"), std::string::npos);
}

TEST_F(CommandsExportTest, MistakesAreNamed) {
  EXPECT_EQ(Reply("block-export-add", R"({"type": "vhost-user-blk", "id": "e"})"),
            "block-export-add.node-name: missing: node to export");
  EXPECT_NE(Reply("block-export-add", R"({"type": "nbx", "id": "e"})").find("'nbx'"),
            std::string::npos);
  EXPECT_NE(Reply("block-export-del", R"({"id": "e", "mode": "soft"})").find("safe"),
            std::string::npos);
  EXPECT_TRUE(exports_.added.empty());
}

TEST_F(CommandsExportTest, WhatIsAMachinesIsRefusedWithTheReason) {
  for (const char* const command : {"stop", "cont", "system_reset", "device_add", "device_del",
                                    "query-status", "query-name", "blockdev-set-active"}) {
    const QmpResult result = Run(command);
    EXPECT_EQ(ErrorClassOf(result.status()), QmpErrorClass::kCommandNotFound) << command;
    const std::string start = std::string("The command ") + command + " has not been found: ";
    EXPECT_TRUE(MessageOf(result.status()).starts_with(start)) << result.status();
    EXPECT_EQ(Reply("query-commands").find(std::string("\"") + command + "\""), std::string::npos);
  }
  EXPECT_NE(Reply("stop").find("stall"), std::string::npos);
  EXPECT_EQ(Reply("nosuch"), "The command nosuch has not been found");
  EXPECT_EQ(rig_.machine().state(), MachineState::kRunning);
}

TEST_F(CommandsExportTest, AMachinesMonitorKnowsNoExports) {
  for (const char* const command :
       {"block-export-add", "block-export-del", "query-block-exports"}) {
    EXPECT_EQ(rig_.Refusal("CommandNotFound", command, "{}"),
              std::string("The command ") + command + " has not been found");
  }
}

TEST_F(CommandsExportTest, NoPolicyStopsWhatIsNotThere) {
  const auto set = [this](const std::string& policies) {
    return Reply("x-block-set-on-error", R"({"id": "vd0", )" + policies + "}");
  };
  for (const char* const refused :
       {R"("rerror": "stop")", R"("werror": "stop")", R"("werror": "enospc")",
        R"("werror": "retry", "x-retry-action": "stop")",
        R"("werror": "retry", "x-retry-action": "enospc")"}) {
    EXPECT_EQ(set(refused),
              "x-block-set-on-error: there is no machine to stop; stall holds the requests of this "
              "drive, and report tells the guest")
        << refused;
  }
  EXPECT_EQ(set(R"("rerror": "stall", "werror": "stall")"), "{}");
  EXPECT_EQ(set(R"("werror": "auto")"), "{}");
  EXPECT_EQ(rig_.machine().BackendOfDevice("vd0")->error_policies().write, OnError::kReport);
}

TEST_F(CommandsExportTest, AnIoThreadThatAnExportUsesStays) {
  EXPECT_EQ(Reply("object-add", R"({"qom-type": "iothread", "id": "t1"})"), "{}");
  EXPECT_EQ(Reply("block-export-add", kExport), "{}");
  EXPECT_EQ(Reply("object-del", R"({"id": "t0"})"), "object 't0' is in use: export 'e' uses it");
  EXPECT_EQ(Reply("object-del", R"({"id": "t1"})"), "{}");
}

TEST_F(CommandsExportTest, QuitEndsTheExportsFirst) {
  EXPECT_EQ(Reply("block-export-add", kExport), "{}");
  EXPECT_EQ(Reply("quit"), "{}");
  EXPECT_TRUE(exports_.infos.empty());
  EXPECT_EQ(quits_, 1);
}

TEST(StorageDaemonCommandsTest, EveryArgumentIsDescribed) {
  const CommandTable table = StorageDaemonCommands();
  for (const CommandRow& row : table.rows()) {
    EXPECT_NE(row.arguments(), nullptr) << row.name;
  }
}

}  // namespace
}  // namespace platter

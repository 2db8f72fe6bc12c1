// SPDX-License-Identifier: Apache-2.0

#include <string>

#include "gtest/gtest.h"

#include "config/json_writer.h"
#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

class CommandsQueryBlockTest : public testing::Test {
 protected:
  explicit CommandsQueryBlockTest(RigWorld world = RigWorld::kSimulated) : rig_(world) {}

  Value Query(const std::string& command, const std::string& arguments = "{}") {
    const Lines lines = rig_.Run(command, arguments);
    EXPECT_EQ(lines.size(), 1u);
    const absl::StatusOr<Value> reply = ParseJson(lines.at(0), "reply");
    EXPECT_TRUE(reply.ok() && reply->Find("return") != nullptr) << lines.at(0);
    return *reply->Find("return");
  }
  // The element whose member is that.
  static std::string With(const Value& list, const std::string& member, const std::string& is) {
    for (const Value& element : list.as_list()) {
      const Value* const found = element.Find(member);
      if (found != nullptr && found->as_string() == is) return FormatJson(element);
    }
    return "none";
  }

  MonitorRig rig_;
};

// With files of the host.
class CommandsQueryFileTest : public CommandsQueryBlockTest {
 protected:
  CommandsQueryFileTest() : CommandsQueryBlockTest(RigWorld::kHost) {}
};

TEST_F(CommandsQueryBlockTest, Row45_QueryBlockTellsOfEveryDrive) {
  const Value drives = Query("query-block");
  ASSERT_EQ(drives.as_list().size(), 4u);
  EXPECT_EQ(With(drives, "qdev", "cd1"),
            R"({"device": "", "qdev": "cd1", "type": "unknown", "removable": true, )"
            R"("locked": false, "tray_open": false, "io-status": "ok", )"
            R"("x-rerror": "report", "x-werror": "enospc", "x-stalled": false})");
  EXPECT_EQ(
      With(drives, "qdev", "hd0"),
      R"({"device": "", "qdev": "hd0", "type": "unknown", "removable": false, "locked": false, )"
      R"("io-status": "ok", "x-rerror": "report", "x-werror": "enospc", "x-stalled": false, )"
      R"("inserted": {"file": "json:{\"driver\": \"memory\", \"size\": 1048576}", )"
      R"("node-name": "hd", "ro": false, "drv": "memory", "backing_file_depth": 0, )"
      R"("encrypted": false, "bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, )"
      R"("iops_wr": 0, "cache": {"writeback": true, "direct": false, "no-flush": false}, )"
      R"("detect_zeroes": "off", "write_threshold": 0, "image": {"filename": )"
      R"("json:{\"driver\": \"memory\", \"size\": 1048576}", "format": "memory", )"
      R"("virtual-size": 1048576, "dirty-flag": false}}})");
}

TEST_F(CommandsQueryBlockTest, WhatMovedIsTold) {
  rig_.Run("eject", R"({"id": "cd0"})");
  const std::string cd = With(Query("query-block"), "qdev", "cd0");
  EXPECT_NE(cd.find(R"("tray_open": true)"), std::string::npos);
  EXPECT_EQ(cd.find("inserted"), std::string::npos);
}

TEST_F(CommandsQueryFileTest, FilesHaveTheirSizes) {
  const std::string path = MonitorRig::MakeFile("query.img", 8192);
  EXPECT_EQ(
      rig_.Run("blockdev-change-medium", R"({"id": "cd0", "filename": ")" + path + R"("})").back(),
      MonitorRig::kDone);
  const Value drives = Query("query-block");
  for (const Value& drive : drives.as_list()) {
    if (drive.Find("qdev")->as_string() != "cd0") continue;
    const Value& medium = *drive.Find("inserted");
    EXPECT_EQ(medium.Find("file")->as_string(), path);
    const Value& image = *medium.Find("image");
    EXPECT_EQ(image.Find("virtual-size")->as_uint(), 8192u);
    EXPECT_NE(image.Find("actual-size"), nullptr);
  }
}

TEST_F(CommandsQueryBlockTest, Row45_StatisticsAreThoseOfTheDrive) {
  std::vector<uint8_t> data(1024);
  const BlockBackendRef drive = rig_.machine().BackendOfDevice("vd0");
  ASSERT_EQ(BlockOn(rig_.control(), drive->Pwrite(0, data, IoFlags::kNone)), 0);
  const BlockStats counted = drive->Stats();
  const Value stats = Query("query-blockstats");
  const std::string vd = With(stats, "qdev", "vd0");
  EXPECT_NE(vd.find(R"("node-name": "vd")"), std::string::npos) << vd;
  EXPECT_NE(vd.find("\"wr_bytes\": " + std::to_string(counted.write.bytes) + ","),
            std::string::npos);
  EXPECT_NE(vd.find("\"wr_operations\": " + std::to_string(counted.write.operations) + ","),
            std::string::npos);
  EXPECT_EQ(With(stats, "qdev", "cd1").find("node-name"), std::string::npos);
  EXPECT_NE(rig_.Refusal("query-blockstats", R"({"query-nodes": true})").find("query-nodes"),
            std::string::npos);
}

TEST_F(CommandsQueryBlockTest, NodesAreListedWhetherUsedOrNot) {
  for (const std::string arguments : {"{}", R"({"flat": true})"}) {
    const Value nodes = Query("query-named-block-nodes", arguments);
    EXPECT_EQ(nodes.as_list().size(), 5u);
    EXPECT_NE(With(nodes, "node-name", "disc-b").find(R"("ro": true)"), std::string::npos);
  }
}

}  // namespace
}  // namespace platter

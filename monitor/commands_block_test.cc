// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

constexpr const char* kDone = MonitorRig::kDone;

class CommandsBlockTest : public testing::Test {
 protected:
  explicit CommandsBlockTest(RigWorld world = RigWorld::kSimulated) : rig_(world) {}
  void Do(const std::string& command, const std::string& arguments) {
    EXPECT_EQ(rig_.Run(command, arguments), Lines{kDone}) << command << arguments;
  }
  // A disk above "above" (raw), which is above "below".
  void PlugDiskAbove(const std::string& below, const std::string& disk) {
    Do("blockdev-add", below);
    Do("blockdev-add", R"({"driver": "raw", "node-name": "above", "file": "below"})");
    Do("device_add", disk);
  }
  // It names the device and its blocks, and nothing has changed.
  void RefusedForItsBlocks(const std::string& command, const std::string& arguments,
                           const std::string& length) {
    const std::string said = rig_.Refusal(command, arguments);
    EXPECT_NE(said.find(length + " bytes are not a multiple of the 512-byte blocks of device 'd0'"),
              std::string::npos)
        << said;
  }
  uint64_t Length(const std::string& device) {
    return rig_.machine().BackendOfDevice(device)->length();
  }
  MonitorRig rig_;
};

TEST_F(CommandsBlockTest, NodesComeAndGo) {
  EXPECT_EQ(rig_.Run("blockdev-add", R"({"driver": "null-co", "node-name": "n1", "size": 512})"),
            Lines{kDone});
  EXPECT_NE(rig_.machine().graph().Find("n1"), nullptr);
  EXPECT_NE(
      rig_.Refusal("blockdev-add", R"({"driver": "null-co", "node-name": "n1"})").find("'n1'"),
      std::string::npos);
  EXPECT_EQ(rig_.Run("blockdev-del", R"({"node-name": "n1"})"), Lines{kDone});
  EXPECT_NE(rig_.Refusal("blockdev-del", R"({"node-name": "n1"})").find("'n1'"), std::string::npos);
  EXPECT_NE(rig_.Refusal("blockdev-del", R"({"node-name": "hd"})").find("'hd'"), std::string::npos);
}

TEST_F(CommandsBlockTest, WhatIsNoNodeIsRefused) {
  EXPECT_NE(rig_.Refusal("blockdev-add", R"({"driver": "null-co"})").find("node-name"),
            std::string::npos);
  EXPECT_NE(
      rig_.Refusal("blockdev-add", R"({"driver": "nosuch", "node-name": "n"})").find("'nosuch'"),
      std::string::npos);
  EXPECT_NE(rig_.Refusal("blockdev-add",
                         R"({"driver": "file", "node-name": "n", "filename": "/nosuch/x"})")
                .find("/nosuch/x"),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("blockdev-add", R"({"driver": "raw", "node-name": "n", "file": "nosuch"})")
                .find("'nosuch'"),
            std::string::npos);
}

TEST_F(CommandsBlockTest, Row45_ADiskIsResizedByEitherName) {
  EXPECT_EQ(rig_.Run("block_resize", R"({"device": "vd0", "size": 2097152})"), Lines{kDone});
  EXPECT_EQ(Length("vd0"), 2097152u);
  EXPECT_EQ(rig_.Run("block_resize", R"({"node-name": "hd", "size": 4194304})"), Lines{kDone});
  EXPECT_EQ(Length("hd0"), 4194304u);
  EXPECT_EQ(rig_.Run("block_resize", R"({"node-name": "free", "size": 8192})"), Lines{kDone});
}

TEST_F(CommandsBlockTest, OfTwoNamesTheDevicesCounts) {
  const uint64_t other = Length("hd0");
  Do("block_resize", R"({"device": "vd0", "node-name": "hd", "size": 2097152})");
  EXPECT_EQ(Length("vd0"), 2097152u);
  EXPECT_EQ(Length("hd0"), other);
  // A name that no device has is no reason not to look for the node.
  Do("block_resize", R"({"device": "nosuch", "node-name": "hd", "size": 4194304})");
  EXPECT_EQ(Length("hd0"), 4194304u);
}

TEST_F(CommandsBlockTest, ADiskKeepsWholeBlocksWhicheverNodeBelowItIsResized) {
  PlugDiskAbove(R"({"driver": "memory", "node-name": "below", "size": 4096})",
                R"({"driver": "scsi-hd", "id": "d0", "drive": "above"})");
  for (const char* const which :
       {R"("device": "d0")", R"("node-name": "above")", R"("node-name": "below")"}) {
    RefusedForItsBlocks("block_resize", std::string("{") + which + R"(, "size": 1000})", "1000");
  }
  Do("block_resize", R"({"node-name": "below", "size": 8192})");
  EXPECT_EQ(Length("d0"), 8192u);
}

TEST_F(CommandsBlockTest, ADiskWhoseMediumCanBeChangedKeepsWholeBlocksToo) {
  PlugDiskAbove(R"({"driver": "null-co", "node-name": "below", "size": 4096})",
                R"({"driver": "scsi-hd", "id": "d0", "removable": true, "drive": "above"})");
  RefusedForItsBlocks("block_resize", R"({"node-name": "above", "size": 1000})", "1000");
  RefusedForItsBlocks("block_resize", R"({"node-name": "below", "size": 1000})", "1000");
}

TEST_F(CommandsBlockTest, ADiskKeepsWholeBlocksWhenAnOffsetComesBelowIt) {
  PlugDiskAbove(R"({"driver": "memory", "node-name": "below", "size": 4096})",
                R"({"driver": "scsi-hd", "id": "d0", "drive": "above"})");
  Do("blockdev-add", R"({"driver": "memory", "node-name": "odd", "size": 1300})");
  const auto above = [](const std::string& options) {
    return R"({"options": [{"driver": "raw", "node-name": "above", )" + options + "}]}";
  };
  RefusedForItsBlocks("blockdev-reopen", above(R"("file": "below", "offset": 100)"), "3996");
  RefusedForItsBlocks("blockdev-reopen", above(R"("file": "odd")"), "1300");
  Do("blockdev-reopen", above(R"("file": "odd", "size": 1024)"));
  EXPECT_EQ(Length("d0"), 1024u);
  // With a size of its own the disk minds nothing below it.
  Do("block_resize", R"({"node-name": "odd", "size": 1100})");
  RefusedForItsBlocks("block_resize", R"({"node-name": "odd", "size": 1000})", "1000");
  Do("blockdev-reopen", above(R"("file": "below", "offset": 512, "size": 1024)"));
  Do("blockdev-reopen", above(R"("file": "below", "offset": 512)"));
  EXPECT_EQ(Length("d0"), 3584u);
}

class CommandsBlockFileTest : public CommandsBlockTest {
 protected:
  CommandsBlockFileTest() : CommandsBlockTest(RigWorld::kHost) {}
};

TEST_F(CommandsBlockFileTest, AFileThatHasGotAnotherLengthIsNotReopenedUnderADisk) {
  const std::string path = MonitorRig::MakeFile("cut.img", 4096);
  const std::string file = R"({"driver": "file", "node-name": "below", "filename": ")" + path + '"';
  PlugDiskAbove(file + "}", R"({"driver": "virtio-blk", "id": "d0", "drive": "above"})");
  ASSERT_EQ(truncate(path.c_str(), 1000), 0);
  const std::string reopen = R"({"options": [)" + file + R"(, "x-inline-writes": true}]})";
  RefusedForItsBlocks("blockdev-reopen", reopen, "1000");
  RefusedForItsBlocks("block_resize", R"({"node-name": "below", "size": 1001})", "1001");
  ASSERT_EQ(truncate(path.c_str(), 2048), 0);
  Do("blockdev-reopen", reopen);
  EXPECT_EQ(Length("d0"), 2048u);
}

TEST_F(CommandsBlockFileTest, NorIsItTakenBackFromAnotherProcess) {
  const std::string path = MonitorRig::MakeFile("back.img", 4096);
  PlugDiskAbove(R"({"driver": "file", "node-name": "below", "filename": ")" + path + "\"}",
                R"({"driver": "virtio-blk", "id": "d0", "drive": "above"})");
  rig_.Run("stop");
  Do("blockdev-set-active", R"({"active": false})");
  ASSERT_EQ(truncate(path.c_str(), 1000), 0);
  const std::string said = rig_.Refusal("cont", "{}");
  EXPECT_NE(said.find("node 'below'"), std::string::npos) << said;
  EXPECT_NE(said.find("'d0'"), std::string::npos) << said;
  ASSERT_EQ(truncate(path.c_str(), 8192), 0);
  EXPECT_EQ(rig_.Run("cont").back(), kDone);
  EXPECT_EQ(Length("d0"), 8192u);
}

TEST_F(CommandsBlockTest, NodesAreLetGoAndTakenBack) {
  EXPECT_NE(rig_.Refusal("blockdev-set-active", R"({"active": false})").find("the machine runs"),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("blockdev-set-active", R"({"active": false, "node-name": "nosuch"})")
                .find("'nosuch'"),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("blockdev-set-active", "{}").find("active: missing"), std::string::npos);
  const NodeRef hd = rig_.machine().graph().Find("hd");
  EXPECT_TRUE(hd->active());
  rig_.Run("stop");
  EXPECT_EQ(rig_.Run("blockdev-set-active", R"({"active": false, "node-name": "hd"})"),
            Lines{kDone});
  EXPECT_FALSE(hd->active());
  EXPECT_TRUE(rig_.machine().graph().Find("free")->active());
  EXPECT_NE(rig_.Run("query-named-block-nodes").back().find(R"("active": false)"),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("block_resize", R"({"device": "hd0", "size": 2097152})")
                .find("node 'hd' is inactive"),
            std::string::npos);
  rig_.Run("cont");
  EXPECT_TRUE(hd->active());
}

TEST_F(CommandsBlockTest, ReopeningNothingIsAMistake) {
  for (const char* const arguments : {"{}", R"({"options": []})"}) {
    EXPECT_EQ(rig_.Refusal("blockdev-reopen", arguments),
              "blockdev-reopen.options: missing; it says what the nodes are to be");
  }
}

TEST_F(CommandsBlockTest, SizesThatCannotBeAreRefused) {
  EXPECT_NE(rig_.Refusal("block_resize", R"({"node-name": "hd", "size": -1})")
                .find("block_resize.size: "),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("block_resize", R"({"node-name": "hd", "size": 513})").find("513"),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("block_resize", R"({"node-name": "hd", "size": 9223372036854775807})")
                .find("hd"),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("block_resize", R"({"node-name": "disc-a", "size": 4096})")
                .find("'disc-a' is read-only"),
            std::string::npos);
  EXPECT_NE(
      rig_.Refusal("block_resize", R"({"node-name": "nosuch", "size": 4096})").find("'nosuch'"),
      std::string::npos);
  EXPECT_EQ(rig_.Refusal("block_resize", R"({"device": "nosuch", "size": 512})"),
            "Device 'nosuch' not found");
  EXPECT_NE(rig_.Refusal("block_resize", R"({"device": "cd1", "size": 4096})").find("no medium"),
            std::string::npos);
  EXPECT_EQ(rig_.Refusal("block_resize", R"({"size": 4096})"),
            "Need one of 'device' and 'node-name'");
}

TEST_F(CommandsBlockTest, AWriteBeyondAThresholdIsToldOnce) {
  const auto write = [&](uint64_t offset) {
    const std::vector<uint8_t> data(4096, 1);
    EXPECT_EQ(BlockOn(rig_.control(),
                      rig_.machine().BackendOfDevice("vd0")->Pwrite(offset, data, IoFlags::kNone)),
              0);
    return rig_.Say("");
  };
  const auto told = [&] {
    const std::string nodes = rig_.Run("query-named-block-nodes").at(0);
    const std::string drives = rig_.Run("query-block").at(0);
    const std::string threshold = R"("write_threshold": 8192)";
    EXPECT_EQ(nodes.find(threshold) == std::string::npos,
              drives.find(threshold) == std::string::npos);
    return nodes.find(threshold) != std::string::npos;
  };
  const std::string set = R"({"node-name": "vd", "write-threshold": 8192})";
  EXPECT_EQ(rig_.Run("block-set-write-threshold", set), Lines{MonitorRig::kDone});
  EXPECT_TRUE(told());
  EXPECT_EQ(write(4096), Lines{});
  EXPECT_EQ(
      write(12288),
      Lines{R"({"timestamp": {"seconds": 0, "microseconds": 0}, "event": "BLOCK_WRITE_THRESHOLD", )"
            R"("data": {"node-name": "vd", "amount-exceeded": 8192, "write-threshold": 8192}})"});
  EXPECT_FALSE(told());
  EXPECT_EQ(write(12288), Lines{});
  // Set anew and taken back.
  EXPECT_EQ(rig_.Run("block-set-write-threshold", set), Lines{MonitorRig::kDone});
  EXPECT_EQ(rig_.Run("block-set-write-threshold", R"({"node-name": "vd", "write-threshold": 0})"),
            Lines{MonitorRig::kDone});
  EXPECT_FALSE(told());
  EXPECT_EQ(write(12288), Lines{});
}

TEST_F(CommandsBlockTest, WrongThresholdsAreRefused) {
  const auto refused = [&](const std::string& arguments, const std::string& text) {
    const std::string said = rig_.Refusal("block-set-write-threshold", arguments);
    EXPECT_NE(said.find(text), std::string::npos) << said;
  };
  refused(R"({"node-name": "nosuch", "write-threshold": 1})", "there is no block node 'nosuch'");
  refused(R"({"node-name": "vd"})", "block-set-write-threshold.write-threshold: ");
  refused(R"({"write-threshold": 1})", "block-set-write-threshold.node-name: ");
  refused(R"({"node-name": "vd", "write-threshold": -1})",
          "block-set-write-threshold.write-threshold: ");
  refused(R"({"node-name": "vd", "write-threshold": "1"})",
          "block-set-write-threshold.write-threshold: ");
  refused(R"({"node-name": 1, "write-threshold": 1})", "block-set-write-threshold.node-name: ");
}

TEST_F(CommandsBlockTest, ReopenChangesOptionsOfOpenNodes) {
  const auto reopen = [&](const std::string& options) {
    return rig_.Run("blockdev-reopen", R"({"options": [)" + options + "]}");
  };
  const auto state = [&] { return rig_.Run("query-named-block-nodes").at(0); };
  EXPECT_EQ(state().find(R"("no-flush": true)"), std::string::npos);
  EXPECT_EQ(reopen(R"({"driver": "memory", "node-name": "free", "size": 4096, "read-only": true,
                       "cache": {"no-flush": true}},
                      {"driver": "memory", "node-name": "disc-b", "size": 409600})"),
            Lines{kDone});
  EXPECT_NE(state().find(R"("no-flush": true)"), std::string::npos);
  EXPECT_TRUE(rig_.machine().graph().Find("free")->read_only());
  EXPECT_FALSE(rig_.machine().graph().Find("disc-b")->read_only());
}

TEST_F(CommandsBlockTest, WrongReopeningsChangeNothing) {
  const auto refused = [&](const std::string& options, const std::string& text) {
    const std::string said = rig_.Refusal("blockdev-reopen", R"({"options": [)" + options + "]}");
    EXPECT_NE(said.find(text), std::string::npos) << said;
  };
  const std::string free = R"({"driver": "memory", "node-name": "free", "size": 4096)";
  refused(free + R"(, "read-only": true}, {"driver": "memory", "node-name": "nosuch", "size": 1})",
          "there is no block node 'nosuch'");
  refused(free + R"(, "read-only": true}, {"driver": "memory", "node-name": "vd", "size": 1})",
          "node 'vd': can't change option 'size'");
  refused(R"({"driver": "memory", "node-name": "vd", "size": 1048576, "read-only": true})",
          "node 'vd': can't become read-only: block backend of device 'vd0' writes to it");
  refused(free + R"(, "read-only": "maybe"})", "read-only: ");
  refused(free + R"(, "sise": 5})", "did you mean");
  refused(R"({"driver": "memory", "size": 4096})", "node-name: ");
  refused(R"({"driver": "nosuch", "node-name": "free"})", "'nosuch'");
  refused("5", "blockdev-reopen.options.0: ");
}

TEST_F(CommandsBlockTest, AMediumThatBecomesWritableIsWritten) {
  ASSERT_EQ(rig_.Run("device_add", R"({"driver": "scsi-hd", "id": "rd0", "removable": true,
                                       "drive": "disc-b"})"),
            Lines{kDone});
  const BlockBackendRef drive = rig_.machine().BackendOfDevice("rd0");
  EXPECT_TRUE(drive->is_read_only());
  EXPECT_EQ(rig_.Run("blockdev-reopen", R"({"options": [{"driver": "memory", "size": 409600,
                                            "node-name": "disc-b"}]})"),
            Lines{kDone});
  EXPECT_FALSE(drive->is_read_only());
  const std::vector<uint8_t> data(512, 1);
  EXPECT_EQ(BlockOn(rig_.control(), drive->Pwrite(0, data, IoFlags::kNone)), 0);
}

}  // namespace
}  // namespace platter

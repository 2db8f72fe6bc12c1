// SPDX-License-Identifier: Apache-2.0
//
// Rows 43 and 44 of docs/api.md, as a client of QMP has them.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "monitor/monitor_fixture.h"
#include "testing/guest/atapi_driver.h"

namespace platter {
namespace {

class CommandsMediaTest : public testing::Test {
 protected:
  explicit CommandsMediaTest(RigWorld world = RigWorld::kSimulated) : rig_(world) {}

  // The guest's driver of cd0, which has its news behind it.
  std::unique_ptr<AtapiDriver> Guest() {
    const auto at = rig_.machine().LocationOf<IdeLocation>("cd0");
    EXPECT_TRUE(at.ok()) << at.status();
    auto driver =
        std::make_unique<AtapiDriver>(rig_.bus(), IdeDriver::Place{.command = at->command,
                                                                   .control = at->control,
                                                                   .bus_master = at->bus_master,
                                                                   .line = at->irq,
                                                                   .unit = at->unit});
    EXPECT_TRUE(driver->ClearNews());
    return driver;
  }
  std::string Root(const std::string& id = "cd0") {
    const BlockBackendRef drive = rig_.machine().BackendOfDevice(id);
    return drive->is_inserted() ? DescribeNode(*drive->root()).node_name : "none";
  }
  static constexpr const char* kDone = MonitorRig::kDone;
  static std::string Opened(const std::string& id = "cd0") {
    return MonitorRig::TrayEvent(true, id);
  }
  static std::string Closed(const std::string& id = "cd0") {
    return MonitorRig::TrayEvent(false, id);
  }

  MonitorRig rig_;
};

// With files of the host.
class CommandsMediaFileTest : public CommandsMediaTest {
 protected:
  CommandsMediaFileTest() : CommandsMediaTest(RigWorld::kHost) {}
};

TEST_F(CommandsMediaTest, Row43_EjectOpensAndEmptiesOnce) {
  EXPECT_EQ(rig_.Run("eject", R"({"id": "cd0"})"), (Lines{Opened(), kDone}));
  EXPECT_EQ(Root(), "none");
  EXPECT_EQ(rig_.Run("eject", R"({"device": "cd0"})"), Lines{kDone});
}

TEST_F(CommandsMediaTest, Row43_ALockedTrayIsAskedFor) {
  const auto guest = Guest();
  ASSERT_TRUE(guest->PreventAllow(AtapiLock::kLocked).ok());
  EXPECT_NE(rig_.Refusal("eject", R"({"id": "cd0"})").find("'cd0' is locked"), std::string::npos);
  EXPECT_EQ(guest->GetEventStatus()->code, 1) << "eject request";
  // The guest grants it.
  ASSERT_TRUE(guest->PreventAllow(AtapiLock::kUnlocked).ok());
  ASSERT_TRUE(guest->StartStop(AtapiTray::kOpen).ok());
  EXPECT_EQ(rig_.Say(""), Lines{Opened()});
  EXPECT_EQ(rig_.Run("eject", R"({"id": "cd0"})"), Lines{kDone});
  EXPECT_EQ(Root(), "none");
}

TEST_F(CommandsMediaTest, Row43_ForceTakesALockedMedium) {
  const auto guest = Guest();
  ASSERT_TRUE(guest->PreventAllow(AtapiLock::kLocked).ok());
  EXPECT_EQ(rig_.Run("eject", R"({"id": "cd0", "force": true})"), (Lines{Opened(), kDone}));
  EXPECT_EQ(Root(), "none");
}

TEST_F(CommandsMediaTest, Row44_TheStepsOneByOne) {
  EXPECT_NE(rig_.Refusal("blockdev-remove-medium", R"({"id": "cd0"})").find("'cd0' is not open"),
            std::string::npos);
  EXPECT_EQ(rig_.Run("blockdev-open-tray", R"({"id": "cd0"})"), (Lines{Opened(), kDone}));
  EXPECT_EQ(rig_.Run("blockdev-open-tray", R"({"id": "cd0"})"), Lines{kDone});
  const std::string insert = R"({"id": "cd0", "node-name": "disc-b"})";
  EXPECT_NE(rig_.Refusal("blockdev-insert-medium", insert).find("has a medium: node 'disc-a'"),
            std::string::npos);
  EXPECT_EQ(rig_.Run("blockdev-remove-medium", R"({"id": "cd0"})"), Lines{kDone});
  EXPECT_EQ(rig_.Run("blockdev-remove-medium", R"({"id": "cd0"})"), Lines{kDone});
  EXPECT_NE(rig_.Refusal("blockdev-insert-medium", R"({"id": "cd0", "node-name": "nosuch"})")
                .find("'nosuch'"),
            std::string::npos);
  EXPECT_EQ(rig_.Run("blockdev-insert-medium", insert), Lines{kDone});
  EXPECT_EQ(Root(), "disc-b");
  EXPECT_EQ(rig_.Run("blockdev-close-tray", R"({"id": "cd0"})"), (Lines{Closed(), kDone}));
  EXPECT_EQ(rig_.Run("blockdev-close-tray", R"({"id": "cd0"})"), Lines{kDone});
  EXPECT_NE(rig_.Refusal("blockdev-insert-medium", insert).find("is not open"), std::string::npos);
}

TEST_F(CommandsMediaTest, OpenTrayOfALockedDriveIsNoErrorAndNothingMoves) {
  const auto guest = Guest();
  ASSERT_TRUE(guest->PreventAllow(AtapiLock::kLocked).ok());
  EXPECT_EQ(rig_.Run("blockdev-open-tray", R"({"id": "cd0"})"), Lines{kDone});
  EXPECT_EQ(rig_.Run("blockdev-open-tray", R"({"id": "cd0", "force": true})"),
            (Lines{Opened(), kDone}));
}

TEST_F(CommandsMediaFileTest, Row44_ChangePutsAFileIn) {
  const std::string path = MonitorRig::MakeFile("new.iso", 6144);
  EXPECT_EQ(rig_.Run("blockdev-change-medium", R"({"id": "cd0", "filename": ")" + path + R"("})"),
            (Lines{Opened(), Closed(), kDone}));
  const BlockBackendRef drive = rig_.machine().BackendOfDevice("cd0");
  EXPECT_EQ(drive->length(), 6144u);
  EXPECT_TRUE(drive->is_read_only()) << "as the disc before it";
  EXPECT_EQ(DescribeNode(*drive->root()).driver, "raw");
  // Also into an empty drive, as a plain file and to write.
  EXPECT_EQ(rig_.Run("blockdev-change-medium", R"({"id": "cd1", "format": "file", "filename": ")" +
                                                   path + R"(", "read-only-mode": "retain"})"),
            (Lines{Opened("cd1"), Closed("cd1"), kDone}));
  EXPECT_TRUE(rig_.machine().BackendOfDevice("cd1")->is_read_only()) << "it is a CD-ROM drive";
  EXPECT_EQ(rig_.Run("eject", R"({"id": "cd1"})"), (Lines{Opened("cd1"), kDone}));
}

TEST_F(CommandsMediaFileTest, ReadOnlyModeDecides) {
  const std::string path = MonitorRig::MakeFile("rw.iso", 4096);
  const auto change = [&](const std::string& mode) {
    rig_.Run("blockdev-change-medium", R"({"id": "cd0", "format": "file", "filename": ")" + path +
                                           R"(", "read-only-mode": ")" + mode + R"("})");
    return DescribeNode(*rig_.machine().BackendOfDevice("cd0")->root()).read_only;
  };
  EXPECT_FALSE(change("read-write"));
  EXPECT_FALSE(change("retain"));
  EXPECT_TRUE(change("read-only"));
  EXPECT_TRUE(change("retain"));
}

// What QMP tells of a medium.
struct Told {
  bool read_only = false;
  bool direct = false;
  bool no_flush = false;
  std::string detect_zeroes;
  std::string driver;
};

class CommandsMediaRetainTest : public CommandsMediaFileTest {
 protected:
  CommandsMediaRetainTest() { rig_.Run("eject", R"({"id": "cd0"})"); }

  std::string NewFile() {
    return MonitorRig::MakeFile("file" + std::to_string(++files_) + ".iso", 8192);
  }
  // blockdev-add of a file with these options besides.
  Lines Add(const std::string& name, const std::string& options) {
    return rig_.Run("blockdev-add", R"({"driver": "file", "node-name": ")" + name +
                                        R"(", "filename": ")" + NewFile() + "\"" + options + "}");
  }
  // Such a node in the open tray of cd0.
  void Put(const std::string& options) {
    const std::string name = "put" + std::to_string(files_);
    EXPECT_EQ(Add(name, options), Lines{kDone});
    rig_.Run("blockdev-open-tray", R"({"id": "cd0"})");
    rig_.Run("blockdev-remove-medium", R"({"id": "cd0"})");
    EXPECT_EQ(rig_.Run("blockdev-insert-medium", R"({"id": "cd0", "node-name": ")" + name + "\"}"),
              Lines{kDone});
  }
  void Change(const std::string& more = "", const std::string& id = "cd0") {
    EXPECT_EQ(rig_.Run("blockdev-change-medium",
                       R"({"id": ")" + id + R"(", "filename": ")" + NewFile() + "\"" + more + "}")
                  .back(),
              kDone);
  }
  Told Tell(const std::string& id = "cd0") {
    const absl::StatusOr<Value> reply = ParseJson(rig_.Run("query-block").back(), "reply");
    EXPECT_TRUE(reply.ok()) << reply.status();
    for (const Value& drive : reply->Find("return")->as_list()) {
      if (drive.Find("qdev")->as_string() != id) continue;
      const Value& medium = *drive.Find("inserted");
      const Value& cache = *medium.Find("cache");
      return {.read_only = medium.Find("ro")->as_bool(),
              .direct = cache.Find("direct")->as_bool(),
              .no_flush = cache.Find("no-flush")->as_bool(),
              .detect_zeroes = medium.Find("detect_zeroes")->as_string(),
              .driver = medium.Find("drv")->as_string()};
    }
    ADD_FAILURE() << id;
    return {};
  }
  NodePolicy Policy(const std::string& id = "cd0") {
    return rig_.machine().BackendOfDevice(id)->root()->policy();
  }

  int files_ = 0;
};

TEST_F(CommandsMediaRetainTest, Row42_SettingsOfTheLastMediumAreTheNextOnes) {
  Put(R"(, "discard": "unmap", "detect-zeroes": "unmap", "cache": {"no-flush": true})");
  const auto expect_kept = [&](const std::string& driver) {
    const Told told = Tell();
    EXPECT_FALSE(told.read_only);
    EXPECT_TRUE(told.no_flush);
    EXPECT_EQ(told.detect_zeroes, "unmap");
    EXPECT_EQ(told.driver, driver);
    EXPECT_EQ(Policy().discard, NodePolicy::Discard::kUnmap);
  };
  expect_kept("file");
  // From the one that is in, and from the one that was.
  Change();
  expect_kept("raw");
  rig_.Run("eject", R"({"id": "cd0"})");
  Change(R"(, "format": "file")");
  expect_kept("file");
  // Only what the mode is about changes, and is kept too.
  Change(R"(, "read-only-mode": "read-only")");
  EXPECT_TRUE(Tell().read_only);
  EXPECT_TRUE(Tell().no_flush);
  rig_.Run("eject", R"({"id": "cd0"})");
  Change(R"(, "read-only-mode": "retain")");
  EXPECT_TRUE(Tell().read_only);
  Change(R"(, "read-only-mode": "read-write")");
  expect_kept("raw");
}

TEST_F(CommandsMediaRetainTest, Row42_TheFileBelowARawMediumHasTheSettings) {
  Put(R"(, "discard": "unmap", "cache": {"no-flush": true})");
  Change();
  const NodeRef raw = rig_.machine().BackendOfDevice("cd0")->root();
  ASSERT_STREQ(raw->driver_name(), "raw");
  const BlockNode& file = *raw->children().front()->child();
  EXPECT_FALSE(file.read_only());
  EXPECT_EQ(file.policy().flush, NodePolicy::Flush::kIgnore);
  EXPECT_EQ(file.policy().discard, NodePolicy::Discard::kUnmap);
}

TEST_F(CommandsMediaRetainTest, Row42_DirectAccessIsKept) {
  // Not every host's file system has direct I/O.
  const bool direct = Add("probe", R"(, "cache": {"direct": true})") == Lines{kDone};
  Put(direct ? R"(, "cache": {"direct": true})" : "");
  EXPECT_EQ(Tell().direct, direct);
  Change();
  EXPECT_EQ(Tell().direct, direct);
  const NodeRef raw = rig_.machine().BackendOfDevice("cd0")->root();
  EXPECT_EQ(DescribeNode(*raw->children().front()->child()).cache_direct, direct);
  rig_.Run("eject", R"({"id": "cd0"})");
  Change(R"(, "format": "file")");
  EXPECT_EQ(Tell().direct, direct);
}

TEST_F(CommandsMediaRetainTest, Row42_WhatNeverHadAMediumGetsItsFirst) {
  Change("", "cd1");
  const Told told = Tell("cd1");
  EXPECT_TRUE(told.read_only) << "it is a CD-ROM drive";
  EXPECT_FALSE(told.direct || told.no_flush);
  EXPECT_EQ(told.detect_zeroes, "off");
  EXPECT_EQ(Policy("cd1").discard, NodePolicy::Discard::kIgnore);
  rig_.Run("eject", R"({"id": "cd1"})");
  Change(R"(, "read-only-mode": "read-write")", "cd1");
  EXPECT_FALSE(Tell("cd1").read_only);
}

// What its user did not say is the default, not what was in before.
TEST_F(CommandsMediaRetainTest, Row42_ANodeThatIsInsertedStaysAsItWasMade) {
  Put(R"(, "discard": "unmap", "detect-zeroes": "on", "cache": {"no-flush": true})");
  Put("");
  const auto expect_plain = [&] {
    EXPECT_EQ(Tell().detect_zeroes, "off");
    EXPECT_FALSE(Tell().no_flush);
    EXPECT_EQ(Policy().discard, NodePolicy::Discard::kIgnore);
  };
  expect_plain();
  Change();
  expect_plain();
}

TEST_F(CommandsMediaRetainTest, Row42_LimitsStayWithTheDrive) {
  Put("");
  EXPECT_EQ(rig_.Run("block_set_io_throttle",
                     R"({"id": "cd0", "bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 77, )"
                     R"("iops_rd": 0, "iops_wr": 0, "group": "g"})"),
            Lines{kDone});
  Put("");
  Change();
  const BlockBackendRef drive = rig_.machine().BackendOfDevice("cd0");
  EXPECT_EQ(drive->io_throttle().iops_total.average, 77u);
  EXPECT_EQ(drive->throttle_group(), "g");
}

TEST_F(CommandsMediaFileTest, AFailedChangeChangesNothing) {
  EXPECT_NE(rig_.Refusal("blockdev-change-medium", R"({"id": "cd0", "filename": "/nosuch/x.iso"})")
                .find("/nosuch/x.iso"),
            std::string::npos);
  EXPECT_NE(
      rig_.Refusal("blockdev-change-medium", R"({"id": "cd0", "filename": "x", "format": "qcow2"})")
          .find("'qcow2'"),
      std::string::npos);
  EXPECT_NE(rig_.Refusal("blockdev-change-medium",
                         R"({"id": "cd0", "filename": "x", "read-only-mode": "bogus"})")
                .find("read-only-mode"),
            std::string::npos);
  const auto guest = Guest();
  ASSERT_TRUE(guest->PreventAllow(AtapiLock::kLocked).ok());
  const std::string path = MonitorRig::MakeFile("locked.iso", 4096);
  EXPECT_NE(
      rig_.Refusal("blockdev-change-medium", R"({"id": "cd0", "filename": ")" + path + R"("})")
          .find("is locked"),
      std::string::npos);
  EXPECT_EQ(Root(), "disc-a");
}

TEST_F(CommandsMediaFileTest, WhatHasNoMediumToMoveIsRefusedByName) {
  const std::string file = R"(, "filename": "x"})";
  for (const std::string disk : {"hd0", "vd0"}) {
    const std::string id = R"({"id": ")" + disk + "\"";
    for (const auto& [command, arguments] : std::vector<std::pair<std::string, std::string>>{
             {"eject", id + "}"},
             {"eject", id + R"(, "force": true})"},
             {"blockdev-open-tray", id + "}"},
             {"blockdev-close-tray", id + "}"},
             {"blockdev-remove-medium", id + "}"},
             {"blockdev-insert-medium", id + R"(, "node-name": "disc-b"})"}}) {
      EXPECT_NE(rig_.Refusal(command, arguments).find("'" + disk + "' is not removable"),
                std::string::npos)
          << command;
    }
    const std::string path = MonitorRig::MakeFile("disk.img", 4096);
    EXPECT_NE(rig_.Refusal("blockdev-change-medium", id + R"(, "filename": ")" + path + "\"}")
                  .find("'" + disk + "' is not removable"),
              std::string::npos);
  }
}

TEST_F(CommandsMediaTest, DrivesThatThereAreNot) {
  for (const std::string command : {"eject", "blockdev-open-tray", "blockdev-close-tray"}) {
    for (const std::string key : {"id", "device"}) {
      EXPECT_EQ(rig_.Refusal("DeviceNotFound", command, "{\"" + key + "\": \"nosuch\"}"),
                "Device 'nosuch' not found");
    }
    EXPECT_EQ(rig_.Refusal(command), "Need exactly one of 'device' and 'id'");
    EXPECT_EQ(rig_.Refusal(command, R"({"id": "cd0", "device": "cd0"})"),
              "Need exactly one of 'device' and 'id'");
    EXPECT_EQ(rig_.Refusal(command, R"({"id": "scsi0"})"),
              "Device 'scsi0' does not have a block device backend");
  }
  EXPECT_EQ(rig_.Refusal("DeviceNotFound", "blockdev-remove-medium", R"({"id": "nosuch"})"),
            "Device 'nosuch' not found");
}

TEST_F(CommandsMediaTest, WrongArgumentsAreRefusedByName) {
  EXPECT_EQ(rig_.Refusal("eject", R"({"id": "cd0", "forc": true})"),
            "eject.forc: unknown option; did you mean 'force'?");
  EXPECT_NE(rig_.Refusal("eject", R"({"id": "cd0", "force": "yes"})").find("eject.force: "),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("eject", R"({"id": 5})").find("eject.id: "), std::string::npos);
  EXPECT_NE(rig_.Refusal("eject", R"({"id": ["cd0"]})").find("eject.id: "), std::string::npos);
  EXPECT_NE(rig_.Refusal("blockdev-remove-medium").find("blockdev-remove-medium.id: "),
            std::string::npos);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include <string>

#include "gtest/gtest.h"

#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

constexpr const char* kDone = MonitorRig::kDone;

class CommandsDeviceTest : public testing::Test {
 protected:
  MonitorRig rig_;
};

TEST_F(CommandsDeviceTest, DevicesComeAndGo) {
  EXPECT_EQ(rig_.Run("device_add", R"({"driver": "scsi-cd", "id": "cd2", "bus": "scsi0.0"})"),
            Lines{kDone});
  EXPECT_NE(rig_.machine().FindDevice("cd2"), nullptr);
  EXPECT_NE(rig_.Refusal("device_add", R"({"driver": "scsi-cd", "id": "cd2"})").find("'cd2'"),
            std::string::npos);
  EXPECT_EQ(rig_.Run("device_del", R"({"id": "cd2"})"),
            (Lines{R"({"timestamp": {"seconds": 0, "microseconds": 0}, "event": "DEVICE_DELETED", )"
                   R"("data": {"device": "cd2", "path": "/machine/peripheral/cd2"}})",
                   kDone}));
  EXPECT_EQ(rig_.machine().FindDevice("cd2"), nullptr);
}

TEST_F(CommandsDeviceTest, AnOpenTrayGoesWithItsDrive) {
  ASSERT_EQ(rig_.Run("blockdev-open-tray", R"({"id": "cd1"})"),
            (Lines{MonitorRig::TrayEvent(true, "cd1"), kDone}));
  EXPECT_EQ(rig_.Run("device_del", R"({"id": "cd1"})"),
            (Lines{R"({"timestamp": {"seconds": 0, "microseconds": 0}, "event": "DEVICE_DELETED", )"
                   R"("data": {"device": "cd1", "path": "/machine/peripheral/cd1"}})",
                   kDone}))
      << "the tray has not moved";
}

TEST_F(CommandsDeviceTest, WhatCannotBePluggedIsRefused) {
  EXPECT_NE(rig_.Refusal("device_add", R"({"driver": "nosuch", "id": "x"})").find("'nosuch'"),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("device_add", R"({"driver": "virtio-blk", "id": "x", "drive": "none"})")
                .find("'none'"),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("device_add", R"({"driver": "virtio-blk", "id": "x", "drive": "vd"})")
                .find("'vd'"),
            std::string::npos);
  EXPECT_NE(
      rig_.Refusal("device_add", R"({"driver": "scsi-cd", "id": "x", "lun": 99999})").find("lun"),
      std::string::npos);
}

TEST_F(CommandsDeviceTest, IdeDrivesStayWhereTheyAre) {
  EXPECT_EQ(rig_.Refusal("device_del", R"({"id": "cd0"})"),
            "Bus 'ide.0' does not support hotplugging");
  EXPECT_EQ(rig_.Refusal("device_del", R"({"id": "hd0"})"),
            "Bus 'ide.1' does not support hotplugging");
  EXPECT_EQ(rig_.Refusal("device_add", R"({"driver": "ide-cd", "id": "x", "bus": "ide.1"})"),
            "Bus 'ide.1' does not support hotplugging");
}

TEST_F(CommandsDeviceTest, WhatIsNotThereCannotGo) {
  EXPECT_EQ(rig_.Refusal("DeviceNotFound", "device_del", R"({"id": "nosuch"})"),
            "Device 'nosuch' not found");
  EXPECT_NE(rig_.Refusal("device_del", R"({"id": "scsi0"})").find("'cd1'"), std::string::npos)
      << "the adapter has a unit";
  EXPECT_NE(rig_.Refusal("object-del", R"({"id": "nosuch"})").find("'nosuch'"), std::string::npos);
}

TEST_F(CommandsDeviceTest, ObjectsComeAndGo) {
  EXPECT_NE(rig_.Refusal("object-del", R"({"id": "t0"})").find("'vd0'"), std::string::npos);
  EXPECT_EQ(rig_.Run("object-add", R"({"qom-type": "iothread", "id": "t1"})"), Lines{kDone});
  EXPECT_NE(rig_.Refusal("object-add", R"({"qom-type": "iothread", "id": "t1"})").find("'t1'"),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("object-add", R"({"qom-type": "nosuch", "id": "x"})").find("'nosuch'"),
            std::string::npos);
  EXPECT_EQ(rig_.Run("object-del", R"({"id": "t1"})"), Lines{kDone});
}

}  // namespace
}  // namespace platter

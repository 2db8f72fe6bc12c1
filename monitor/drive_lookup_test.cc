// SPDX-License-Identifier: Apache-2.0

#include "monitor/drive_lookup.h"

#include "gtest/gtest.h"

#include "base/status.h"
#include "monitor/monitor_fixture.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

TEST(DriveLookupTest, FindsByEitherName) {
  MonitorRig rig;
  ASSERT_TRUE(BlockOn(rig.control(), rig.machine().BackendAdd("named", "disc-b", {})).ok());
  EXPECT_EQ((*FindDriveByName(rig.machine(), "named"))->name(), "named");
  EXPECT_EQ((*FindDriveById(rig.machine(), "cd0"))->attached_device(), "cd0");
  EXPECT_EQ((*FindDriveByName(rig.machine(), "cd0"))->attached_device(), "cd0");
}

TEST(DriveLookupTest, FindsWhatIsNoDeviceOfTheMachine) {
  MonitorRig rig;
  BlockBackendRef backend = *rig.machine().backends().Create("", {});
  ASSERT_TRUE(backend->Attach({.device_id = "e"}, {}).ok());
  EXPECT_EQ(*FindDriveById(rig.machine(), "e"), backend);
  backend->Detach();
  EXPECT_FALSE(FindDriveById(rig.machine(), "e").ok());
}

TEST(DriveLookupTest, SaysWhatThereIsNot) {
  MonitorRig rig;
  const absl::Status none = FindDriveById(rig.machine(), "nosuch").status();
  EXPECT_EQ(ErrorClassOf(none), QmpErrorClass::kDeviceNotFound);
  EXPECT_EQ(MessageOf(none), "Device 'nosuch' not found");
  EXPECT_EQ(ErrorClassOf(FindDriveByName(rig.machine(), "nosuch").status()),
            QmpErrorClass::kDeviceNotFound);
  const absl::Status adapter = FindDriveById(rig.machine(), "scsi0").status();
  EXPECT_EQ(ErrorClassOf(adapter), QmpErrorClass::kGenericError);
  EXPECT_EQ(MessageOf(adapter), "Device 'scsi0' does not have a block device backend");
}

}  // namespace
}  // namespace platter

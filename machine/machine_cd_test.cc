// SPDX-License-Identifier: Apache-2.0
//
// CD-ROM drives and SCSI units of a machine, from its configuration to their guest's commands.

#include <array>
#include <cerrno>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "machine/machine.h"
#include "machine/machine_fixture.h"
#include "testing/guest/atapi_driver.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_scsi_driver.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MachineCdTest, AnEmptyIdeDriveGetsADisc) {
  SimulatedWorld world(1);
  Rig rig(world);
  ASSERT_EQ(MessageOf(rig.AddNode("driver=memory,node-name=disc,size=1M,read-only=on")), "");
  ASSERT_EQ(MessageOf(rig.AddDevice("ide-cd,id=cd0")), "");
  AtapiDriver guest(rig.bus(), rig.IdePlaceOf("cd0"));
  ASSERT_TRUE(guest.IdentifyPacket().ok());
  EXPECT_TRUE(guest.ClearNews());
  EXPECT_EQ(guest.TestUnitReady().sense.code >> 8, 0x3a);

  const BlockBackendRef tray = rig.machine().BackendOfDevice("cd0");
  ASSERT_TRUE(rig.Run(tray->OpenTray(Force::kNo)).ok());
  ASSERT_EQ(MessageOf(rig.Run(tray->InsertMedium(rig.machine().graph().Find("disc")))), "");
  ASSERT_TRUE(rig.Run(tray->CloseTray()).ok());
  EXPECT_TRUE(guest.ClearNews());
  EXPECT_EQ(guest.ReadCapacity()->blocks, 512u);
  std::array<uint8_t, 4096> data;
  EXPECT_TRUE(guest.Read10(IdeWay::kDma, 510, data).ok());
  EXPECT_THAT(rig.events(), ElementsAre("DEVICE_TRAY_MOVED", "DEVICE_TRAY_MOVED"));
}

TEST(MachineCdTest, ADiskAndADriveShareAChannel) {
  SimulatedWorld world(1);
  Rig rig(world);
  ASSERT_EQ(MessageOf(rig.Configure(R"(
      blockdevs { node_name: "disk" memory { size: 1048576 } }
      blockdevs { node_name: "disc" memory { size: 2097152 } }
      devices { id: "hd0" ide_hd { drive: "disk" bus: IDE_BUS_1 } }
      devices { id: "cd0" ide_cd { drive: "disc" bus: IDE_BUS_1 serial: "DISC" } })")),
            "");
  IdeDriver disk(rig.bus(), rig.IdePlaceOf("hd0"));
  AtapiDriver drive(rig.bus(), rig.IdePlaceOf("cd0"));
  EXPECT_EQ(disk.Identify()->sectors, 2048u);
  EXPECT_EQ(drive.IdentifyPacket()->serial, "DISC");
  EXPECT_TRUE(drive.ClearNews());
  EXPECT_EQ(drive.ReadCapacity()->blocks, 1024u);
}

class MachineScsiTest : public testing::Test {
 protected:
  // A guest's driver of the adapter "scsi0", probed.
  void Probe() {
    const auto at = rig_.machine().LocationOf<VirtioMmioLocation>("scsi0");
    ASSERT_TRUE(at.ok()) << at.status();
    transport_ = std::make_unique<VirtioMmioDriver>(
        rig_.bus(), VirtioMmioDriver::Place{.base = at->mmio_base, .line = at->irq});
    driver_ =
        std::make_unique<VirtioScsiDriver>(rig_.bus(), *transport_, VirtioScsiDriver::Options{});
    const absl::Status probed = driver_->Probe();
    ASSERT_TRUE(probed.ok()) << probed;
  }
  VirtioScsiUnit Unit(const std::string& id) {
    const auto at = rig_.machine().LocationOf<ScsiLocation>(id);
    EXPECT_TRUE(at.ok()) << at.status();
    return {*driver_, guest::ScsiLunOf(at->target, at->lun)};
  }

  SimulatedWorld world_{1};
  Rig rig_{world_};
  std::unique_ptr<VirtioMmioDriver> transport_;
  std::unique_ptr<VirtioScsiDriver> driver_;
};

constexpr char kDiskAndDrive[] = R"(
    objects { id: "t0" iothread { poll_max_ns: 0 } }
    blockdevs { node_name: "disk" memory { size: 1048576 } }
    blockdevs { node_name: "disc" memory { size: 2097152 } }
    devices { id: "scsi0" virtio_scsi { iothread: "t0" } }
    devices { id: "sd0" scsi_hd { drive: "disk" bus: "scsi0.0" serial: "S" } }
    devices { id: "cd0" scsi_cd { drive: "disc" scsi_id: 5 lun: 2 } })";

TEST_F(MachineScsiTest, UnitsAnswerWhereTheyWerePut) {
  ASSERT_EQ(MessageOf(rig_.Configure(kDiskAndDrive)), "");
  Probe();
  EXPECT_EQ(rig_.machine().LocationOf<ScsiLocation>("sd0")->target, 0u);
  EXPECT_EQ(rig_.machine().LocationOf<ScsiLocation>("cd0")->target, 5u);
  VirtioScsiUnit disk = Unit("sd0");
  ASSERT_TRUE(ScsiInitiator(disk).ClearAttentions()->good());
  EXPECT_EQ(ScsiInitiator(disk).ReadCapacity10()->Number(0, 4), 2047u);
  VirtioScsiUnit drive = Unit("cd0");
  ASSERT_TRUE(ScsiInitiator(drive).ClearAttentions()->good());
  EXPECT_EQ(ScsiInitiator(drive).ReadCapacity10()->Number(0, 4), 1023u);
}

TEST_F(MachineScsiTest, AnAdapterGoesAfterItsUnits) {
  ASSERT_EQ(MessageOf(rig_.Configure(kDiskAndDrive)), "");
  const absl::Status refused = rig_.Run(rig_.machine().DeviceDel("scsi0"));
  EXPECT_EQ(MessageOf(refused), "device 'scsi0' has the unit 'sd0': unplug that first");
  EXPECT_EQ(ErrnoOf(refused), EBUSY);
  for (const char* id : {"sd0", "cd0", "scsi0"}) {
    EXPECT_EQ(MessageOf(rig_.Run(rig_.machine().DeviceDel(id))), "") << id;
  }
  EXPECT_THAT(rig_.events(),
              ElementsAre("DEVICE_DELETED sd0", "DEVICE_DELETED cd0", "DEVICE_DELETED scsi0"));
  EXPECT_EQ(MessageOf(rig_.AddDevice("scsi-hd,id=sd1,drive=disk")),
            "device 'sd1': the machine has no SCSI adapter");
}

TEST_F(MachineScsiTest, UnitsComeAndGoUnderARunningGuest) {
  ASSERT_EQ(MessageOf(rig_.Configure(kDiskAndDrive)), "");
  Probe();
  EXPECT_EQ(MessageOf(rig_.AddDevice("scsi-hd,id=sd1,drive=disc,scsi-id=0")),
            "device 'sd1': SCSI bus 'scsi0.0', scsi-id 0, lun 0 has a unit already");
  ASSERT_EQ(MessageOf(rig_.Run(rig_.machine().DeviceDel("sd0"))), "");
  EXPECT_THAT(MessageOf(rig_.machine().LocationOf<ScsiLocation>("sd0").status()),
              HasSubstr("'sd0'"));
  ASSERT_EQ(MessageOf(rig_.AddDevice("scsi-hd,id=sd1,drive=disk,logical_block_size=4096")), "");
  VirtioScsiUnit disk = Unit("sd1");
  ASSERT_TRUE(ScsiInitiator(disk).ClearAttentions()->good());
  EXPECT_EQ(ScsiInitiator(disk).ReadCapacity10()->Number(0, 4), 255u);
}

TEST_F(MachineScsiTest, AnEmptyRemovableDiskGetsAMedium) {
  ASSERT_EQ(MessageOf(rig_.Configure(R"(
      blockdevs { node_name: "zip" memory { size: 2097152 } }
      blockdevs { node_name: "odd" memory { size: 1049088 } }
      devices { id: "scsi0" virtio_scsi {} }
      devices { id: "rd0" scsi_hd { removable: true logical_block_size: 4096 } })")),
            "");
  Probe();
  VirtioScsiUnit disk = Unit("rd0");
  ScsiInitiator guest(disk);
  const auto put = [&](const char* node) {
    const BlockBackendRef tray = rig_.machine().BackendOfDevice("rd0");
    EXPECT_TRUE(rig_.Run(tray->OpenTray(Force::kNo)).ok());
    EXPECT_EQ(MessageOf(rig_.Run(tray->RemoveMedium())), "");
    EXPECT_EQ(MessageOf(rig_.Run(tray->InsertMedium(rig_.machine().graph().Find(node)))), "");
    EXPECT_TRUE(rig_.Run(tray->CloseTray()).ok());
    EXPECT_TRUE(guest.ClearAttentions().ok());
  };
  EXPECT_EQ(guest.ClearAttentions()->code(), 0x3a01);
  put("odd");
  EXPECT_EQ(guest.ReadCapacity10()->code(), 0x3000) << "not made of blocks of 4096 bytes";
  put("zip");
  EXPECT_EQ(guest.ReadCapacity10()->Number(0, 4), 511u);
  // The guest's own eject is told to the host.
  const auto ejected = guest.StartStopUnit(ScsiInitiator::StartStop::kEject);
  ASSERT_TRUE(ejected.ok());
  EXPECT_TRUE(ejected->good());
  EXPECT_EQ(rig_.events().size(), 5u);
  EXPECT_EQ(rig_.events().back(), "DEVICE_TRAY_MOVED");
  EXPECT_EQ(MessageOf(rig_.Run(rig_.machine().DeviceDel("rd0"))), "");
}

TEST_F(MachineScsiTest, EachMediumSaysWhetherItMayBeWritten) {
  ASSERT_EQ(MessageOf(rig_.Configure(R"(
      blockdevs { node_name: "protected" read_only: true memory { size: 2097152 } }
      blockdevs { node_name: "zip" memory { size: 2097152 } }
      devices { id: "scsi0" virtio_scsi {} }
      devices { id: "rd0" scsi_hd { removable: true drive: "protected" } })")),
            "");
  const BlockBackendRef tray = rig_.machine().BackendOfDevice("rd0");
  EXPECT_TRUE(tray->is_read_only());
  EXPECT_TRUE(rig_.Run(tray->OpenTray(Force::kNo)).ok());
  EXPECT_EQ(MessageOf(rig_.Run(tray->RemoveMedium())), "");
  EXPECT_EQ(MessageOf(rig_.Run(tray->InsertMedium(rig_.machine().graph().Find("zip")))), "");
  EXPECT_TRUE(rig_.Run(tray->CloseTray()).ok());
  EXPECT_FALSE(tray->is_read_only()) << "the medium before it was";
}

TEST_F(MachineScsiTest, AMachineResetReachesTheUnits) {
  ASSERT_EQ(MessageOf(rig_.Configure(kDiskAndDrive)), "");
  Probe();
  VirtioScsiUnit drive = Unit("cd0");
  ASSERT_TRUE(ScsiInitiator(drive).ClearAttentions()->good());
  ASSERT_TRUE(ScsiInitiator(drive).PreventAllow(ScsiInitiator::Removal::kPrevent)->good());
  const BlockBackendRef tray = rig_.machine().BackendOfDevice("cd0");
  EXPECT_EQ(ErrnoOf(rig_.Run(tray->Eject(Force::kNo))), EBUSY);
  rig_.Run(rig_.machine().Reset());
  driver_->Abandon();
  EXPECT_EQ(MessageOf(rig_.Run(tray->Eject(Force::kNo))), "");
}

}  // namespace
}  // namespace platter

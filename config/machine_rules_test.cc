// SPDX-License-Identifier: Apache-2.0

#include "config/machine_rules.h"

#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "config/parse.h"
#include "config/proto/machine.pb.h"

namespace platter {
namespace {

std::string Machine(const std::string& text) { return MessageOf(ParseMachineText(text).status()); }

TEST(MachineRules, AnEmptyMachineIsFine) { EXPECT_EQ(Machine(""), ""); }

TEST(MachineRules, NodesNeedNames) {
  EXPECT_EQ(Machine("blockdevs { null_co {} }"),
            "machine.blockdevs.0.node-name: missing: nothing could refer to the node");
}

TEST(MachineRules, NamesAreGivenOnce) {
  EXPECT_EQ(
      Machine("blockdevs { node_name: 'n' null_co {} } blockdevs { node_name: 'n' null_co {} }"),
      "machine.blockdevs.1.node-name: the node 'n' is there already");
  EXPECT_EQ(
      Machine("blockdevs { node_name: 'n' raw { file { definition { node_name: 'n' null_co {} } "
              "} } }"),
      "machine.blockdevs.0.node-name: the node 'n' is there already");
  EXPECT_EQ(Machine("objects { id: 't' iothread {} } objects { id: 't' iothread {} }"),
            "machine.objects.1.id: the object 't' is there already");
  EXPECT_EQ(Machine("devices { id: 'a' x_toy_drive {} } devices { id: 'a' x_toy_drive {} }"),
            "machine.devices.1.id: the device 'a' is there already");
  EXPECT_EQ(Machine("objects { id: 'a' iothread {} } blockdevs { node_name: 'a' null_co {} } "
                    "devices { id: 'a' x_toy_drive { drive: 'a' } }"),
            "");
}

TEST(MachineRules, ANodeRefersToEarlierOnesOnly) {
  EXPECT_EQ(Machine("blockdevs { node_name: 'top' raw { file { reference: 'low' } } } "
                    "blockdevs { node_name: 'low' null_co {} }"),
            "machine.blockdevs.0.file: there is no node 'low'");
  EXPECT_EQ(Machine("blockdevs { node_name: 'n' raw { file { reference: 'n' } } }"),
            "machine.blockdevs.0.file: there is no node 'n'");
  EXPECT_EQ(Machine("blockdevs { node_name: 'lower' null_co {} } "
                    "blockdevs { node_name: 'top' raw { file { reference: 'lowr' } } }"),
            "machine.blockdevs.1.file: there is no node 'lowr'; did you mean 'lower'?");
  EXPECT_EQ(Machine("blockdevs { node_name: 'top' raw { file { definition { raw { file { "
                    "reference: 'x1' } } } } } }"),
            "machine.blockdevs.0.file.file: there is no node 'x1'");
}

TEST(MachineRules, DrivesAndThreadsExist) {
  const std::string node = "blockdevs { node_name: 'disk' null_co {} } ";
  EXPECT_EQ(Machine("devices { virtio_blk { drive: 'disk' } }"),
            "machine.devices.0.drive: there is no node 'disk'");
  EXPECT_EQ(Machine(node + "devices { virtio_blk { drive: 'disc' } }"),
            "machine.devices.0.drive: there is no node 'disc'; did you mean 'disk'?");
  EXPECT_EQ(Machine("devices { x_toy_drive { drive: 'disk' } }"),
            "machine.devices.0.drive: there is no node 'disk'");
  EXPECT_EQ(Machine(node + "devices { virtio_blk { drive: 'disk' iothread: 't0' } }"),
            "machine.devices.0.iothread: there is no object 't0'");
  EXPECT_EQ(
      Machine(node + "objects { id: 't0' iothread {} } devices { virtio_blk { drive: 'disk' "
                     "iothread_vq_mapping { iothread: 't0' } "
                     "iothread_vq_mapping { iothread: 't9' } } }"),
      "machine.devices.0.iothread-vq-mapping.1.iothread: there is no object 't9'; did you mean "
      "'t0'?");
}

TEST(MachineRules, DrivesOfEveryKindExist) {
  for (const std::string device : {"ide_hd", "ide_cd", "scsi_hd", "scsi_cd"}) {
    EXPECT_EQ(Machine("devices { " + device + " { drive: 'disk' } }"),
              "machine.devices.0.drive: there is no node 'disk'");
  }
  EXPECT_EQ(Machine("devices { ide_cd {} } devices { virtio_scsi {} } devices { scsi_cd {} }"), "");
}

TEST(MachineRules, ABusIsThatOfAnEarlierAdapter) {
  const std::string adapter = "devices { id: 'scsi0' virtio_scsi {} } ";
  EXPECT_EQ(Machine(adapter + "devices { scsi_cd { bus: 'scsi0.0' } }"), "");
  EXPECT_EQ(Machine(adapter + "devices { scsi_cd { bus: 'scsi1.0' } }"),
            "machine.devices.1.bus: there is no SCSI bus 'scsi1.0'; did you mean 'scsi0.0'?");
  EXPECT_EQ(Machine("devices { scsi_cd { bus: 'scsi0.0' } } " + adapter),
            "machine.devices.0.bus: there is no SCSI bus 'scsi0.0'");
  EXPECT_EQ(Machine("blockdevs { node_name: 'n' null_co {} } "
                    "devices { scsi_hd { drive: 'n' bus: 'scsi0.0' } }"),
            "machine.devices.0.bus: there is no SCSI bus 'scsi0.0'");
  EXPECT_EQ(Machine("objects { id: 't0' iothread {} } "
                    "devices { virtio_scsi { iothread_vq_mapping { iothread: 't1' } } }"),
            "machine.devices.0.iothread-vq-mapping.0.iothread: there is no object 't1'; did you "
            "mean 't0'?");
}

}  // namespace
}  // namespace platter

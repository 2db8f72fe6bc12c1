// SPDX-License-Identifier: Apache-2.0
//
// Unplugging beside everything else that touches devices. Freed memory is overwritten here
// (MALLOC_PERTURB_ in BUILD.bazel), so that using it shows without a sanitizer too.

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "machine/machine.h"
#include "machine/machine_fixture.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MachineUnplugTest : public testing::Test {
 protected:
  HeldDevice& AddHeld(const std::string& id) {
    auto device = std::make_unique<HeldDevice>(id);
    HeldDevice& held = *device;
    EXPECT_TRUE(rig_.machine().AdoptDevice(std::move(device), nullptr).ok());
    return held;
  }
  void AddDisk(const std::string& id) {
    ASSERT_TRUE(
        rig_.AddNode("driver=null-aio,node-name=" + id + "-node,size=1M,latency-ns=1000000").ok());
    ASSERT_TRUE(rig_.AddDevice("virtio-blk,id=" + id + ",drive=" + id + "-node").ok());
  }

  SimulatedWorld world_{7};
  Rig rig_{world_};
};

TEST_F(MachineUnplugTest, ASecondUnplugIsRefusedAndTheFirstGoesOn) {
  AddDisk("vd0");
  Rig::Disk disk = rig_.Probe("vd0");
  rig_.LeaveARead(disk);
  std::optional<absl::Status> first;
  rig_.Start(rig_.machine().DeviceDel("vd0"), first);
  const absl::Status second = rig_.Run(rig_.machine().DeviceDel("vd0"));
  EXPECT_EQ(ErrnoOf(second), EBUSY) << second;
  EXPECT_THAT(MessageOf(second), HasSubstr("device 'vd0' is being unplugged"));
  world_.RunUntil([&] { return first.has_value(); });
  EXPECT_TRUE(first->ok()) << *first;
  world_.RunUntilIdle();
  EXPECT_THAT(rig_.events(), ElementsAre("DEVICE_DELETED vd0"));
  EXPECT_EQ(ErrnoOf(rig_.Run(rig_.machine().DeviceDel("vd0"))), ENODEV);
}

TEST_F(MachineUnplugTest, TheIdIsTakenUntilTheDeviceIsGone) {
  HeldDevice& held = AddHeld("dev");
  std::optional<absl::Status> deleted;
  rig_.Start(rig_.machine().DeviceDel("dev"), deleted);
  world_.RunUntilIdle();
  EXPECT_EQ(ErrnoOf(rig_.machine().AdoptDevice(std::make_unique<HeldDevice>("dev"), nullptr)),
            EEXIST);
  held.Release();
  world_.RunUntil([&] { return deleted.has_value(); });
  AddDisk("dev");
}

// Nor is it free before everybody has heard of it: flushing the old medium may take its time.
TEST_F(MachineUnplugTest, TheIdIsTakenUntilItIsTold) {
  AddDisk("vd0");
  ASSERT_TRUE(rig_.AddNode("driver=memory,node-name=n1,size=1M").ok());
  std::optional<absl::Status> deleted;
  rig_.Start(rig_.machine().DeviceDel("vd0"), deleted);
  world_.RunUntil([&] { return rig_.machine().FindDevice("vd0") == nullptr; });
  ASSERT_THAT(rig_.events(), IsEmpty()) << "it is flushed first";
  EXPECT_EQ(ErrnoOf(rig_.AddDevice("virtio-blk,id=vd0,drive=n1")), EBUSY);
  world_.RunUntil([&] { return deleted.has_value(); });
  EXPECT_THAT(rig_.events(), ElementsAre("DEVICE_DELETED vd0"));
  EXPECT_TRUE(rig_.AddDevice("virtio-blk,id=vd0,drive=n1").ok());
}

// Each drains the node, and with it the drives of the others.
TEST_F(MachineUnplugTest, SeveralDisksOfOneNodeAtOnce) {
  for (int round = 0; round < 3; ++round) {
    const std::string node = "shared" + std::to_string(round);
    ASSERT_TRUE(
        rig_.AddNode("driver=null-aio,read-only=on,size=1M,latency-ns=1000000,node-name=" + node)
            .ok());
    std::vector<std::optional<absl::Status>> deleted(4);
    for (size_t i = 0; i < deleted.size(); ++i) {
      ASSERT_TRUE(rig_.AddDevice("virtio-blk,id=v" + std::to_string(i) + ",drive=" + node).ok());
    }
    Rig::Disk disk = rig_.Probe("v3");
    rig_.LeaveARead(disk);
    // All but one at once; then the last, while another section drains its node.
    for (size_t i = 0; i + 1 < deleted.size(); ++i) {
      rig_.Start(rig_.machine().DeviceDel("v" + std::to_string(i)), deleted[i]);
      if (round == 1) world_.RunFor(std::chrono::microseconds(200));
    }
    std::optional<absl::Status> threshold;
    rig_.Start(rig_.machine().SetWriteThreshold(node, 1), threshold);
    rig_.Start(rig_.machine().DeviceDel("v3"), deleted[3]);
    world_.RunFor(std::chrono::seconds(1));
    for (size_t i = 0; i < deleted.size(); ++i) {
      ASSERT_TRUE(deleted[i].has_value()) << i;
      EXPECT_TRUE(deleted[i]->ok()) << i << *deleted[i];
    }
    EXPECT_TRUE(threshold.has_value());
    EXPECT_TRUE(rig_.Run(rig_.machine().BlockdevDel(node)).ok());
  }
}

TEST_F(MachineUnplugTest, C_19_NoUnitComesToAnAdapterThatIsBeingUnplugged) {
  ASSERT_TRUE(rig_.AddNode("driver=memory,node-name=n1,size=1M").ok());
  ASSERT_TRUE(rig_.AddDevice("virtio-scsi,id=s0").ok());
  std::optional<absl::Status> deleted;
  rig_.Start(rig_.machine().DeviceDel("s0"), deleted);
  ASSERT_FALSE(deleted.has_value());
  EXPECT_EQ(MessageOf(rig_.AddDevice("scsi-hd,id=d0,bus=s0.0,drive=n1")),
            "device 'd0': SCSI bus 's0.0': device 's0' is being unplugged");
  EXPECT_EQ(ErrnoOf(rig_.AddDevice("scsi-hd,id=d0,drive=n1")), ENOENT);
  world_.RunUntil([&] { return deleted.has_value(); });
  EXPECT_TRUE(deleted->ok());
  EXPECT_EQ(rig_.machine().FindDevice("d0"), nullptr);
}

TEST_F(MachineUnplugTest, ShutdownWaitsForAnUnplugUnderWay) {
  HeldDevice& held = AddHeld("dev");
  std::optional<absl::Status> deleted;
  rig_.Start(rig_.machine().DeviceDel("dev"), deleted);
  world_.RunUntilIdle();
  bool down = false;
  rig_.Start(rig_.machine().Shutdown(), down);
  world_.RunUntilIdle();
  EXPECT_FALSE(down);
  EXPECT_EQ(held.held(), 1u) << "unplugged twice";
  held.Release();
  world_.RunUntil([&] { return down && deleted.has_value(); });
  EXPECT_TRUE(deleted->ok()) << *deleted;
  EXPECT_THAT(rig_.events(), ElementsAre("DEVICE_DELETED dev"));
}

TEST_F(MachineUnplugTest, AResetOverlooksADeviceThatGoesMeanwhile) {
  HeldDevice& held = AddHeld("dev");
  AddDisk("vd0");
  bool reset = false;
  rig_.Start(rig_.machine().Reset(), reset);
  world_.RunUntilIdle();
  EXPECT_TRUE(rig_.Run(rig_.machine().DeviceDel("vd0")).ok());
  held.Release();
  world_.RunUntil([&] { return reset; });
  EXPECT_THAT(rig_.events(), ElementsAre("DEVICE_DELETED vd0", "RESET"));
  std::optional<absl::Status> deleted;
  rig_.Start(rig_.machine().DeviceDel("dev"), deleted);
  world_.RunUntilIdle();
  held.Release();
  world_.RunUntil([&] { return deleted.has_value(); });
}

// What is in flight there may still touch the guest's memory.
TEST_F(MachineUnplugTest, AResetWaitsForADeviceThatIsBeingUnplugged) {
  HeldDevice& held = AddHeld("dev");
  std::optional<absl::Status> deleted;
  rig_.Start(rig_.machine().DeviceDel("dev"), deleted);
  world_.RunUntilIdle();
  bool reset = false;
  rig_.Start(rig_.machine().Reset(), reset);
  world_.RunUntilIdle();
  EXPECT_FALSE(reset);
  EXPECT_EQ(held.held(), 1u) << "reset although it goes";
  held.Release();
  world_.RunUntil([&] { return reset && deleted.has_value(); });
  EXPECT_THAT(rig_.events(), ElementsAre("DEVICE_DELETED dev", "RESET"));
}

TEST_F(MachineUnplugTest, AStopDoesNotAskADeviceThatIsBeingUnplugged) {
  HeldDevice& held = AddHeld("dev");
  std::optional<absl::Status> deleted;
  rig_.Start(rig_.machine().DeviceDel("dev"), deleted);
  world_.RunUntilIdle();
  rig_.Run(rig_.machine().Stop());
  EXPECT_EQ(held.held(), 1u) << "paused although it goes";
  EXPECT_TRUE(rig_.Run(rig_.machine().Cont()).ok());
  held.Release();
  world_.RunUntil([&] { return deleted.has_value(); });
}

TEST_F(MachineUnplugTest, ShutdownDropsEveryNodeParentsFirst) {
  ASSERT_TRUE(rig_.AddNode("driver=memory,node-name=a,size=1M").ok());
  ASSERT_TRUE(rig_.AddNode("driver=raw,node-name=b,file=a").ok());
  ASSERT_TRUE(rig_.AddNode("driver=raw,node-name=c,file=b").ok());
  ASSERT_TRUE(rig_.AddDevice("virtio-blk,id=vd0,drive=c").ok());
  ASSERT_TRUE(rig_.Run(rig_.machine().BackendAdd("drive0", "", {})).ok());
  rig_.Run(rig_.machine().Shutdown());
  EXPECT_THAT(rig_.machine().graph().Nodes(), IsEmpty());
  EXPECT_THAT(rig_.log().Lines(), IsEmpty());
}

}  // namespace
}  // namespace platter

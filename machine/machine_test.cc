// SPDX-License-Identifier: Apache-2.0

#include "machine/machine.h"

#include <cerrno>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "machine/machine_fixture.h"
#include "testing/guest/virtio_blk_driver.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MachineTest : public testing::Test {
 protected:
  SimulatedWorld world_{7};
};

TEST_F(MachineTest, AConfiguredDiskServesItsGuest) {
  Rig rig(world_);
  ASSERT_TRUE(rig.Configure(kOneDisk).ok());
  Rig::Disk disk = rig.Probe("vd0");
  EXPECT_EQ(disk.driver->info().capacity_sectors, 2048u);
  const std::vector<uint8_t> data(4096, 0x5a);
  EXPECT_EQ(*disk.driver->Write(8, data), guest::kBlkOk);
  std::vector<uint8_t> back(4096);
  EXPECT_EQ(*disk.driver->Read(8, back), guest::kBlkOk);
  EXPECT_EQ(back, data);
  EXPECT_EQ(*disk.driver->GetId(), "S");
}

TEST_F(MachineTest, TwoMachinesShareNothing) {
  Rig one(world_);
  Rig two(world_);
  ASSERT_TRUE(one.Configure(kOneDisk).ok());
  ASSERT_TRUE(two.Configure(kOneDisk).ok());
  Rig::Disk first = one.Probe("vd0");
  Rig::Disk second = two.Probe("vd0");
  const std::vector<uint8_t> data(512, 1);
  EXPECT_EQ(*first.driver->Write(0, data), guest::kBlkOk);
  std::vector<uint8_t> back(512, 9);
  EXPECT_EQ(*second.driver->Read(0, back), guest::kBlkOk);
  EXPECT_THAT(back, testing::Each(0));
  one.Run(one.machine().Stop());
  EXPECT_EQ(two.machine().state(), MachineState::kRunning);
}

TEST_F(MachineTest, WhileStoppedNothingReachesTheDiskAndContServesIt) {
  Rig rig(world_);
  ASSERT_TRUE(rig.Configure(kOneDisk).ok());
  Rig::Disk disk = rig.Probe("vd0");
  rig.Run(rig.machine().Stop());
  EXPECT_EQ(rig.machine().state(), MachineState::kPaused);
  const uint64_t buffer = *rig.bus().Allocate(512, 512);
  const GuestSegment segment{.address = buffer, .bytes = 512};
  BlkCommand command;
  command.data = std::span(&segment, 1);
  ASSERT_TRUE(disk.driver->Submit(0, command, 1));
  disk.driver->Kick(0);
  rig.bus().RunFor(std::chrono::seconds(1));
  disk.driver->HandleInterrupts();
  EXPECT_EQ(disk.driver->in_flight(), 1u);
  EXPECT_TRUE(rig.Run(rig.machine().Cont()).ok());
  EXPECT_TRUE(disk.driver->WaitUntil([&] { return disk.driver->in_flight() == 0; },
                                     std::chrono::seconds(1)));
  EXPECT_THAT(rig.events(), ElementsAre("STOP", "RESUME"));
}

TEST_F(MachineTest, AnErrorStopsTheMachineAndContTriesAgain) {
  Rig rig(world_);
  ASSERT_TRUE(rig.AddNode("driver=blkdebug,node-name=n0,image.driver=memory,image.size=1M,"
                          "inject-error.0.event=none,inject-error.0.iotype=write,"
                          "inject-error.0.errno=28,inject-error.0.once=on")
                  .ok());
  ASSERT_TRUE(rig.AddDevice("virtio-blk,id=vd0,drive=n0,werror=stop").ok());
  Rig::Disk disk = rig.Probe("vd0");
  const uint64_t buffer = *rig.bus().Allocate(512, 512);
  const std::vector<uint8_t> data(512, 0x77);
  ASSERT_TRUE(rig.bus().Write(buffer, data));
  const GuestSegment segment{.address = buffer, .bytes = 512};
  BlkCommand command;
  command.type = guest::kBlkOut;
  command.sector = 3;
  command.data = std::span(&segment, 1);
  ASSERT_TRUE(disk.driver->Submit(0, command, 1));
  disk.driver->Kick(0);
  world_.RunUntil([&] { return rig.machine().state() == MachineState::kIoError; });
  EXPECT_EQ(rig.machine().BackendOfDevice("vd0")->iostatus(), IoStatus::kNospace);
  EXPECT_TRUE(rig.Run(rig.machine().Cont()).ok());
  EXPECT_TRUE(disk.driver->WaitUntil([&] { return disk.driver->in_flight() == 0; },
                                     std::chrono::seconds(1)));
  EXPECT_EQ(rig.machine().BackendOfDevice("vd0")->iostatus(), IoStatus::kOk);
  EXPECT_THAT(rig.events(), ElementsAre("BLOCK_IO_ERROR vd0 stop", "STOP", "RESUME"));
  std::vector<uint8_t> back(512);
  EXPECT_EQ(*disk.driver->Read(3, back), guest::kBlkOk);
  EXPECT_EQ(back, data);
}

TEST_F(MachineTest, C_19_HotPlugAndUnplugUnderIo) {
  Rig rig(world_);
  ASSERT_TRUE(rig.AddNode("driver=null-aio,node-name=n0,size=1M,latency-ns=1000000").ok());
  ASSERT_TRUE(rig.AddDevice("virtio-blk,id=vd0,drive=n0").ok());
  Rig::Disk disk = rig.Probe("vd0");
  const uint64_t buffer = *rig.bus().Allocate(512, 512);
  const GuestSegment segment{.address = buffer, .bytes = 512};
  BlkCommand command;
  command.data = std::span(&segment, 1);
  ASSERT_TRUE(disk.driver->Submit(0, command, 1));
  disk.driver->Kick(0);
  ASSERT_TRUE(rig.Run(rig.machine().DeviceDel("vd0")).ok());
  EXPECT_EQ(rig.machine().FindDevice("vd0"), nullptr);
  EXPECT_THAT(rig.events(), ElementsAre("DEVICE_DELETED vd0"));
  EXPECT_EQ(rig.bus().ReadRegister(RegisterSpace::kMmio, kVirtioMmioBase, 4), 0xffffffffu);
  // The node is free again, for another device in the same slot.
  ASSERT_TRUE(rig.AddDevice("virtio-blk,id=vd1,drive=n0").ok());
  EXPECT_EQ(rig.machine().LocationOf<VirtioMmioLocation>("vd1")->mmio_base, kVirtioMmioBase);
  EXPECT_EQ(rig.Probe("vd1").driver->info().capacity_sectors, 2048u);
}

TEST_F(MachineTest, ResetMakesDevicesNew) {
  Rig rig(world_);
  ASSERT_TRUE(rig.Configure(kOneDisk).ok());
  Rig::Disk disk = rig.Probe("vd0");
  const uint64_t status = kVirtioMmioBase + 0x70;
  EXPECT_NE(rig.bus().ReadRegister(RegisterSpace::kMmio, status, 4), 0u);
  BlockOn(rig.machine().control(), rig.machine().Reset());
  EXPECT_EQ(rig.bus().ReadRegister(RegisterSpace::kMmio, status, 4), 0u);
  EXPECT_THAT(rig.events(), ElementsAre("RESET"));
}

TEST_F(MachineTest, NamedBackendsTakeOneDevice) {
  Rig rig(world_);
  ASSERT_TRUE(rig.AddNode("driver=null-co,node-name=n0").ok());
  ASSERT_TRUE(rig.Run(rig.machine().BackendAdd("drive0", "n0", {})).ok());
  ASSERT_TRUE(rig.AddDevice("virtio-blk,id=vd0,drive=drive0").ok());
  const absl::Status second = rig.AddDevice("virtio-blk,id=vd1,drive=drive0");
  EXPECT_EQ(ErrnoOf(second), EBUSY);
  EXPECT_THAT(MessageOf(second), HasSubstr("vd0"));
  EXPECT_EQ(rig.machine().FindDevice("vd1"), nullptr);
}

TEST_F(MachineTest, MistakesAreNamedAndLeaveNothing) {
  Rig rig(world_);
  ASSERT_TRUE(rig.AddNode("driver=null-co,node-name=n0").ok());
  EXPECT_THAT(MessageOf(rig.AddDevice("virtio-blk,id=vd0,drive=nix")), HasSubstr("'nix'"));
  EXPECT_THAT(MessageOf(rig.AddDevice("virtio-blk,id=vd0,drive=n0,iothread=t9")),
              HasSubstr("'t9'"));
  EXPECT_EQ(ErrnoOf(rig.AddNode("driver=null-co,node-name=n0")), EEXIST);
  EXPECT_EQ(ErrnoOf(rig.Run(rig.machine().DeviceDel("vd0"))), ENODEV);
  EXPECT_THAT(MessageOf(rig.AddDevice("x-toy-drive,id=toy")), HasSubstr("toy"));
  // The failed attempts hold nothing: the node can be deleted.
  EXPECT_TRUE(rig.Run(rig.machine().BlockdevDel("n0")).ok());
}

TEST_F(MachineTest, TheSameNodeForTwoDevicesNeedsShareRw) {
  Rig rig(world_);
  ASSERT_TRUE(rig.AddNode("driver=null-co,node-name=n0").ok());
  ASSERT_TRUE(rig.AddDevice("virtio-blk,id=vd0,drive=n0").ok());
  const absl::Status second = rig.AddDevice("virtio-blk,id=vd1,drive=n0");
  EXPECT_EQ(ErrnoOf(second), EBUSY);
  EXPECT_EQ(rig.machine().FindDevice("vd1"), nullptr);
  EXPECT_EQ(ErrnoOf(rig.Run(rig.machine().BlockdevDel("n0"))), EBUSY);
}

TEST_F(MachineTest, TwoDevicesShareANodeWhenBothMay) {
  Rig rig(world_);
  ASSERT_TRUE(rig.AddNode("driver=memory,node-name=n0,size=1M").ok());
  ASSERT_TRUE(rig.AddDevice("virtio-blk,id=vd0,drive=n0,share-rw=on").ok());
  const absl::Status second = rig.AddDevice("virtio-blk,id=vd1,drive=n0,share-rw=on");
  ASSERT_TRUE(second.ok()) << second;
  Rig::Disk first = rig.Probe("vd0");
  Rig::Disk other = rig.Probe("vd1");
  const std::vector<uint8_t> data(512, 0x42);
  EXPECT_EQ(*first.driver->Write(5, data), guest::kBlkOk);
  std::vector<uint8_t> back(512);
  EXPECT_EQ(*other.driver->Read(5, back), guest::kBlkOk);
  EXPECT_EQ(back, data);
}

}  // namespace
}  // namespace platter

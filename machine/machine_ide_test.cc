// SPDX-License-Identifier: Apache-2.0
//
// IDE drives of a machine: where they are, and how they come and go.

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "machine/machine.h"
#include "machine/machine_fixture.h"
#include "testing/guest/ide_driver.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kTwoDisks[] = R"(
    blockdevs { node_name: "n0" memory { size: 1048576 } }
    blockdevs { node_name: "n1" memory { size: 2097152 } }
    devices { id: "hd0" ide_hd { drive: "n0" serial: "FIRST" } }
    devices { id: "hd1" ide_hd { drive: "n1" serial: "SECOND" } })";

TEST(MachineIdeTest, TwoDisksShareAChannel) {
  SimulatedWorld world(1);
  Rig rig(world);
  ASSERT_EQ(MessageOf(rig.Configure(kTwoDisks)), "");
  IdeDriver first(rig.bus(), rig.IdePlaceOf("hd0"));
  IdeDriver second(rig.bus(), rig.IdePlaceOf("hd1"));
  EXPECT_EQ(rig.machine().LocationOf<IdeLocation>("hd1")->unit, 1u);
  EXPECT_EQ(first.Identify()->serial, "FIRST");
  EXPECT_EQ(second.Identify()->serial, "SECOND");
  EXPECT_EQ(second.Identify()->sectors, 4096u);
  std::array<uint8_t, 4096> data;
  data.fill(0x5a);
  ASSERT_TRUE(first.Write(IdeWay::kDma, 8, data)->ok());
  data.fill(0xa5);
  ASSERT_TRUE(second.Write(IdeWay::kPio, 8, data)->ok());
  ASSERT_TRUE(first.Read(IdeWay::kPio, 8, data)->ok());
  EXPECT_EQ(data[4095], 0x5a);
}

TEST(MachineIdeTest, ADiskGoesAndAnotherTakesItsPlace) {
  SimulatedWorld world(1);
  Rig rig(world);
  ASSERT_EQ(MessageOf(rig.Configure(kTwoDisks)), "");
  const IdeDriver::Place place = rig.IdePlaceOf("hd0");
  ASSERT_TRUE(rig.Run(rig.machine().DeviceDel("hd0")).ok());
  EXPECT_THAT(rig.events(), ElementsAre("DEVICE_DELETED hd0"));
  EXPECT_EQ(ErrnoOf(rig.machine().LocationOf<IdeLocation>("hd0").status()), ENODEV);
  IdeDriver second(rig.bus(), rig.IdePlaceOf("hd1"));
  EXPECT_EQ(second.Identify()->serial, "SECOND");
  ASSERT_EQ(MessageOf(rig.AddDevice("ide-hd,id=hd2,drive=n0,serial=THIRD")), "");
  EXPECT_EQ(rig.IdePlaceOf("hd2").command, place.command);
  EXPECT_EQ(rig.IdePlaceOf("hd2").unit, place.unit);
  IdeDriver third(rig.bus(), rig.IdePlaceOf("hd2"));
  EXPECT_EQ(third.Identify()->serial, "THIRD");
}

TEST(MachineIdeTest, PlacesAreAskedForAndRefused) {
  SimulatedWorld world(1);
  Rig rig(world);
  ASSERT_EQ(MessageOf(rig.Configure(kTwoDisks)), "");
  ASSERT_EQ(MessageOf(rig.AddNode("driver=memory,node-name=n2,size=1M")), "");
  EXPECT_EQ(MessageOf(rig.AddDevice("ide-hd,id=hd2,drive=n2,bus=ide.0,unit=1")),
            "device 'hd2': bus 'ide.0', unit 1 has a drive already");
  ASSERT_EQ(MessageOf(rig.AddDevice("ide-hd,id=hd2,drive=n2,bus=ide.1,unit=1")), "");
  EXPECT_EQ(rig.IdePlaceOf("hd2").line, 15u);
  EXPECT_EQ(rig.IdePlaceOf("hd2").unit, 1u);
  EXPECT_EQ(ErrnoOf(rig.machine().LocationOf<VirtioMmioLocation>("hd2").status()), ENODEV);
}

// The refused drive leaves neither its backend nor a place taken.
TEST(MachineIdeTest, ARefusedDiskLeavesNothing) {
  SimulatedWorld world(1);
  Rig rig(world);
  ASSERT_EQ(MessageOf(rig.AddNode("driver=memory,node-name=n0,size=1M")), "");
  EXPECT_THAT(MessageOf(rig.AddDevice("ide-hd,id=hd0,drive=n0,rerror=enospc")),
              HasSubstr("rerror 'enospc' is only for writes"));
  ASSERT_EQ(MessageOf(rig.AddDevice("ide-hd,id=hd0,drive=n0")), "");
  EXPECT_EQ(rig.IdePlaceOf("hd0").unit, 0u);
}

TEST(MachineIdeTest, AMachineResetReachesTheDrives) {
  SimulatedWorld world(1);
  Rig rig(world);
  ASSERT_EQ(MessageOf(rig.Configure(kTwoDisks)), "");
  IdeDriver first(rig.bus(), rig.IdePlaceOf("hd0"));
  ASSERT_TRUE(first.Identify().ok());
  rig.Run(rig.machine().Reset());
  EXPECT_EQ(first.Identify()->serial, "FIRST");
  EXPECT_THAT(rig.events(), ElementsAre("RESET"));
}

// What is done again after an error is that drive's own request, whatever the other one did.
TEST(MachineIdeTest, C_03_EachDriveRetriesItsOwnRequest) {
  SimulatedWorld world(1);
  Rig rig(world);
  ASSERT_EQ(MessageOf(rig.Configure(R"(
      blockdevs { node_name: "n0" memory { size: 1048576 } }
      blockdevs { node_name: "n1" blkdebug {
        image { definition { memory { size: 1048576 } } }
        inject_error { event: BLKDEBUG_EVENT_NONE iotype: BLKDEBUG_IO_TYPE_READ once: true } } }
      devices { id: "hd0" ide_hd { drive: "n0" rerror: ERROR_POLICY_STOP } }
      devices { id: "hd1" ide_hd { drive: "n1" rerror: ERROR_POLICY_STOP } })")),
            "");
  IdeDriver first(rig.bus(), rig.IdePlaceOf("hd0"));
  IdeDriver second(rig.bus(), rig.IdePlaceOf("hd1"));
  std::array<uint8_t, 512> ones;
  ones.fill(0x11);
  std::array<uint8_t, 512> twos;
  twos.fill(0x22);
  ASSERT_TRUE(first.Write(IdeWay::kDma, 9, ones)->ok());
  ASSERT_TRUE(second.Write(IdeWay::kDma, 9, twos)->ok());
  ASSERT_TRUE(first.Read(IdeWay::kDma, 9, ones)->ok());

  const uint64_t buffer = *rig.bus().Allocate(512, 512);
  IdeCommand read = second.Transfer(IdeWay::kPio, /*write=*/false, 9, 512);
  read.buffer = buffer;
  second.Start(read);
  rig.bus().RunFor(std::chrono::seconds(1));
  EXPECT_EQ(rig.machine().state(), MachineState::kIoError);
  EXPECT_FALSE(second.Poll().has_value());
  EXPECT_TRUE(rig.Run(rig.machine().Cont()).ok());
  std::optional<IdeAnswer> answer;
  ASSERT_TRUE(rig.bus().WaitFor([&] { return (answer = second.Poll()).has_value(); },
                                std::chrono::seconds(60)));
  EXPECT_TRUE(answer->ok());
  std::array<uint8_t, 512> seen{};
  ASSERT_TRUE(rig.bus().Read(buffer, seen));
  EXPECT_EQ(seen, twos);
  ASSERT_TRUE(first.Read(IdeWay::kPio, 9, seen)->ok());
  EXPECT_EQ(seen, ones);
  EXPECT_THAT(rig.events(), ElementsAre("BLOCK_IO_ERROR hd1 stop", "STOP", "RESUME"));
}

}  // namespace
}  // namespace platter

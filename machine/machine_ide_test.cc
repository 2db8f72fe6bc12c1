// SPDX-License-Identifier: Apache-2.0
//
// IDE drives of a machine: where they are, and how they come and go.

#include <array>
#include <cerrno>
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

IdeDriver::Place PlaceOf(Machine& machine, const std::string& id) {
  const absl::StatusOr<IdeLocation> at = machine.LocationOf<IdeLocation>(id);
  EXPECT_TRUE(at.ok()) << at.status();
  return {.command = at->command,
          .control = at->control,
          .bus_master = at->bus_master,
          .line = at->irq,
          .unit = at->unit};
}

constexpr char kTwoDisks[] = R"(
    blockdevs { node_name: "n0" memory { size: 1048576 } }
    blockdevs { node_name: "n1" memory { size: 2097152 } }
    devices { id: "hd0" ide_hd { drive: "n0" serial: "FIRST" } }
    devices { id: "hd1" ide_hd { drive: "n1" serial: "SECOND" } })";

TEST(MachineIdeTest, TwoDisksShareAChannel) {
  SimulatedWorld world(1);
  Rig rig(world);
  ASSERT_EQ(MessageOf(rig.Configure(kTwoDisks)), "");
  IdeDriver first(rig.bus(), PlaceOf(rig.machine(), "hd0"));
  IdeDriver second(rig.bus(), PlaceOf(rig.machine(), "hd1"));
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
  const IdeDriver::Place place = PlaceOf(rig.machine(), "hd0");
  ASSERT_TRUE(rig.Run(rig.machine().DeviceDel("hd0")).ok());
  EXPECT_THAT(rig.events(), ElementsAre("DEVICE_DELETED hd0"));
  EXPECT_EQ(ErrnoOf(rig.machine().LocationOf<IdeLocation>("hd0").status()), ENODEV);
  IdeDriver second(rig.bus(), PlaceOf(rig.machine(), "hd1"));
  EXPECT_EQ(second.Identify()->serial, "SECOND");
  ASSERT_EQ(MessageOf(rig.AddDevice("ide-hd,id=hd2,drive=n0,serial=THIRD")), "");
  EXPECT_EQ(PlaceOf(rig.machine(), "hd2").command, place.command);
  EXPECT_EQ(PlaceOf(rig.machine(), "hd2").unit, place.unit);
  IdeDriver third(rig.bus(), PlaceOf(rig.machine(), "hd2"));
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
  EXPECT_EQ(PlaceOf(rig.machine(), "hd2").line, 15u);
  EXPECT_EQ(PlaceOf(rig.machine(), "hd2").unit, 1u);
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
  EXPECT_EQ(PlaceOf(rig.machine(), "hd0").unit, 0u);
}

TEST(MachineIdeTest, AMachineResetReachesTheDrives) {
  SimulatedWorld world(1);
  Rig rig(world);
  ASSERT_EQ(MessageOf(rig.Configure(kTwoDisks)), "");
  IdeDriver first(rig.bus(), PlaceOf(rig.machine(), "hd0"));
  ASSERT_TRUE(first.Identify().ok());
  rig.Run(rig.machine().Reset());
  EXPECT_EQ(first.Identify()->serial, "FIRST");
  EXPECT_THAT(rig.events(), ElementsAre("RESET"));
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// What a configuration that fails leaves behind (nothing of its own) and what it leaves alone (all
// that was there before).

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "machine/machine.h"
#include "machine/machine_fixture.h"
#include "testing/guest/virtio_blk_driver.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MachineConfigureTest : public testing::Test {
 protected:
  SimulatedWorld world_{7};
};

TEST_F(MachineConfigureTest, AFailureLeavesNothing) {
  Rig rig(world_);
  const absl::Status failed = rig.Configure(R"(
      blockdevs { node_name: "n0" memory { size: 1048576 } }
      devices { id: "vd0" virtio_blk { drive: "n0" } }
      devices { id: "vd1" virtio_blk { drive: "n0" } })");
  EXPECT_EQ(ErrnoOf(failed), EBUSY) << failed;
  EXPECT_EQ(rig.machine().FindDevice("vd0"), nullptr);
  EXPECT_EQ(rig.machine().graph().Find("n0"), nullptr);
}

// `drive` of the second device decides whether it can be made.
std::string TwoDisks(const std::string& drive) {
  return R"(
      objects { id: "t0" iothread { poll_max_ns: 0 } }
      objects { id: "t1" iothread { poll_max_ns: 0 } }
      blockdevs { node_name: "a" memory { size: 1048576 } }
      blockdevs { node_name: "b" raw { file { reference: "a" } } }
      blockdevs { node_name: "c" raw { file { reference: "b" } } }
      blockdevs { node_name: "d" memory { size: 1048576 } }
      devices { virtio_blk { drive: "c" iothread: "t0" } }
      devices { id: "vd1" virtio_blk { iothread: "t1" drive: ")" +
         drive + "\" } }";
}

TEST_F(MachineConfigureTest, ACorrectedConfigurationWorksAfterAFailedOne) {
  Rig rig(world_);
  // The first device does not share its node.
  EXPECT_EQ(ErrnoOf(rig.Configure(TwoDisks("c"))), EBUSY);
  EXPECT_THAT(rig.machine().graph().Nodes(), IsEmpty());
  EXPECT_EQ(ErrnoOf(rig.machine().FindIoContext("t0").status()), ENOENT);
  EXPECT_EQ(rig.contexts().dropped(), 2);
  EXPECT_THAT(rig.log().Lines(), IsEmpty());

  const absl::Status corrected = rig.Configure(TwoDisks("d"));
  ASSERT_TRUE(corrected.ok()) << corrected;
  Rig::Disk disk = rig.Probe("vd1");
  EXPECT_EQ(*disk.driver->Write(8, std::vector<uint8_t>(512, 0x5a)), guest::kBlkOk);
}

TEST_F(MachineConfigureTest, AFailureLeavesAloneWhatWasThere) {
  Rig rig(world_);
  ASSERT_TRUE(rig.Configure(kOneDisk).ok());
  ASSERT_TRUE(rig.AddNode("driver=null-co,node-name=n1").ok());
  ASSERT_TRUE(rig.Run(rig.machine().BackendAdd("drive0", "n1", {})).ok());
  Rig::Disk disk = rig.Probe("vd0");

  EXPECT_EQ(ErrnoOf(rig.Configure(R"(
      objects { id: "t1" iothread { poll_max_ns: 0 } }
      objects { id: "t0" iothread { poll_max_ns: 0 } })")),
            EEXIST);
  EXPECT_EQ(ErrnoOf(rig.Configure(R"(
      blockdevs { node_name: "low" memory { size: 1048576 } }
      blockdevs { node_name: "over" raw { file { reference: "low" } } }
      blockdevs { node_name: "n1" null_co { } })")),
            EEXIST);
  EXPECT_EQ(ErrnoOf(rig.Configure(R"(
      blockdevs { node_name: "n2" null_co { } }
      blockdevs { node_name: "n3" null_co { } }
      devices { id: "vd1" virtio_blk { drive: "n2" } }
      devices { id: "vd0" virtio_blk { drive: "n3" } })")),
            EEXIST);

  EXPECT_THAT(rig.events(), ElementsAre("DEVICE_DELETED vd1"));
  for (const char* made : {"low", "over", "n2", "n3"}) {
    EXPECT_EQ(rig.machine().graph().Find(made), nullptr) << made;
  }
  EXPECT_NE(rig.machine().backends().Find("drive0")->root(), nullptr);
  EXPECT_TRUE(rig.machine().FindIoContext("t0").ok());
  EXPECT_EQ(rig.contexts().dropped(), 1);
  std::vector<uint8_t> back(512);
  EXPECT_EQ(*disk.driver->Read(0, back), guest::kBlkOk);
}

// Somebody's device may use the thread.
TEST_F(MachineConfigureTest, AFailureKeepsTheThreadsWhileADeviceThatCameMeanwhileIsThere) {
  Rig rig(world_);
  ASSERT_TRUE(rig.AddNode("driver=memory,node-name=other,size=1M").ok());
  const absl::StatusOr<config::MachineConfig> config = ParseMachineText(R"(
      objects { id: "t0" iothread { poll_max_ns: 0 } }
      blockdevs { node_name: "n0" memory { size: 1048576 } }
      devices { id: "vd0" virtio_blk { drive: "n0" iothread: "t0" } }
      devices { id: "vd1" virtio_blk { drive: "n0" } })");
  ASSERT_TRUE(config.ok());
  const absl::StatusOr<config::DeviceOptions> other =
      ParseDevice("virtio-blk,id=vd9,drive=other,iothread=t0");
  ASSERT_TRUE(other.ok());
  std::optional<absl::Status> configured;
  std::optional<absl::Status> added;
  rig.Start(rig.machine().Configure(*config), configured);
  // It has failed by the next turn, and taking vd0 away needs several.
  world_.RunUntil([&] { return rig.machine().FindIoContext("t0").ok(); });
  EXPECT_FALSE(configured.has_value());
  rig.Start(rig.machine().DeviceAdd(*other), added);
  world_.RunUntil([&] { return configured.has_value() && added.has_value(); });
  EXPECT_EQ(ErrnoOf(*configured), EBUSY) << *configured;
  ASSERT_TRUE(added->ok()) << *added;
  EXPECT_EQ(rig.machine().FindDevice("vd0"), nullptr);
  EXPECT_TRUE(rig.machine().FindIoContext("t0").ok());
  EXPECT_EQ(rig.contexts().dropped(), 0);
  Rig::Disk disk = rig.Probe("vd9");
  std::vector<uint8_t> back(512);
  EXPECT_EQ(*disk.driver->Read(0, back), guest::kBlkOk);
}

TEST_F(MachineConfigureTest, MemoryThatAFailedConfigurationMadeIsGoneToo) {
  MemoryLog log;
  AioContext& control = world_.NewContext("control");
  MachineHost host;
  host.control = &control;
  host.log = &log;
  Machine machine(std::move(host));
  const auto configure = [&](const char* text) {
    return BlockOn(control, machine.Configure(*ParseMachineText(text)));
  };
  EXPECT_FALSE(configure(R"(memory: 65536
                            blockdevs { node_name: "n" file { filename: "/no/such/disk" } })")
                   .ok());
  EXPECT_EQ(machine.memory(), nullptr);
  EXPECT_TRUE(configure("memory: 131072").ok());
  ASSERT_NE(machine.memory(), nullptr);
  EXPECT_EQ(MessageOf(configure("memory: 65536")), "memory: this machine has its memory already");
  EXPECT_TRUE(configure("").ok());
  BlockOn(control, machine.Shutdown());
}

TEST_F(MachineConfigureTest, DevicesWithoutAnIdGetOneThatIsFree) {
  Rig rig(world_);
  const absl::Status configured = rig.Configure(R"(
      blockdevs { node_name: "a" memory { size: 1048576 } }
      blockdevs { node_name: "b" memory { size: 1048576 } }
      devices { virtio_blk { drive: "a" } }
      devices { id: "device0" virtio_blk { drive: "b" } })");
  ASSERT_TRUE(configured.ok()) << configured;
  EXPECT_EQ(rig.machine().BackendOfDevice("device0")->root()->node_name(), "b");
  EXPECT_NE(rig.machine().FindDevice("device1"), nullptr);
}

TEST_F(MachineConfigureTest, OneNameIsNotTwoDisks) {
  Rig rig(world_);
  ASSERT_TRUE(rig.AddNode("driver=memory,node-name=d0,size=1M").ok());
  ASSERT_TRUE(rig.AddNode("driver=memory,node-name=d1,size=2M").ok());
  EXPECT_EQ(ErrnoOf(rig.Run(rig.machine().BackendAdd("d0", "d1", {}))), EEXIST);
  ASSERT_TRUE(rig.Run(rig.machine().BackendAdd("drive0", "d1", {})).ok());
  const absl::Status added = rig.AddNode("driver=memory,node-name=drive0,size=1M");
  EXPECT_EQ(ErrnoOf(added), EEXIST) << added;
  EXPECT_EQ(rig.machine().graph().Find("drive0"), nullptr);
}

TEST_F(MachineConfigureTest, TheKindOfEventLoopIsTheHostsToChoose) {
  Rig rig(world_);  // With contexts of its own.
  for (const char* kind : {"AIO_KIND_IO_URING", "AIO_KIND_THREADS"}) {
    const absl::Status refused = rig.Configure(std::string("aio: ") + kind);
    EXPECT_EQ(ErrnoOf(refused), EINVAL);
    EXPECT_THAT(std::string(refused.message()), ::testing::HasSubstr(kind));
  }
  EXPECT_TRUE(rig.Configure("aio: AIO_KIND_SIMULATED").ok());
}

TEST_F(MachineConfigureTest, AMediumOfPartialBlocksIsNoDisk) {
  Rig rig(world_);
  ASSERT_TRUE(rig.Configure(R"(
      blockdevs { node_name: "n0" memory { size: 1048576 } }
      devices { id: "vd0" virtio_blk { drive: "n0" logical_block_size: 4096 } })")
                  .ok());
  const BlockBackendRef backend = rig.machine().BackendOfDevice("vd0");
  const absl::Status refused = rig.Run(backend->Resize(1048576 + 512));
  EXPECT_EQ(ErrnoOf(refused), EINVAL);
  EXPECT_THAT(std::string(refused.message()), ::testing::HasSubstr("4096-byte blocks of device"));
  EXPECT_EQ(backend->length(), 1048576u);
  EXPECT_TRUE(rig.Run(backend->Resize(1048576 + 4096)).ok());

  ASSERT_TRUE(rig.AddNode("driver=memory,node-name=odd,size=1000").ok());
  ASSERT_TRUE(rig.Run(backend->RemoveRoot()).ok());
  EXPECT_EQ(ErrnoOf(rig.Run(backend->InsertRoot(rig.machine().graph().Find("odd")))), EINVAL);
  EXPECT_FALSE(backend->is_inserted());
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// Media, sizes and objects by name.

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "machine/machine.h"
#include "machine/machine_fixture.h"

namespace platter {
namespace {

using Words = std::vector<std::string>;

class MediaTest : public testing::Test {
 protected:
  MediaTest() : rig_(world_), machine_(rig_.machine()) {
    const absl::Status built = rig_.Configure(R"(
        objects { id: "t0" iothread { poll_max_ns: 0 } }
        objects { id: "t1" iothread { poll_max_ns: 0 } }
        blockdevs { node_name: "a" read_only: true memory { size: 4096 } }
        blockdevs { node_name: "b" read_only: true memory { size: 8192 } }
        blockdevs { node_name: "hd" memory { size: 1048576 } }
        blockdevs { node_name: "free" memory { size: 512 } }
        devices { id: "cd0" ide_cd { drive: "a" } }
        devices { id: "vd0" virtio_blk { drive: "hd" iothread: "t0" } })");
    EXPECT_TRUE(built.ok()) << built;
  }
  BlockBackendRef Cd() { return machine_.BackendOfDevice("cd0"); }
  absl::Status Change(const std::string& options) {
    const absl::StatusOr<config::BlockdevOptions> medium = ParseBlockdev(options);
    EXPECT_TRUE(medium.ok()) << medium.status();
    return rig_.Run(machine_.ChangeMedium(Cd(), *medium, Force::kNo));
  }

  SimulatedWorld world_{1};
  Rig rig_;
  Machine& machine_;
};

TEST_F(MediaTest, InsertTakesANodeByName) {
  EXPECT_EQ(ErrnoOf(rig_.Run(machine_.InsertMedium(Cd(), "nosuch"))), ENOENT);
  ASSERT_TRUE(rig_.Run(Cd()->Eject(Force::kNo)).ok());
  ASSERT_TRUE(rig_.Run(machine_.InsertMedium(Cd(), "b")).ok());
  EXPECT_EQ(Cd()->length(), 8192u);
}

TEST_F(MediaTest, AChangedMediumGoesWithTheNextOne) {
  ASSERT_TRUE(Change("driver=memory,node-name=x,read-only=on,size=2048").ok());
  EXPECT_EQ(rig_.events(), (Words{"DEVICE_TRAY_MOVED", "DEVICE_TRAY_MOVED"}));
  EXPECT_EQ(Cd()->length(), 2048u);
  EXPECT_EQ(machine_.graph().Find("x"), nullptr) << "it has no name";
  const std::weak_ptr<BlockNode> first = Cd()->root();
  ASSERT_TRUE(Change("driver=memory,node-name=x,read-only=on,size=6144").ok());
  EXPECT_EQ(Cd()->length(), 6144u);
  EXPECT_TRUE(first.expired());
}

TEST_F(MediaTest, AMediumThatCannotBeOpenedChangesNothing) {
  const NodeRef before = Cd()->root();
  const absl::Status refused = Change("driver=file,node-name=x,filename=/nosuch/disc.iso");
  EXPECT_EQ(ErrnoOf(refused), ENOENT);
  EXPECT_NE(MessageOf(refused).find("/nosuch/disc.iso"), std::string::npos) << refused;
  EXPECT_EQ(Cd()->root(), before);
  EXPECT_TRUE(rig_.events().empty());
}

TEST_F(MediaTest, ANodeIsResizedUnderItsDeviceOrAlone) {
  EXPECT_EQ(ErrnoOf(rig_.Run(machine_.ResizeNode("nosuch", 512))), ENOENT);
  ASSERT_TRUE(rig_.Run(machine_.ResizeNode("hd", 2097152)).ok());
  EXPECT_EQ(machine_.BackendOfDevice("vd0")->length(), 2097152u);
  const absl::Status alone = rig_.Run(machine_.ResizeNode("free", 1024));
  ASSERT_TRUE(alone.ok()) << alone;
  EXPECT_EQ(machine_.graph().Find("free")->length(), 1024u);
  EXPECT_TRUE(machine_.graph().Find("free")->parents().empty());
  EXPECT_EQ(ErrnoOf(rig_.Run(machine_.ResizeNode("b", 512))), EACCES);
}

TEST_F(MediaTest, AnIoThreadGoesWhenNoDeviceUsesIt) {
  EXPECT_EQ(ErrnoOf(machine_.ObjectDel("nosuch")), ENOENT);
  const absl::Status used = machine_.ObjectDel("t0");
  EXPECT_EQ(ErrnoOf(used), EBUSY);
  EXPECT_NE(MessageOf(used).find("'vd0'"), std::string::npos) << used;
  EXPECT_TRUE(machine_.ObjectDel("t1").ok());
  EXPECT_FALSE(machine_.FindIoContext("t1").ok());
  ASSERT_TRUE(rig_.Run(machine_.DeviceDel("vd0")).ok());
  EXPECT_TRUE(machine_.ObjectDel("t0").ok());
  EXPECT_EQ(rig_.contexts().dropped(), 2);
}

TEST_F(MediaTest, DevicesAreListedInTheOrderOfPlugging) {
  EXPECT_EQ(machine_.DeviceIds(), (Words{"cd0", "vd0"}));
}

}  // namespace
}  // namespace platter

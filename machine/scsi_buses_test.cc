// SPDX-License-Identifier: Apache-2.0

#include "machine/scsi_buses.h"

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/testing/fake_block_device.h"

namespace platter {
namespace {

class FakePlace final : public DevicePlace {
 public:
  void TakeAway() override {}
  DeviceLocation location() const override { return VirtioMmioLocation{.mmio_base = 7}; }
};

class ScsiBusesTest : public testing::Test {
 protected:
  // An adapter on its bus.
  struct Adapter {
    std::unique_ptr<DevicePlace> place;
    std::unique_ptr<VirtioScsi> device;
  };
  Adapter MakeAdapter(const std::string& id) {
    Adapter made;
    made.device = *VirtioScsi::Create({.id = id}, control_);
    made.place = buses_.AddAdapter(*made.device, std::make_unique<FakePlace>());
    return made;
  }
  static ScsiLocation At(const ScsiBuses::Taken& taken) {
    return std::get<ScsiLocation>(taken.place->location());
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  ScsiBuses buses_;
};

TEST_F(ScsiBusesTest, UnitsGetTheFirstTargetWithout) {
  const Adapter adapter = MakeAdapter("scsi0");
  std::vector<ScsiBuses::Taken> taken;
  for (unsigned target = 0; target < 256; ++target) {
    taken.push_back(*buses_.Take({}));
    EXPECT_EQ(At(taken.back()).adapter, "scsi0");
    EXPECT_EQ(At(taken.back()).target, target);
    EXPECT_EQ(At(taken.back()).lun, 0u);
  }
  const absl::Status full = buses_.Take({}).status();
  EXPECT_EQ(MessageOf(full), "all 256 targets of SCSI bus 'scsi0.0' have units");
  EXPECT_EQ(ErrnoOf(full), ENOSPC);
  // A target that has units has room for more.
  taken.push_back(*buses_.Take({.target = 9, .lun = 1}));
  EXPECT_EQ(At(taken.back()).target, 9u);
  taken.erase(taken.begin() + 4);
  EXPECT_EQ(At(*buses_.Take({})).target, 4u);
}

TEST_F(ScsiBusesTest, BusesAreFoundByTheirAdapters) {
  EXPECT_EQ(MessageOf(buses_.Take({}).status()), "the machine has no SCSI adapter");
  const Adapter first = MakeAdapter("a");
  {
    const Adapter second = MakeAdapter("b");
    EXPECT_EQ(At(*buses_.Take({})).adapter, "a");
    EXPECT_EQ(At(*buses_.Take({.bus = "b.0"})).adapter, "b");
    EXPECT_EQ(std::get<VirtioMmioLocation>(second.place->location()).mmio_base, 7u);
  }
  const absl::Status gone = buses_.Take({.bus = "b.0"}).status();
  EXPECT_EQ(MessageOf(gone), "there is no SCSI bus 'b.0'");
  EXPECT_EQ(ErrnoOf(gone), ENOENT);
}

TEST_F(ScsiBusesTest, ATakenPlaceIsRefusedByName) {
  const Adapter adapter = MakeAdapter("scsi0");
  const ScsiBuses::Taken taken = *buses_.Take({.target = 3, .lun = 2});
  const absl::Status refused = buses_.Take({.target = 3, .lun = 2}).status();
  EXPECT_EQ(MessageOf(refused), "SCSI bus 'scsi0.0', scsi-id 3, lun 2 has a unit already");
  EXPECT_EQ(ErrnoOf(refused), EBUSY);
}

TEST_F(ScsiBusesTest, AUnitIsADeviceThatLeavesItsAdapter) {
  FakeBlockDevice backend(1 << 20);
  const Adapter adapter = MakeAdapter("scsi0");
  ScsiBuses::Taken taken = *buses_.Take({});
  auto device =
      *ScsiBuses::Plug(taken, "sd0", "scsi-hd", *ScsiDisk::Create({.id = "sd0"}, backend));
  EXPECT_EQ(device->id(), "sd0");
  EXPECT_STREQ(device->model(), "scsi-hd");
  EXPECT_TRUE(backend.attached);
  bool gone = false;
  device->Unplug([&gone] { gone = true; });
  world_.RunUntilIdle();
  EXPECT_TRUE(gone);
  EXPECT_FALSE(backend.attached);
  device.reset();
  taken.place.reset();
  EXPECT_EQ(At(*buses_.Take({})).target, 0u);
}

}  // namespace
}  // namespace platter

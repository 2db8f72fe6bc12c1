// SPDX-License-Identifier: Apache-2.0

#include "machine/virtio_mmio_slots.h"

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/in_process_bus.h"

namespace platter {
namespace {

struct Placed {
  std::unique_ptr<FakeBlockDevice> backend;
  std::unique_ptr<DevicePlace> place;
  std::unique_ptr<VirtioBlk> device;
};

class VirtioMmioSlotsTest : public testing::Test, private InterruptController {
 protected:
  absl::StatusOr<std::unique_ptr<Placed>> Place(VirtioMmioSlots& slots) {
    auto placed = std::make_unique<Placed>();
    placed->backend = std::make_unique<FakeBlockDevice>(1 << 20);
    auto blk =
        VirtioBlk::Create({.id = "vd" + std::to_string(next_++)}, *placed->backend, control_);
    if (!blk.ok()) return blk.status();
    placed->device = *std::move(blk);
    PLATTER_RETURN_IF_ERROR(
        slots.Place({.mmio = bus_.mmio(), .interrupts = *this, .memory = bus_.memory()},
                    *placed->device, placed->place));
    return placed;
  }
  static VirtioMmioLocation At(const Placed& placed) {
    return std::get<VirtioMmioLocation>(placed.place->location());
  }
  uint64_t Magic(uint64_t base) { return bus_.mmio().Read(base, 4); }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  InProcessBus bus_{control_, [] {
                      InProcessBus::Options options;
                      options.lines = kVirtioMmioFirstIrq + kVirtioMmioSlots;
                      return options;
                    }()};
  VirtioMmioSlots slots_;
  int next_ = 0;

 private:
  InterruptLine& Line(uint32_t number) override { return bus_.Line(number); }
};

TEST_F(VirtioMmioSlotsTest, SlotsAreTakenInOrderAndFreedAgain) {
  std::vector<std::unique_ptr<Placed>> placed;
  for (uint32_t i = 0; i < kVirtioMmioSlots; ++i) {
    placed.push_back(*Place(slots_));
    EXPECT_EQ(At(*placed[i]).mmio_base, 0x0a000000u + i * 0x200u);
    EXPECT_EQ(At(*placed[i]).irq, 16 + i);
    EXPECT_EQ(Magic(At(*placed[i]).mmio_base), MmioTransport::kMagic);
  }
  const absl::Status full = Place(slots_).status();
  EXPECT_EQ(MessageOf(full), "all 32 virtio-mmio slots of the machine are taken");
  EXPECT_EQ(ErrnoOf(full), ENOSPC);

  const uint64_t base = At(*placed[3]).mmio_base;
  placed[3]->place->TakeAway();
  EXPECT_NE(Magic(base), MmioTransport::kMagic);
  placed.erase(placed.begin() + 3);
  EXPECT_EQ(At(**Place(slots_)).mmio_base, base);
}

TEST_F(VirtioMmioSlotsTest, RegistersOfSomebodyElseAreLeftAlone) {
  const std::unique_ptr<Placed> there = *Place(slots_);
  VirtioMmioSlots others;
  EXPECT_FALSE(Place(others).ok());
  EXPECT_EQ(Magic(At(*there).mmio_base), MmioTransport::kMagic);
}

}  // namespace
}  // namespace platter

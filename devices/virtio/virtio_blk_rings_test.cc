// SPDX-License-Identifier: Apache-2.0
//
// What a driver sees of rings of each layout: broken ones, the largest ones, and a single queue
// that is reset (virtio 1.3, 2.6.1 and 4.2.2).

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "devices/virtio/virtio_blk_fixture.h"

namespace platter {
namespace {

constexpr uint32_t kLargest = 32768;

class VirtioBlkRingsTest : public testing::TestWithParam<VirtioRingOptions>, public BlkFixture {
 protected:
  VirtioBlkRingsTest() : BlkFixture(1, {.regions = {{0x40000000, 32 * kMiB}}}) {}

  uint32_t Reg(MmioRegister at) { return mmio.Get(static_cast<uint64_t>(at)); }
  void Put(MmioRegister at, uint32_t value) { mmio.Set(static_cast<uint64_t>(at), value); }
  void Place(const RingLayout& layout) {
    Put(MmioRegister::kQueueSize, layout.size);
    Put(MmioRegister::kQueueDescLow, static_cast<uint32_t>(layout.descriptors));
    Put(MmioRegister::kQueueDescHigh, static_cast<uint32_t>(layout.descriptors >> 32));
    Put(MmioRegister::kQueueDriverLow, static_cast<uint32_t>(layout.driver));
    Put(MmioRegister::kQueueDriverHigh, static_cast<uint32_t>(layout.driver >> 32));
    Put(MmioRegister::kQueueDeviceLow, static_cast<uint32_t>(layout.device));
    Put(MmioRegister::kQueueDeviceHigh, static_cast<uint32_t>(layout.device >> 32));
  }
  // A request whose ring is made wrong before the device looks: a head that does not exist.
  void BreakRing() {
    ASSERT_TRUE(driver->Submit(0, {.type = guest::kBlkFlush}, 1));
    const RingLayout& layout = driver->queue(0).ring().layout();
    const uint8_t wrong[] = {0xff, 0x7f};
    if (GetParam().packed) {
      // Of every descriptor, so that it is that of the next as well.
      for (uint32_t i = 0; i < layout.size; ++i) {
        ASSERT_TRUE(bus.Write(layout.descriptors + i * 16 + 12, wrong));
      }
    } else {
      for (uint32_t i = 0; i < layout.size; ++i) {
        ASSERT_TRUE(bus.Write(layout.driver + 4 + i * 2, wrong));
      }
    }
    driver->Kick(0);
    world.RunUntilIdle();
  }
  bool NeedsReset() { return (mmio.status() & kVirtioStatusNeedsReset) != 0; }
};

INSTANTIATE_TEST_SUITE_P(Rings, VirtioBlkRingsTest,
                         testing::Values(VirtioRingOptions{}, VirtioRingOptions{.packed = true},
                                         VirtioRingOptions{.packed = true, .in_order = true}));

TEST_P(VirtioBlkRingsTest, R_VQ_08_ABrokenRingNeedsAResetAndRecovers) {
  MakeAll({.ring = GetParam()});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(*driver->Flush(), guest::kBlkOk);
    BreakRing();
    EXPECT_TRUE(NeedsReset());
    EXPECT_TRUE(mmio.TakeInterrupts().config);
    // Nothing more happens on it.
    mmio.Notify(0);
    world.RunUntilIdle();
    EXPECT_EQ(driver->in_flight(), 1u);
    ASSERT_TRUE(driver->Reset().ok());
    EXPECT_FALSE(NeedsReset());
    ASSERT_TRUE(driver->Probe().ok());
  }
  EXPECT_EQ(*driver->Flush(), guest::kBlkOk);
}

TEST_P(VirtioBlkRingsTest, ABrokenQueueCanBeResetAlone) {
  MakeAll({.num_queues = 2, .ring = GetParam()}, {.queues = 2});
  BreakRing();
  EXPECT_TRUE(NeedsReset());
  ASSERT_TRUE(driver->ResetQueue(0, 64).ok());
  EXPECT_EQ(*driver->Execute(0, {.type = guest::kBlkFlush}), guest::kBlkOk);
  EXPECT_EQ(*driver->Execute(1, {.type = guest::kBlkFlush}), guest::kBlkOk);
}

// The 16-bit indices of a split ring come round twice, and so does a packed ring.
TEST_P(VirtioBlkRingsTest, TheLargestRingIsFilledAndComesRound) {
  MakeAll({.queue_size = kLargest, .ring = GetParam()},
          {.queue_size = kLargest, .indirect_entries = 2});
  VirtioBlkQueue& queue = driver->queue(0);
  ASSERT_EQ(queue.ring().layout().size, kLargest);
  uint64_t next = 0;
  for (int round = 0; round < 5; ++round) {
    backend.hold = true;
    const uint64_t from = next;
    while (queue.Submit({.type = guest::kBlkFlush}, next)) ++next;
    ASSERT_EQ(next - from, kLargest);
    driver->Kick(0);
    world.RunUntilIdle();
    ASSERT_EQ(backend.held(), kLargest);
    backend.Release();
    world.RunUntilIdle();
    uint64_t reaped = from;
    queue.Reap([&](uint64_t token, uint8_t status, uint32_t bytes) {
      EXPECT_EQ(token, reaped++);
      EXPECT_EQ(status, guest::kBlkOk);
      EXPECT_EQ(bytes, 1u);
    });
    ASSERT_EQ(reaped, next);
    queue.ring().EnableInterrupts();
  }
  EXPECT_EQ(driver->ring_faults(), 0u);
}

// --- QueueReset. ---

TEST_P(VirtioBlkRingsTest, QueueResetClearsTheQueueAlone) {
  MakeAll({.num_queues = 2, .ring = GetParam()}, {.queues = 2, .queue_size = 32});
  const RingLayout layout = driver->queue(0).ring().layout();
  Put(MmioRegister::kQueueSel, 0);
  EXPECT_EQ(Reg(MmioRegister::kQueueReset), 0u);
  // R-VQ-06: frozen while it runs.
  Place({});
  Put(MmioRegister::kQueueReset, 2);  // No order to reset.
  world.RunUntilIdle();
  EXPECT_EQ(Reg(MmioRegister::kQueueReady), 1u);
  EXPECT_EQ(*driver->Execute(0, {.type = guest::kBlkFlush}), guest::kBlkOk);

  Put(MmioRegister::kQueueSel, 0);
  Put(MmioRegister::kQueueReset, 1);
  EXPECT_EQ(Reg(MmioRegister::kQueueReset), 1u);
  Put(MmioRegister::kQueueReset, 1);  // Once is enough.
  world.RunUntilIdle();
  EXPECT_EQ(Reg(MmioRegister::kQueueReset), 0u);
  EXPECT_EQ(Reg(MmioRegister::kQueueReady), 0u);
  // Without addresses it can't be set up, and the device says so.
  Put(MmioRegister::kQueueReady, 1);
  EXPECT_TRUE(NeedsReset());
  EXPECT_EQ(*driver->Execute(1, {.type = guest::kBlkFlush}), guest::kBlkOk);
  Put(MmioRegister::kQueueSel, 0);
  Put(MmioRegister::kQueueReset, 1);
  EXPECT_EQ(Reg(MmioRegister::kQueueReset), 0u) << "it did not run";
  bus.Write(layout.driver, std::vector<uint8_t>(4));
  bus.Write(layout.device, std::vector<uint8_t>(4));
  Place(layout);
  Put(MmioRegister::kQueueReady, 1);
  EXPECT_EQ(Reg(MmioRegister::kQueueReady), 1u);
  // R-VQ-06: frozen again.
  Put(MmioRegister::kQueueReady, 0);
  world.RunUntilIdle();
  Put(MmioRegister::kQueueReady, 1);
  EXPECT_EQ(Reg(MmioRegister::kQueueReady), 0u) << "stopped, but not reset";
}

TEST_P(VirtioBlkRingsTest, QueueResetNeedsTheFeature) {
  VirtioRingOptions ring = GetParam();
  ring.queue_reset = false;
  MakeAll({.ring = ring});
  Put(MmioRegister::kQueueSel, 0);
  Put(MmioRegister::kQueueReset, 1);
  EXPECT_EQ(Reg(MmioRegister::kQueueReset), 0u);
  EXPECT_EQ(Reg(MmioRegister::kQueueReady), 1u);
  Put(MmioRegister::kQueueSel, 1);  // There is none.
  Put(MmioRegister::kQueueReset, 1);
  EXPECT_EQ(Reg(MmioRegister::kQueueReset), 0u);
  EXPECT_EQ(*driver->Flush(), guest::kBlkOk);
}

TEST_P(VirtioBlkRingsTest, AResetOfTheDeviceOvertakesThatOfAQueue) {
  MakeAll({.ring = GetParam()});
  backend.hold = true;
  ASSERT_TRUE(driver->Submit(0, {.type = guest::kBlkFlush}, 1));
  driver->Kick(0);
  world.RunUntilIdle();
  Put(MmioRegister::kQueueSel, 0);
  Put(MmioRegister::kQueueReset, 1);
  world.RunUntilIdle();
  EXPECT_EQ(Reg(MmioRegister::kQueueReset), 1u);
  ASSERT_TRUE(driver->Reset().ok());
  EXPECT_EQ(Reg(MmioRegister::kQueueReset), 0u);
  backend.hold = false;
  ASSERT_TRUE(driver->Probe().ok());
  EXPECT_EQ(*driver->Flush(), guest::kBlkOk);
}

// --- Notification data (2.9, 4.2.3.3). ---

TEST_P(VirtioBlkRingsTest, NotificationsWithDataNameTheQueueInTheirLowerHalf) {
  VirtioRingOptions ring = GetParam();
  for (const bool data : {false, true}) {
    ring.notification_data = data;
    MakeAll({.ring = ring});
    world.RunUntilIdle();
    ASSERT_TRUE(driver->Submit(0, {.type = guest::kBlkFlush}, 1));
    driver->queue(0).Publish();
    Put(MmioRegister::kQueueNotify, 0x12340000);
    world.RunUntilIdle();
    // R-VQ-02: without the feature there is no such queue.
    EXPECT_EQ(backend.asked.size(), data ? 1u : 0u);
    Unplug();
    backend.asked.clear();
  }
}

}  // namespace
}  // namespace platter

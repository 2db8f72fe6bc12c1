// SPDX-License-Identifier: Apache-2.0
//
// Reset, stop, pause, resize and unplug of virtio-blk with requests in flight.

#include <algorithm>

#include "gtest/gtest.h"

#include "devices/virtio/virtio_blk_fixture.h"

namespace platter {
namespace {

class VirtioBlkResetTest : public testing::Test, public BlkFixture, public BlkListener {
 protected:
  // A device with `count` reads held in the backend.
  void HoldReads(uint32_t count, VirtioBlkOptions options = {}) {
    MakeAll(std::move(options));
    driver->set_listener(this);
    backend.hold = true;
    buffer = *bus.Allocate(count * 512, 512);
    for (uint32_t i = 0; i < count; ++i) {
      const GuestSegment segment = {buffer + i * 512, 512};
      ASSERT_TRUE(driver->Submit(0, {.sector = i, .data = {&segment, 1}}, i));
    }
    driver->Kick(0);
    world.RunUntilIdle();
    ASSERT_EQ(backend.held(), count);
    ASSERT_EQ(driver->in_flight(), count);
  }
  std::vector<uint8_t> Buffer(uint32_t count) {
    std::vector<uint8_t> bytes(count * 512);
    EXPECT_TRUE(bus.Read(buffer, bytes));
    return bytes;
  }
  void OnBlkDone(uint64_t, uint8_t status) override { statuses.push_back(status); }

  uint64_t buffer = 0;
  std::vector<uint8_t> statuses;
};

TEST_F(VirtioBlkResetTest, C_22_StatusReadsNonZeroUntilQuiet) {
  HoldReads(3);
  backend.on_cancel = FakeBlockDevice::OnCancel::kStays;
  const uint32_t before = mmio.status();
  mmio.BeginReset();
  world.RunUntilIdle();
  EXPECT_EQ(mmio.status(), before);
  EXPECT_TRUE(device->resetting());
  // I4: registers change only at the end, and nobody changes them meanwhile.
  mmio.Set(0x30, 0);
  EXPECT_EQ(mmio.Get(0x44), 1u);
  mmio.Set(0x44, 0);
  EXPECT_EQ(mmio.Get(0x44), 1u);
  mmio.Notify(0);
  backend.Release();
  world.RunUntilIdle();
  EXPECT_EQ(mmio.status(), 0u);
  EXPECT_EQ(mmio.Get(0x44), 0u);
  EXPECT_EQ(mmio.Get(0x60), 0u);
  EXPECT_FALSE(device->resetting());
  EXPECT_FALSE(bus.Interrupt(1).high);
}

TEST_F(VirtioBlkResetTest, C_16_KeptRequestsAreDroppedWithoutATrace) {
  HoldReads(4);
  const std::vector<uint8_t> before = Buffer(4);
  mmio.BeginReset();
  world.RunUntilIdle();
  EXPECT_EQ(mmio.status(), 0u);
  EXPECT_EQ(backend.cancels, 1u);
  EXPECT_EQ(Buffer(4), before);
  // C-20: nothing of theirs comes later.
  backend.Release();
  world.RunUntilIdle();
  EXPECT_EQ(Buffer(4), before);
  ASSERT_TRUE(driver->FinishReset().ok());
  EXPECT_EQ(statuses, std::vector<uint8_t>(4, guest::kBlkNotWritten));
}

// Queues that share a channel: the stop that runs first cancels the requests of the others too.
TEST_F(VirtioBlkResetTest, C_16_NothingOfAnyQueueIsUsed) {
  constexpr uint16_t kQueues = 6;
  constexpr uint16_t kEach = 2;
  AioContext& io = world.NewContext("io");
  MakeAll({.num_queues = kQueues, .iothreads = {&io, &control}}, {.queues = kQueues});
  driver->set_listener(this);
  world.RunUntilIdle();
  backend.hold = true;
  buffer = *bus.Allocate(512, 512);
  const GuestSegment segment = {buffer, 512};
  for (uint16_t queue = 0; queue < kQueues; ++queue) {
    for (uint16_t i = 0; i < kEach; ++i) {
      ASSERT_TRUE(driver->Submit(queue, {.sector = i, .data = {&segment, 1}}, queue * kEach + i));
    }
    driver->Kick(queue);
  }
  world.RunUntilIdle();
  ASSERT_EQ(backend.held(), kQueues * kEach);
  const uint64_t interrupts = bus.Interrupt(1).raised;
  mmio.BeginReset();
  world.RunUntilIdle();
  EXPECT_EQ(mmio.status(), 0u);
  EXPECT_EQ(backend.cancels, 2u);  // Once for each channel.
  EXPECT_EQ(bus.Interrupt(1).raised, interrupts);
  for (uint16_t queue = 0; queue < kQueues; ++queue) {
    uint8_t index[2];
    ASSERT_TRUE(bus.Read(driver->queue(queue).ring().layout().device + 2, index));
    EXPECT_EQ(index[0] | index[1] << 8, 0) << "queue " << queue;
  }
  ASSERT_TRUE(driver->FinishReset().ok());
  EXPECT_EQ(statuses, std::vector<uint8_t>(kQueues * kEach, guest::kBlkNotWritten));
  backend.Release();
  ASSERT_TRUE(driver->Probe().ok());
  EXPECT_EQ(*driver->Execute(5, {.sector = 1, .data = {&segment, 1}}), guest::kBlkOk);
}

TEST_F(VirtioBlkResetTest, NothingIsTakenOnceTheResetBegan) {
  HoldReads(1);
  const GuestSegment segment = {buffer, 512};
  ASSERT_TRUE(driver->Submit(0, {.sector = 7, .data = {&segment, 1}}, 9));
  driver->Kick(0);
  mmio.BeginReset();
  world.RunUntilIdle();
  EXPECT_EQ(mmio.status(), 0u);
  EXPECT_EQ(backend.asked.size(), 1u);
}

TEST_F(VirtioBlkResetTest, TheDriverComesBackAfterReset) {
  HoldReads(4);
  backend.hold = false;
  ASSERT_TRUE(driver->Reset().ok());
  ASSERT_TRUE(driver->Probe().ok());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(*driver->Read(1, data), guest::kBlkOk);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), backend.data.begin() + 512));
  EXPECT_EQ(driver->ring_faults(), 0u);
}

TEST_F(VirtioBlkResetTest, MachineResetWaitsForWhatIsInFlight) {
  HoldReads(2);
  backend.on_cancel = FakeBlockDevice::OnCancel::kStays;
  bool done = false;
  device->Reset([&] { done = true; });
  device->Reset([] {});  // A second one joins the first.
  world.RunUntilIdle();
  EXPECT_FALSE(done);
  backend.Release();
  world.RunUntilIdle();
  EXPECT_TRUE(done);
  EXPECT_EQ(mmio.status(), 0u);
  const std::vector<uint8_t> after = Buffer(2);
  world.RunUntilIdle();
  EXPECT_EQ(Buffer(2), after);
}

TEST_F(VirtioBlkResetTest, ResetOfAnIdleDeviceIsDoneAtOnce) {
  MakeAll();
  RunDevice(&Device::Reset);
  EXPECT_EQ(mmio.status(), 0u);
  EXPECT_EQ(mmio.Get(0x34), 256u);
  ASSERT_TRUE(driver->Probe().ok());
}

TEST_F(VirtioBlkResetTest, C_18_NotificationsAfterResetFindNothing) {
  MakeAll();
  mmio.Notify(0);
  mmio.BeginReset();
  mmio.Notify(0);
  world.RunUntilIdle();
  mmio.Notify(0);
  EXPECT_EQ(mmio.status(), 0u);
  EXPECT_FALSE(world.RunUntilIdle());
  EXPECT_TRUE(backend.asked.empty());
}

TEST_F(VirtioBlkResetTest, QueueReadyZeroWaitsForTheQueue) {
  HoldReads(2);
  mmio.Set(0x30, 0);
  mmio.Set(0x44, 0);
  world.RunUntilIdle();
  EXPECT_EQ(mmio.Get(0x44), 1u);
  EXPECT_EQ(backend.cancels, 0u);  // It is no reset: what was taken is finished.
  backend.Release();
  world.RunUntilIdle();
  EXPECT_EQ(mmio.Get(0x44), 0u);
  driver->HandleInterrupts();
  EXPECT_EQ(statuses, std::vector<uint8_t>(2, guest::kBlkOk));
}

TEST_F(VirtioBlkResetTest, ResetOvertakesTheStopOfAQueue) {
  HoldReads(2);
  mmio.Set(0x30, 0);
  mmio.Set(0x44, 0);
  world.RunUntilIdle();
  mmio.BeginReset();
  world.RunUntilIdle();
  EXPECT_EQ(mmio.status(), 0u);
  EXPECT_EQ(backend.cancels, 1u);
}

TEST_F(VirtioBlkResetTest, PausedTakesNothingAndGoesOn) {
  MakeAll();
  driver->set_listener(this);
  RunDevice(&Device::Pause);
  buffer = *bus.Allocate(512, 512);
  const GuestSegment segment = {buffer, 512};
  ASSERT_TRUE(driver->Submit(0, {.data = {&segment, 1}}, 1));
  driver->Kick(0);
  world.RunUntilIdle();
  EXPECT_TRUE(backend.asked.empty());
  device->Resume();
  world.RunUntilIdle();
  driver->HandleInterrupts();
  EXPECT_EQ(statuses, std::vector<uint8_t>{guest::kBlkOk});
}

// A pause that waited for every queue of the device would wait for ever for those that the guest
// never started.
TEST_F(VirtioBlkResetTest, C_47_APauseWaitsOnlyForQueuesThatRun) {
  AioContext& io = world.NewContext("io");
  MakeAll({.num_queues = 6, .iothreads = {&io, &control}}, {.queues = 2});
  RunDevice(&Device::Pause);
  device->Resume();
  EXPECT_EQ(*driver->Flush(), guest::kBlkOk);
  RunDevice(&Device::Reset);
  RunDevice(&Device::Pause);
}

TEST_F(VirtioBlkResetTest, C_22_WhatWasTakenCompletesWhilePaused) {
  HoldReads(1);
  RunDevice(&Device::Pause);
  backend.Release();
  world.RunUntilIdle();
  driver->HandleInterrupts();
  EXPECT_EQ(statuses, std::vector<uint8_t>{guest::kBlkOk});
  // A reset goes through while paused.
  RunDevice(&Device::Reset);
  EXPECT_EQ(mmio.status(), 0u);
}

TEST_F(VirtioBlkResetTest, R_VQ_24_UnplugWaitsAndThenReadsAllOnes) {
  HoldReads(2);
  backend.on_cancel = FakeBlockDevice::OnCancel::kStays;
  bool done = false;
  device->Unplug([&] { done = true; });
  world.RunUntilIdle();
  EXPECT_FALSE(done);
  EXPECT_TRUE(backend.attached);
  mmio.Notify(0);
  backend.Release();
  mmio.Notify(0);
  world.RunUntilIdle();
  EXPECT_TRUE(done);
  EXPECT_FALSE(backend.attached);
  EXPECT_EQ(backend.channel_count(), 0u);
  EXPECT_EQ(mmio.Get(0x70), 0xffffffffu);
  EXPECT_EQ(mmio.Get(0x100), 0xffffffffu);
  mmio.Set(0x70, 0);
  mmio.Set(0x70, 1);
  mmio.Notify(0);
  world.RunUntilIdle();
  bus.mmio().Unmap(kFixtureBase);
  device.reset();
}

TEST_F(VirtioBlkResetTest, ResizeTellsTheDriver) {
  MakeAll();
  const uint32_t generation = mmio.Get(0xfc);
  backend.Resize(2 * kFixtureDiskBytes);
  world.RunUntilIdle();
  driver->HandleInterrupts();
  EXPECT_EQ(driver->config_changes(), 1u);
  EXPECT_EQ(driver->info().capacity_sectors, 2 * kFixtureDiskBytes / 512);
  EXPECT_NE(mmio.Get(0xfc), generation);
  std::vector<uint8_t> data(512);
  EXPECT_EQ(*driver->Write(2 * kFixtureDiskBytes / 512 - 1, data), guest::kBlkOk);
  backend.Resize(2 * kFixtureDiskBytes);  // The same again is no change.
  world.RunUntilIdle();
  driver->HandleInterrupts();
  EXPECT_EQ(driver->config_changes(), 1u);
}

TEST_F(VirtioBlkResetTest, ResizeBeforeDriverOkIsSilent) {
  MakeDevice();
  backend.Resize(4096);
  EXPECT_EQ(bus.Interrupt(1).raised, 0u);
  EXPECT_EQ(mmio.Get(0x100), 8u);
}

TEST_F(VirtioBlkResetTest, WriteCacheFollowsWhatWasNegotiated) {
  struct Case {
    uint64_t refused;
    bool expected;
  };
  const Case cases[] = {
      {0, true},                                        // Both: as it was.
      {kVirtioBlkFConfigWce, true},                     // Flush alone: write-back.
      {kVirtioBlkFFlush, false},                        // 5.2.5.2: starts as 0.
      {kVirtioBlkFFlush | kVirtioBlkFConfigWce, false}  // Every write is stable.
  };
  MakeDevice();
  for (const Case& c : cases) {
    MakeDriver({.refused_features = c.refused});
    EXPECT_EQ(backend.write_cache, c.expected) << c.refused;
    EXPECT_EQ(mmio.Get(0x120) & 1, c.expected ? 1u : 0u);
    ASSERT_TRUE(driver->Reset().ok());
    EXPECT_TRUE(backend.write_cache);  // As the host had it.
  }
  MakeDriver();
  driver->SetWriteBack(false);
  EXPECT_FALSE(backend.write_cache);
  EXPECT_FALSE(driver->WriteBack());
  driver->SetWriteBack(true);
  EXPECT_TRUE(backend.write_cache);
}

// Nothing is flushed by a reset, so the next driver has to know that there is a cache.
TEST_F(VirtioBlkResetTest, WriteCacheOffStaysOffUntilADriverTurnsItOn) {
  MakeAll({.write_cache = false});
  EXPECT_FALSE(backend.write_cache);
  ASSERT_TRUE(driver->Reset().ok());
  EXPECT_FALSE(backend.write_cache);
  MakeDriver({.refused_features = kVirtioBlkFConfigWce});
  EXPECT_TRUE(backend.write_cache);
  ASSERT_TRUE(driver->Reset().ok());
  EXPECT_TRUE(backend.write_cache);
  MakeDriver();
  EXPECT_TRUE(driver->WriteBack());
}

}  // namespace
}  // namespace platter

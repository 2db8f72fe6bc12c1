// SPDX-License-Identifier: Apache-2.0
//
// The data plane of virtio-blk: batches, interrupts, memory without host addresses, limits.

#include "devices/virtio/virtio_blk_lane.h"

#include <algorithm>
#include <set>

#include "gtest/gtest.h"

#include "devices/virtio/virtio_blk_fixture.h"

namespace platter {
namespace {

class VirtioBlkLaneTest : public testing::Test, public BlkFixture, public BlkListener {
 protected:
  void Submit(uint64_t sector, uint64_t address, uint32_t bytes, uint32_t type = guest::kBlkIn,
              uint16_t queue = 0) {
    const GuestSegment segment = {address, bytes};
    ASSERT_TRUE(driver->Submit(queue, {.type = type, .sector = sector, .data = {&segment, 1}},
                               ++submitted));
  }
  void OnBlkDone(uint64_t token, uint8_t status) override {
    EXPECT_TRUE(done.insert(token).second) << "completed twice: " << token;
    EXPECT_EQ(status, guest::kBlkOk);
  }

  uint64_t submitted = 0;
  std::set<uint64_t> done;
};

TEST_F(VirtioBlkLaneTest, OneInterruptForABatch) {
  MakeAll();
  driver->set_listener(this);
  world.RunUntilIdle();
  const uint64_t data = *bus.Allocate(32 * 512, 512);
  const uint64_t before = bus.Interrupt(1).raised;
  for (uint64_t i = 0; i < 32; ++i) Submit(i, data + i * 512, 512);
  driver->Kick(0);
  world.RunUntilIdle();
  EXPECT_EQ(bus.Interrupt(1).raised, before + 1);
  driver->HandleInterrupts();
  EXPECT_EQ(done.size(), 32u);
  const VirtioBlkStats stats = device->stats();
  EXPECT_EQ(stats.requests, 32u);
  EXPECT_EQ(stats.batches, 1u);
  EXPECT_EQ(stats.interrupts, 1u);
}

TEST_F(VirtioBlkLaneTest, ATurnTakesABoundedNumber) {
  MakeAll({.queue_size = 1024}, {.queue_size = 1024});
  driver->set_listener(this);
  world.RunUntilIdle();
  const uint64_t data = *bus.Allocate(512, 512);
  constexpr uint32_t kMany = 2 * VirtioBlkLane::kBudget + 1;
  for (uint32_t i = 0; i < kMany; ++i) Submit(0, data, 512);
  driver->Kick(0);
  world.RunUntilIdle();
  driver->HandleInterrupts();
  EXPECT_EQ(done.size(), kMany);
  EXPECT_EQ(device->stats().batches, 3u);
}

TEST_F(VirtioBlkLaneTest, QueuesShareTheChannelOfTheirContext) {
  AioContext& io = world.NewContext("io");
  MakeAll({.num_queues = 4, .iothreads = {&io, &control}}, {.queues = 4});
  EXPECT_EQ(backend.channel_count(), 2u);
  driver->set_listener(this);
  const uint64_t data = *bus.Allocate(4 * 512, 512);
  for (uint16_t queue = 0; queue < 4; ++queue) {
    Submit(queue, data + queue * 512u, 512, guest::kBlkIn, queue);
  }
  for (uint16_t queue = 0; queue < 4; ++queue) driver->Kick(queue);
  world.RunUntilIdle();
  driver->HandleInterrupts();
  EXPECT_EQ(done.size(), 4u);
}

TEST_F(VirtioBlkLaneTest, LongChainsNeedNoBounce) {
  MakeAll();
  driver->set_listener(this);
  const uint64_t data = *bus.Allocate(32 * 4096, 4096);
  std::vector<GuestSegment> segments;
  for (uint64_t i = 0; i < 32; ++i) segments.push_back({data + (31 - i) * 4096, 512});
  for (uint32_t type : {guest::kBlkIn, guest::kBlkOut}) {
    ASSERT_TRUE(driver->Submit(0, {.type = type, .sector = 8, .data = segments}, ++submitted));
    driver->Kick(0);
    world.RunUntilIdle();
  }
  driver->HandleInterrupts();
  EXPECT_EQ(done.size(), 2u);
  EXPECT_EQ(control.buffers().outstanding(), 0u);
  std::vector<uint8_t> piece(512);
  ASSERT_TRUE(bus.Read(segments[3].address, piece));
  EXPECT_TRUE(std::equal(piece.begin(), piece.end(), backend.data.begin() + 11 * 512));
}

class RangeLog final : public DirtyLog {
 public:
  void MarkDirty(uint64_t address, uint64_t bytes) override {
    for (uint64_t i = 0; i < bytes; ++i) dirty.insert(address + i);
  }
  std::set<uint64_t> dirty;
};

TEST(VirtioBlkDirty, EveryByteWrittenIsLogged) {
  RangeLog log;
  InProcessBus::Options options;
  options.dirty_log = &log;
  BlkFixture fixture(1, options);
  fixture.MakeAll();
  fixture.world.RunUntilIdle();
  const uint64_t data = *fixture.bus.Allocate(8192, 4096);
  const GuestSegment segments[] = {{data, 512}, {data + 4096, 1024}};
  log.dirty.clear();
  ASSERT_TRUE(fixture.driver->Submit(0, {.sector = 1, .data = segments}, 1));
  fixture.driver->Kick(0);
  fixture.world.RunUntilIdle();
  fixture.driver->HandleInterrupts();
  uint64_t in_data = 0;
  for (uint64_t address : log.dirty) {
    in_data += address >= data && address < data + 8192;
  }
  EXPECT_EQ(in_data, 1536u);
  EXPECT_TRUE(log.dirty.contains(data + 511));
  EXPECT_FALSE(log.dirty.contains(data + 512));
  EXPECT_TRUE(log.dirty.contains(data + 4096 + 1023));
  // And the rest: status, used element, used index, event index: 1 + 8 + 2 + 2.
  EXPECT_EQ(log.dirty.size() - in_data, 13u);
  // A write to the disk dirties none of its data.
  log.dirty.clear();
  EXPECT_EQ(*fixture.driver->Execute(0, {.type = guest::kBlkOut, .sector = 1, .data = segments}),
            guest::kBlkOk);
  EXPECT_EQ(log.dirty.lower_bound(data), log.dirty.lower_bound(data + 8192));
}

// Device memory behind an accessor: data goes through bounce buffers.
class VirtioBlkBounceTest : public VirtioBlkLaneTest, private GuestMemoryAccessor {
 protected:
  static constexpr uint64_t kWindow = 0x80000000;
  static constexpr uint64_t kWindowBytes = 32 * kMiB;

  void SetUp() override {
    backend.data.resize(32 * kMiB);
    std::iota(backend.data.begin(), backend.data.end(), uint8_t{0});
    std::vector<GuestMemory::Region> regions = bus.memory()->regions();
    regions.push_back({.address = kWindow, .size = kWindowBytes, .accessor = this});
    device = *VirtioBlk::Create({.id = "disk0"}, backend, control);
    transport = std::make_unique<MmioTransport>(*device, *GuestMemory::Create(regions, nullptr),
                                                bus.Line(1));
    ASSERT_TRUE(bus.mmio().Map(kFixtureBase, kMmioTransportBytes, *transport).ok());
    MakeDriver();
    driver->set_listener(this);
  }
  void Read(uint64_t offset, std::span<uint8_t> out) override {
    std::copy_n(window.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
  }
  void Write(uint64_t offset, std::span<const uint8_t> bytes) override {
    std::copy(bytes.begin(), bytes.end(), window.begin() + static_cast<ptrdiff_t>(offset));
  }

  std::vector<uint8_t> window = std::vector<uint8_t>(kWindowBytes);
};

TEST_F(VirtioBlkBounceTest, ReadsAndWritesThroughIt) {
  const uint64_t ram = *bus.Allocate(512, 512);
  const GuestSegment segments[] = {{kWindow + 100, 300}, {ram, 512}, {kWindow + 5000, 212}};
  EXPECT_EQ(*driver->Execute(0, {.sector = 7, .data = segments}), guest::kBlkOk);
  EXPECT_TRUE(
      std::equal(window.begin() + 100, window.begin() + 400, backend.data.begin() + 7 * 512));
  EXPECT_TRUE(std::equal(window.begin() + 5000, window.begin() + 5212,
                         backend.data.begin() + 7 * 512 + 812));
  EXPECT_EQ(window[400], 0);
  EXPECT_EQ(*driver->Execute(0, {.type = guest::kBlkOut, .sector = 100, .data = segments}),
            guest::kBlkOk);
  EXPECT_TRUE(std::equal(backend.data.begin() + 7 * 512, backend.data.begin() + 9 * 512,
                         backend.data.begin() + 100 * 512));
  EXPECT_EQ(control.buffers().outstanding(), 0u);
}

TEST_F(VirtioBlkBounceTest, R_BLK_03_IgnoredErrorShowsZeroesNotOurMemory) {
  // Warm the pool with something recognisable, then let the backend say OK without a transfer.
  void* dirty = control.buffers().TryAllocate(4096);
  std::fill_n(static_cast<uint8_t*>(dirty), 4096, uint8_t{0xdd});
  control.buffers().Free(dirty, 4096);
  const GuestSegment segment = {kWindow, 4096};
  backend.skip_next_transfer = true;
  EXPECT_EQ(*driver->Execute(0, {.data = {&segment, 1}}), guest::kBlkOk);
  EXPECT_EQ(std::count(window.begin(), window.begin() + 4096, 0), 4096);
}

TEST_F(VirtioBlkBounceTest, FailedReadsCopyNothingBack) {
  std::fill_n(window.begin(), 512, uint8_t{0x77});
  const GuestSegment segment = {kWindow, 512};
  backend.next_error = -EIO;
  EXPECT_EQ(*driver->Execute(0, {.data = {&segment, 1}}), guest::kBlkIoError);
  EXPECT_EQ(window[0], 0x77);
}

TEST_F(VirtioBlkBounceTest, WhatIsTooMuchWaitsForItsTurn) {
  // 4 MiB each: five do not fit the 16 MiB of bounce memory at once.
  backend.hold = true;
  for (uint64_t i = 0; i < 6; ++i) {
    Submit(i * 8192, kWindow + i * 4 * kMiB, 4 * kMiB);
  }
  driver->Kick(0);
  world.RunUntilIdle();
  EXPECT_EQ(backend.held(), 4u);
  backend.Release();
  world.RunUntilIdle();
  driver->HandleInterrupts();
  EXPECT_EQ(done.size(), 6u);
  EXPECT_TRUE(std::equal(window.begin(), window.begin() + 24 * kMiB, backend.data.begin()));
  EXPECT_EQ(control.buffers().outstanding(), 0u);
}

TEST_F(VirtioBlkBounceTest, ResetWhileRequestsWait) {
  backend.hold = true;
  for (uint64_t i = 0; i < 6; ++i) Submit(0, kWindow, 4 * kMiB);
  driver->Kick(0);
  world.RunUntilIdle();
  ASSERT_EQ(backend.held(), 4u);
  mmio.BeginReset();
  world.RunUntilIdle();
  EXPECT_EQ(mmio.status(), 0u);
  EXPECT_EQ(control.buffers().outstanding(), 0u);
  backend.hold = false;
  driver->set_listener(nullptr);
  ASSERT_TRUE(driver->Probe().ok());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(*driver->Read(0, data), guest::kBlkOk);
}

TEST_F(VirtioBlkBounceTest, AboveTheLargestBufferIsAnError) {
  const GuestSegment segment = {kWindow, 4 * kMiB + 512};
  EXPECT_EQ(*driver->Execute(0, {.data = {&segment, 1}}), guest::kBlkIoError);
  EXPECT_EQ(backend.invalid, 1u);
}

}  // namespace
}  // namespace platter

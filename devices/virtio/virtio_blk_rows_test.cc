// SPDX-License-Identifier: Apache-2.0
//
// Ways in which other virtio-blk devices were broken, each by the row that lists it: what was done
// to them is done here, and nothing comes of it.

#include <algorithm>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/virtio_blk_fixture.h"
#include "testing/guest/blk_request_builder.h"
#include "testing/guest/raw_ring.h"

namespace platter {
namespace {

constexpr uint32_t kScsiCommand = 2;
constexpr uint32_t kZoneReport = 16;

// A device on a ring that the test writes itself.
class VirtioBlkRows : public testing::Test, public BlkFixture {
 protected:
  void StartRing(uint16_t size) {
    ring = std::make_unique<RawRing>(*RawRing::Create(bus, size));
    mmio.BeginReset();
    world.RunUntilIdle();
    ASSERT_TRUE(mmio.ResetDone());
    ASSERT_TRUE(mmio.AcceptFeatures(mmio.DeviceFeatures()).ok());
    ASSERT_TRUE(mmio.StartQueue(0, ring->layout()).ok());
    mmio.DriverOk();
    world.RunUntilIdle();
  }
  void Give(const ChainBuilder& chain) {
    ring->MakeAvailable(chain.Place(*ring, 0));
    mmio.Notify(0);
    world.RunUntilIdle();
  }
  void ExpectWorks() {
    StartRing(16);
    BlkRequestBuilder request(bus, scratch);
    Give(request.In(3).To(data, 512).Chain());
    EXPECT_EQ(request.Status(), guest::kBlkOk);
    std::vector<uint8_t> read(512);
    ASSERT_TRUE(bus.Read(data, read));
    EXPECT_TRUE(std::equal(read.begin(), read.end(), backend.data.begin() + 3 * 512));
  }

  std::unique_ptr<RawRing> ring;
  const uint64_t scratch = *bus.Allocate(BlkRequestBuilder::kScratchBytes, 64);
  const uint64_t data = *bus.Allocate(4096, 4096);
};

// CVE-2026-5761: a report of zones into 1023 buffers of 510 MiB each.
TEST_F(VirtioBlkRows, R_BLK_02_AZoneReportIntoHalfATebibyte) {
  constexpr uint32_t kHuge = 0x1fe00000;
  MakeDevice({.queue_size = 1024});
  // As many as are still below 4 GiB together, and all.
  for (const uint32_t pieces : {8u, 1022u, 1023u}) {
    for (const uint32_t type : {kZoneReport, guest::kBlkIn, guest::kBlkGetId}) {
      SCOPED_TRACE(testing::Message() << pieces << " pieces, type " << type);
      StartRing(1024);
      const uint64_t turns = control.stats().turns;
      BlkRequestBuilder request(bus, scratch);
      request.Type(type);
      for (uint32_t i = 0; i < pieces; ++i) request.To(data, kHuge);
      // With 1023 the ring is full, and the last of them is where the status goes.
      Give(request.StatusBytes(pieces == 1023 ? 0 : 1).Chain());
      if (pieces == 8) {
        EXPECT_EQ(ring->UsedIndex(), 1);
        EXPECT_EQ(request.Status(), type == kZoneReport     ? guest::kBlkUnsupported
                                    : type == guest::kBlkIn ? guest::kBlkIoError
                                                            : guest::kBlkOk);
      } else {
        EXPECT_TRUE(mmio.NeedsReset());
        EXPECT_EQ(ring->UsedIndex(), 0);
      }
      EXPECT_TRUE(backend.asked.empty());
      EXPECT_EQ(control.buffers().outstanding(), 0u);
      EXPECT_LT(control.stats().turns - turns, 20u);
    }
  }
  ExpectWorks();
}

// CVE-2026-48914: SCSI_CMD whose answer goes to a single byte of device memory.
class VirtioBlkOneByte : public VirtioBlkRows, private GuestMemoryAccessor {
 protected:
  static constexpr uint64_t kByte = 0x80000000;

  void SetUp() override {
    std::vector<GuestMemory::Region> regions = bus.memory()->regions();
    regions.push_back({.address = kByte, .size = 1, .accessor = this});
    device = *VirtioBlk::Create({.id = "disk0"}, backend, control);
    transport = std::make_unique<MmioTransport>(*device, *GuestMemory::Create(regions, nullptr),
                                                bus.Line(1));
    ASSERT_TRUE(bus.mmio().Map(kFixtureBase, kMmioTransportBytes, *transport).ok());
  }
  void Read(uint64_t, std::span<uint8_t> out) override {
    ASSERT_EQ(out.size(), 1u);
    out[0] = 0;
  }
  void Write(uint64_t offset, std::span<const uint8_t> bytes) override {
    ASSERT_EQ(offset, 0u);
    ASSERT_EQ(bytes.size(), 1u);
    written.push_back(bytes[0]);
  }

  std::vector<uint8_t> written;
};

TEST_F(VirtioBlkOneByte, R_BLK_01_AScsiCommandAnswersIntoOneByteOfDeviceMemory) {
  constexpr uint32_t kCdbBytes = 6;
  constexpr uint32_t kSenseBytes = 96;
  for (const uint32_t type : {kScsiCommand, kScsiCommand + 1}) {
    // In the place of the answer's header; after data and sense; and as the status itself.
    StartRing(16);
    BlkRequestBuilder alone(bus, scratch);
    Give(alone.Type(type).From(data, kCdbBytes).To(kByte, 1).Chain());
    EXPECT_EQ(alone.Status(), guest::kBlkUnsupported);
    StartRing(16);
    BlkRequestBuilder whole(bus, scratch);
    whole.Type(type).From(data, kCdbBytes).To(data, 512).To(data + 512, kSenseBytes).To(kByte, 1);
    Give(whole.Chain());
    EXPECT_EQ(whole.Status(), guest::kBlkUnsupported);
    EXPECT_TRUE(written.empty());
    StartRing(16);
    BlkRequestBuilder status(bus, scratch);
    Give(status.Type(type).From(data, kCdbBytes).To(kByte, 1).StatusBytes(0).Chain());
    EXPECT_EQ(written, std::vector<uint8_t>{guest::kBlkUnsupported});
    EXPECT_EQ(ring->UsedEntry(0).bytes, 1u);
    written.clear();
    // More than the byte that is memory: nowhere to answer.
    StartRing(16);
    Give(status.Type(type).Chain().Writable(kByte, 4));
    EXPECT_TRUE(mmio.NeedsReset());
    EXPECT_TRUE(written.empty());
  }
  EXPECT_TRUE(backend.asked.empty());
  ExpectWorks();
}

// More queues than a word has bits.
TEST(VirtioBlkManyQueues, R_BLK_06_QueuesBeyondSixtyFour) {
  for (const uint16_t queues : {1, 63, 64, 65, 1024}) {
    SCOPED_TRACE(queues);
    BlkFixture fixture;
    fixture.MakeAll({.num_queues = queues, .queue_size = 8},
                    {.queues = queues, .queue_size = 8, .indirect_entries = 4});
    ASSERT_EQ(fixture.driver->queue_count(), queues);
    const uint64_t data = *fixture.bus.Allocate(512, 512);
    const GuestSegment segment = {data, 512};
    size_t requests = 0;
    for (const uint32_t queue : {0u, 62u, 63u, 64u, queues - 1u}) {
      if (queue >= queues) continue;
      EXPECT_EQ(*fixture.driver->Execute(static_cast<uint16_t>(queue),
                                         {.sector = queue, .data = {&segment, 1}}),
                guest::kBlkOk);
      std::vector<uint8_t> read(512);
      ASSERT_TRUE(fixture.bus.Read(data, read));
      EXPECT_TRUE(std::equal(read.begin(), read.end(),
                             fixture.backend.data.begin() + ptrdiff_t{queue} * 512));
      ++requests;
    }
    for (const uint32_t queue : {64u, 65u, 127u, 128u, 1024u, 0xffffu, 0x10000u, UINT32_MAX}) {
      if (queue >= queues) fixture.mmio.Set(guest::kMmioQueueNotify, queue);
    }
    fixture.world.RunUntilIdle();
    EXPECT_FALSE(fixture.mmio.NeedsReset());
    EXPECT_EQ(fixture.backend.asked.size(), requests);
    EXPECT_EQ(fixture.driver->ring_faults(), 0u);
  }
}

TEST(VirtioBlkManyQueues, R_BLK_06_QueuesThatWereNotStarted) {
  BlkFixture fixture;
  fixture.MakeAll({.num_queues = 65}, {.queues = 2});
  for (uint32_t queue = 0; queue < 65; ++queue) fixture.mmio.Set(guest::kMmioQueueNotify, queue);
  fixture.world.RunUntilIdle();
  EXPECT_FALSE(fixture.mmio.NeedsReset());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(*fixture.driver->Read(1, data), guest::kBlkOk);
}

// CVE-2026-63323: unplugged while a flush is under way.
class VirtioBlkUnplugRow : public testing::TestWithParam<FakeBlockDevice::OnCancel>,
                           public BlkFixture,
                           public BlkListener {
 protected:
  void OnBlkDone(uint64_t, uint8_t status) override { statuses.push_back(status); }
  std::vector<uint8_t> statuses;
};

INSTANTIATE_TEST_SUITE_P(Cancel, VirtioBlkUnplugRow,
                         testing::Values(FakeBlockDevice::OnCancel::kCompletes,
                                         FakeBlockDevice::OnCancel::kStays),
                         [](const auto& test) {
                           return test.param == FakeBlockDevice::OnCancel::kStays ? "Stays"
                                                                                  : "Completes";
                         });

TEST_P(VirtioBlkUnplugRow, R_VQ_24_UnplugWithAFlushHeld) {
  MakeAll();
  driver->set_listener(this);
  world.RunUntilIdle();
  backend.hold = true;
  backend.on_cancel = GetParam();
  ASSERT_TRUE(driver->Submit(0, {.type = guest::kBlkFlush}, 1));
  driver->Kick(0);
  world.RunUntilIdle();
  ASSERT_EQ(backend.held(), 1u);
  bool done = false;
  device->Unplug([&] { done = true; });
  world.RunUntilIdle();
  if (GetParam() == FakeBlockDevice::OnCancel::kStays) {
    EXPECT_FALSE(done) << "the flush would come back to a device that is gone";
    EXPECT_TRUE(backend.attached);
    backend.Release();
    world.RunUntilIdle();
  }
  ASSERT_TRUE(done);
  EXPECT_EQ(backend.cancels, 1u);
  EXPECT_FALSE(backend.attached);
  EXPECT_EQ(backend.channel_count(), 0u);
  bus.mmio().Unmap(kFixtureBase);
  device.reset();
  transport.reset();
  backend.Release();
  world.RunUntilIdle();
  driver->Abandon();
  EXPECT_EQ(statuses.size(), 1u);
  EXPECT_EQ(driver->ring_faults(), 0u);
}

}  // namespace
}  // namespace platter

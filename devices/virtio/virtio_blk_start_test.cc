// SPDX-License-Identifier: Apache-2.0
//
// What a request may look like, and what the answer is: the tables of virtio 1.3, 5.2.6, with
// requests built by hand on a bare ring.

#include <algorithm>
#include <array>
#include <memory>

#include "gtest/gtest.h"

#include "devices/virtio/virtio_blk_fixture.h"
#include "testing/guest/blk_request_builder.h"
#include "testing/guest/raw_ring.h"

namespace platter {
namespace {

constexpr uint64_t kSectors = kFixtureDiskBytes / 512;
constexpr uint8_t kNeedsReset = kVirtioStatusNeedsReset;

// A device whose one ring the test writes itself.
class VirtioBlkStartTest : public testing::Test, public BlkFixture {
 protected:
  static constexpr uint16_t kSize = 16;

  explicit VirtioBlkStartTest(const InProcessBus::Options& options = {}) : BlkFixture(1, options) {}

  void StartRaw(VirtioBlkOptions options = {}, uint64_t refused = 0) {
    MakeDevice(std::move(options));
    ring = std::make_unique<RawRing>(*RawRing::Create(bus, kSize));
    scratch = *bus.Allocate(BlkRequestBuilder::kScratchBytes, 64);
    data = *bus.Allocate(kDataBytes, 4096);
    StartAgain(refused);
  }
  void StartAgain(uint64_t refused = 0) {
    mmio.BeginReset();
    world.RunUntilIdle();
    ASSERT_TRUE(mmio.ResetDone());
    ASSERT_TRUE(mmio.Discover(kVirtioIdBlock).ok());
    ASSERT_TRUE(mmio.AcceptFeatures(mmio.DeviceFeatures() & ~refused).ok());
    ring->SetAvailIndex(0);
    ASSERT_TRUE(mmio.StartQueue(0, ring->layout()).ok());
    mmio.DriverOk();
    used = 0;
    world.RunUntilIdle();
  }
  BlkRequestBuilder Request() { return BlkRequestBuilder(bus, scratch); }
  // Puts the request on the ring and lets the device run. The status byte afterwards.
  uint8_t Run(const BlkRequestBuilder& request) {
    ring->MakeAvailable(request.Chain().Place(*ring, 0));
    mmio.Notify(0);
    world.RunUntilIdle();
    return request.Status();
  }
  // The used element of the request that ran last; bytes only.
  uint32_t Written() {
    EXPECT_EQ(ring->UsedIndex(), static_cast<uint16_t>(used + 1)) << "not completed once";
    return ring->UsedEntry(used++).bytes;
  }
  bool NeedsReset() { return (transport->status() & kNeedsReset) != 0; }

  static constexpr uint32_t kDataBytes = 64 * 1024;
  std::unique_ptr<RawRing> ring;
  uint64_t scratch = 0;
  uint64_t data = 0;
  uint16_t used = 0;
};

TEST_F(VirtioBlkStartTest, LengthIsWhatWasWritten) {
  StartRaw({.serial = "abc"});
  EXPECT_EQ(Run(Request().In(0).To(data, 1024)), guest::kBlkOk);
  EXPECT_EQ(Written(), 1025u);
  EXPECT_EQ(Run(Request().Out(0).From(data, 1024)), guest::kBlkOk);
  EXPECT_EQ(Written(), 1u);
  EXPECT_EQ(Run(Request().Flush()), guest::kBlkOk);
  EXPECT_EQ(Written(), 1u);
  EXPECT_EQ(Run(Request().GetId().To(data, 20)), guest::kBlkOk);
  EXPECT_EQ(Written(), 21u);
}

TEST_F(VirtioBlkStartTest, R_BLK_03_FailedReadClaimsNoData) {
  StartRaw();
  backend.next_error = -EIO;
  EXPECT_EQ(Run(Request().In(0).To(data, 1024)), guest::kBlkIoError);
  EXPECT_EQ(Written(), 1u);
  EXPECT_EQ(Run(Request().In(kSectors).To(data, 512)), guest::kBlkIoError);
  EXPECT_EQ(Written(), 1u);
}

TEST_F(VirtioBlkStartTest, EveryErrorOfTheMediumIsIoError) {
  StartRaw();
  for (IoResult error : {-EIO, -ENOSPC, -EACCES, -ENOMEDIUM, -ENOTSUP, -ECANCELED, -EINVAL}) {
    backend.next_error = error;
    EXPECT_EQ(Run(Request().Out(0).From(data, 512)), guest::kBlkIoError) << error;
    EXPECT_EQ(Written(), 1u);
  }
  EXPECT_FALSE(NeedsReset());
}

TEST_F(VirtioBlkStartTest, RangesOfReadsAndWrites) {
  StartRaw({.logical_block_size = 4096});
  struct Case {
    uint64_t sector;
    uint32_t bytes;
    uint8_t status;
  };
  const Case cases[] = {
      {0, 4096, guest::kBlkOk},
      {kSectors - 8, 4096, guest::kBlkOk},
      {kSectors, 0, guest::kBlkOk},
      {kSectors - 8, 8192, guest::kBlkIoError},
      {kSectors, 4096, guest::kBlkIoError},
      {kSectors + 8, 0, guest::kBlkIoError},
      {1, 4096, guest::kBlkIoError},  // Not on a block.
      {0, 512, guest::kBlkIoError},   // Not a whole one.
      {0, 4095, guest::kBlkIoError},
      {uint64_t{1} << 55, 4096, guest::kBlkIoError},  // Byte offset 2^64: R-BLK-05.
      {uint64_t{1} << 63, 4096, guest::kBlkIoError},
      {~uint64_t{0} - 7, 4096, guest::kBlkIoError},
  };
  for (const Case& c : cases) {
    auto in = Request();
    auto out = Request();
    in.In(c.sector);
    out.Out(c.sector);
    if (c.bytes != 0) {
      in.To(data, c.bytes);
      out.From(data, c.bytes);
    }
    backend.invalid = 0;
    EXPECT_EQ(Run(in), c.status) << c.sector << "+" << c.bytes;
    EXPECT_EQ(Written(), c.status == guest::kBlkOk ? c.bytes + 1 : 1);
    EXPECT_EQ(Run(out), c.status) << c.sector << "+" << c.bytes;
    EXPECT_EQ(Written(), 1u);
    EXPECT_EQ(backend.invalid, c.status == guest::kBlkOk ? 0u : 2u);
  }
}

TEST_F(VirtioBlkStartTest, FramingIsFree) {
  StartRaw();
  const std::vector<uint8_t> before = backend.data;
  for (uint32_t cut : {1, 8, 15}) {
    EXPECT_EQ(Run(Request().In(2).SplitHeaderAt(cut).To(data, 100).To(data + 100, 924)),
              guest::kBlkOk);
    EXPECT_EQ(Written(), 1025u);
    std::vector<uint8_t> seen(1024);
    ASSERT_TRUE(bus.Read(data, seen));
    EXPECT_TRUE(std::equal(seen.begin(), seen.end(), before.begin() + 1024));
  }
  // The end of the data and the status in one buffer.
  EXPECT_EQ(Run(Request().In(2).To(data, 33).StatusBytes(480)), guest::kBlkOk);
  EXPECT_EQ(Written(), 513u);
}

TEST_F(VirtioBlkStartTest, R_BLK_01_NoPlaceForHeaderOrStatusNeedsReset) {
  StartRaw();
  const BlkRequestBuilder bad[] = {
      Request().In(0).HeaderBytes(0).To(data, 512),
      Request().In(0).HeaderBytes(1).To(data, 512),
      Request().In(0).HeaderBytes(15).To(data, 512),
      Request().Out(0).From(data, 512).StatusBytes(0),
  };
  for (const BlkRequestBuilder& request : bad) {
    ring->MakeAvailable(request.Chain().Place(*ring, 0));
    mmio.Notify(0);
    world.RunUntilIdle();
    EXPECT_TRUE(NeedsReset());
    EXPECT_TRUE(mmio.TakeInterrupts().config);
    EXPECT_EQ(ring->UsedIndex(), used);
    // Nothing moves until the reset; after it everything works.
    ring->MakeAvailable(0);
    mmio.Notify(0);
    world.RunUntilIdle();
    EXPECT_EQ(ring->UsedIndex(), used);
    ring = std::make_unique<RawRing>(*RawRing::Create(bus, kSize));
    StartAgain();
    EXPECT_FALSE(NeedsReset());
    EXPECT_EQ(Run(Request().In(0).To(data, 512)), guest::kBlkOk);
    EXPECT_EQ(Written(), 513u);
  }
}

TEST_F(VirtioBlkStartTest, UnknownTypesAreUnsupported) {
  StartRaw();
  // R-BLK-01: SCSI_CMD is 2; R-BLK-02: ZONE_REPORT is 16.
  for (uint32_t type : {2u, 3u, 5u, 9u, 10u, 12u, 14u, 15u, 16u, 26u, 0x80000000u, 0xffffffffu}) {
    EXPECT_EQ(Run(Request().Type(type).To(data, 1)), guest::kBlkUnsupported) << type;
    EXPECT_EQ(Written(), 1u);
  }
  EXPECT_TRUE(backend.asked.empty());
}

TEST_F(VirtioBlkStartTest, GetIdIsPaddedAndCut) {
  StartRaw({.serial = "12345678901234567890"});
  std::array<uint8_t, 64> bytes;
  bytes.fill(0xee);
  ASSERT_TRUE(bus.Write(data, bytes));
  EXPECT_EQ(Run(Request().GetId().To(data, 40)), guest::kBlkOk);
  EXPECT_EQ(Written(), 21u);
  ASSERT_TRUE(bus.Read(data, bytes));
  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 20), "12345678901234567890");
  EXPECT_EQ(bytes[20], 0xee);
  EXPECT_EQ(Run(Request().GetId().To(data, 7)), guest::kBlkOk);
  EXPECT_EQ(Written(), 8u);
  EXPECT_EQ(Run(Request().GetId()), guest::kBlkOk);
  EXPECT_EQ(Written(), 1u);
  // C-20: a reset changes nothing about it.
  StartAgain();
  ring = std::make_unique<RawRing>(*RawRing::Create(bus, kSize));
  StartAgain();
  EXPECT_EQ(Run(Request().GetId().To(data, 20)), guest::kBlkOk);
}

TEST_F(VirtioBlkStartTest, R_BLK_05_DiscardAndWriteZeroes) {
  StartRaw();
  struct Case {
    bool discard;
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags;
    uint8_t status;
  };
  const Case cases[] = {
      {true, 0, 8, 0, guest::kBlkOk},
      {true, 0, 0, 0, guest::kBlkOk},
      {true, 0, 8, 1, guest::kBlkUnsupported},  // unmap on discard
      {true, 0, 8, 2, guest::kBlkUnsupported},
      {true, 0, 8, 0x80000000, guest::kBlkUnsupported},
      {true, kSectors, 1, 0, guest::kBlkIoError},
      {true, kSectors - 1, 2, 0, guest::kBlkIoError},
      {true, ~uint64_t{0}, 1, 0, guest::kBlkIoError},
      {true, uint64_t{1} << 55, 8, 0, guest::kBlkIoError},
      {true, 0, 0xffffffff, 0, guest::kBlkIoError},
      {true, 0, kVirtioBlkMaxSegmentSectors + 1, 0, guest::kBlkIoError},
      {false, 8, 8, 0, guest::kBlkOk},
      {false, 8, 8, 1, guest::kBlkOk},
      {false, 8, 8, 2, guest::kBlkUnsupported},
      {false, 8, 8, 3, guest::kBlkUnsupported},
      {false, kSectors - 1, 2, 1, guest::kBlkIoError},
      {false, ~uint64_t{0}, 0xffffffff, 0, guest::kBlkIoError},
  };
  for (const Case& c : cases) {
    backend.asked.clear();
    auto request = Request();
    (c.discard ? request.Discard() : request.WriteZeroes()).Range(c.sector, c.sectors, c.flags);
    EXPECT_EQ(Run(request), c.status) << c.sector << "+" << c.sectors << " flags " << c.flags;
    EXPECT_EQ(Written(), 1u);
    if (c.status != guest::kBlkOk || c.sectors == 0) {
      EXPECT_TRUE(backend.asked.empty());
      continue;
    }
    const FakeBlockDevice::Asked expected = {c.discard ? IoOp::kDiscard : IoOp::kWriteZeroes,
                                             c.sector * 512, c.sectors * 512ull,
                                             c.flags == 1 ? IoFlags::kMayUnmap : IoFlags::kNone};
    ASSERT_EQ(backend.asked.size(), 1u);
    EXPECT_EQ(backend.asked[0], expected);
  }
}

TEST_F(VirtioBlkStartTest, R_BLK_05_SegmentsOneAfterTheOther) {
  StartRaw();
  auto request = Request().Discard();
  for (uint32_t i = 0; i < kVirtioBlkMaxSegments; ++i) request.Range(i * 16, i % 3);
  EXPECT_EQ(Run(request), guest::kBlkOk);
  EXPECT_EQ(Written(), 1u);
  EXPECT_EQ(backend.asked.size(), 10u);  // Those of no sectors ask for nothing.
  request.Range(0, 1);                   // One too many.
  EXPECT_EQ(Run(request), guest::kBlkIoError);
  EXPECT_EQ(Written(), 1u);
  EXPECT_EQ(Run(Request().Discard()), guest::kBlkIoError);  // None at all.
  EXPECT_EQ(Written(), 1u);
  EXPECT_EQ(Run(Request().Discard().From(data, 17)), guest::kBlkIoError);
  EXPECT_EQ(Written(), 1u);
  // A bad one anywhere: nothing is done at all.
  backend.asked.clear();
  EXPECT_EQ(Run(Request().WriteZeroes().Range(0, 1).Range(8, 1, 4)), guest::kBlkUnsupported);
  EXPECT_EQ(Run(Request().WriteZeroes().Range(0, 1).Range(kSectors, 1)), guest::kBlkIoError);
  EXPECT_TRUE(backend.asked.empty());
  // One that fails ends the request.
  used = ring->UsedIndex();
  backend.next_error = -ENOSPC;
  EXPECT_EQ(Run(Request().WriteZeroes().Range(0, 1).Range(8, 1)), guest::kBlkIoError);
  EXPECT_EQ(Written(), 1u);
  EXPECT_EQ(backend.asked.size(), 1u);
}

TEST_F(VirtioBlkStartTest, R_VQ_18_ReadOnlyHoldsWhateverWasAcknowledged) {
  backend.read_only = true;
  for (uint64_t refused : {uint64_t{0}, kVirtioBlkFRo}) {
    if (device == nullptr) {
      StartRaw({}, refused);
    } else {
      ring = std::make_unique<RawRing>(*RawRing::Create(bus, kSize));
      StartAgain(refused);
    }
    const std::vector<uint8_t> before = backend.data;
    EXPECT_EQ(Run(Request().Out(0).From(data, 512)), guest::kBlkIoError);
    EXPECT_EQ(Run(Request().Discard().Range(0, 8)), guest::kBlkUnsupported);  // Not offered.
    EXPECT_EQ(Run(Request().WriteZeroes().Range(0, 8)), guest::kBlkUnsupported);
    EXPECT_EQ(Run(Request().In(0).To(data, 512)), guest::kBlkOk);
    EXPECT_EQ(backend.data, before);
  }
}

TEST_F(VirtioBlkStartTest, WhatWasNotNegotiatedIsUnsupported) {
  StartRaw({}, kVirtioBlkFDiscard | kVirtioBlkFWriteZeroes);
  EXPECT_EQ(Run(Request().Discard().Range(0, 8)), guest::kBlkUnsupported);
  EXPECT_EQ(Run(Request().WriteZeroes().Range(0, 8)), guest::kBlkUnsupported);
}

TEST_F(VirtioBlkStartTest, DataThatIsNoMemoryIsAnErrorOfTheRequest) {
  StartRaw();
  EXPECT_EQ(Run(Request().In(0).To(ChainBuilder::kHole, 512)), guest::kBlkIoError);
  EXPECT_EQ(Run(Request().Out(0).From(ChainBuilder::kHole, 512)), guest::kBlkIoError);
  EXPECT_EQ(Run(Request().In(0).To(~uint64_t{0} - 511, 512)), guest::kBlkIoError);
  // R-BLK-07: the device's own registers are no memory.
  EXPECT_EQ(Run(Request().In(0).To(kFixtureBase, 512)), guest::kBlkIoError);
  EXPECT_TRUE(backend.asked.empty());
  EXPECT_EQ(Run(Request().In(0).To(data, 512)), guest::kBlkOk);
  EXPECT_FALSE(NeedsReset());
}

// Three regions in a row: buffers cross borders that are none in the guest.
class VirtioBlkRegionsTest : public VirtioBlkStartTest {
 protected:
  VirtioBlkRegionsTest()
      : VirtioBlkStartTest({.regions = {{0x40000000, kMiB},
                                        {0x40100000, 0x1000},
                                        {0x40101000, 0x1000},
                                        {0x40102000, kMiB}}}) {}
};

TEST_F(VirtioBlkRegionsTest, R_VQ_13_BuffersAcrossRegions) {
  StartRaw();
  constexpr uint64_t kBuffer = 0x40100000 - 512;
  constexpr uint32_t kLength = 512 + 0x2000 + 512;
  EXPECT_EQ(Run(Request().In(5).To(kBuffer, kLength)), guest::kBlkOk);
  EXPECT_EQ(Written(), kLength + 1);
  std::vector<uint8_t> seen(kLength);
  ASSERT_TRUE(bus.memory()->Read(kBuffer, seen));
  EXPECT_TRUE(std::equal(seen.begin(), seen.end(), backend.data.begin() + 5 * 512));
  // Many pieces, each across a border.
  auto request = Request().Out(64);
  for (int i = 0; i < 8; ++i) request.From(0x40100000 - 256, 512);
  EXPECT_EQ(Run(request), guest::kBlkOk);
  EXPECT_EQ(Written(), 1u);
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(
        std::equal(seen.begin() + 256, seen.begin() + 768, backend.data.begin() + (64 + i) * 512));
  }
}

}  // namespace
}  // namespace platter

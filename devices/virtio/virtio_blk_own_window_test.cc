// SPDX-License-Identifier: Apache-2.0
//
// R-BLK-07, I8: addresses in the device's own register window, everywhere a driver can give one:
// data both ways, header, status, ranges, indirect table and each part of the ring. In a machine
// the window is no memory; and where a hypervisor makes it some, the device's accesses come back to
// it as register accesses, resets and notifications among them, and none of them starts another.

#include <algorithm>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/virtio_blk_fixture.h"
#include "testing/guest/blk_request_builder.h"
#include "testing/guest/raw_ring.h"

namespace platter {
namespace {

enum class Window : uint8_t { kNoMemory, kDeviceMemory };

class VirtioBlkOwnWindow : public testing::TestWithParam<Window>,
                           public BlkFixture,
                           private GuestMemoryAccessor {
 protected:
  static constexpr uint16_t kSize = 8;

  void SetUp() override {
    std::vector<GuestMemory::Region> regions = bus.memory()->regions();
    if (GetParam() == Window::kDeviceMemory) {
      regions.push_back({.address = kFixtureBase, .size = kMmioTransportBytes, .accessor = this});
    }
    device = *VirtioBlk::Create({.id = "disk0"}, backend, control);
    transport = std::make_unique<MmioTransport>(*device, *GuestMemory::Create(regions, nullptr),
                                                bus.Line(1));
    ASSERT_TRUE(bus.mmio().Map(kFixtureBase, kMmioTransportBytes, *transport).ok());
    ring = std::make_unique<RawRing>(*RawRing::Create(bus, kSize));
  }
  void TearDown() override { EXPECT_LE(deepest, 1) << "an access led to another one"; }

  void Start(const RingLayout& layout) {
    mmio.BeginReset();
    world.RunUntilIdle();
    ASSERT_TRUE(mmio.ResetDone());
    ASSERT_TRUE(mmio.AcceptFeatures(mmio.DeviceFeatures()).ok());
    ring->SetAvailIndex(0);
    // The driver looks whether the queue is ready; whether its address is good is seen later.
    ASSERT_TRUE(mmio.StartQueue(0, layout).ok());
    mmio.DriverOk();
    world.RunUntilIdle();
  }
  void Give(const ChainBuilder& chain) {
    ring->MakeAvailable(chain.Place(*ring, 0));
    mmio.Notify(0);
    world.RunUntilIdle();
    EXPECT_EQ(backend.held(), 0u);
    EXPECT_EQ(control.buffers().outstanding(), 0u);
  }
  void ExpectWorks() {
    Start(ring->layout());
    BlkRequestBuilder request(bus, scratch);
    Give(request.In(9).To(data, 512).Chain());
    ASSERT_EQ(request.Status(), guest::kBlkOk);
    ASSERT_FALSE(mmio.NeedsReset());
    std::vector<uint8_t> read(512);
    ASSERT_TRUE(bus.Read(data, read));
    ASSERT_TRUE(std::equal(read.begin(), read.end(), backend.data.begin() + 9 * 512));
  }

  // As a machine that has the window in its memory map forwards it: in words where it can.
  void Read(uint64_t offset, std::span<uint8_t> out) override {
    ForEachWord(offset, out.size(), [&](uint64_t at, uint64_t index, unsigned width) {
      const uint64_t value = bus.mmio().Read(at, width);
      for (unsigned i = 0; i < width; ++i) out[index + i] = static_cast<uint8_t>(value >> (8 * i));
    });
  }
  void Write(uint64_t offset, std::span<const uint8_t> bytes) override {
    ForEachWord(offset, bytes.size(), [&](uint64_t at, uint64_t index, unsigned width) {
      uint64_t value = 0;
      for (unsigned i = 0; i < width; ++i) value |= uint64_t{bytes[index + i]} << (8 * i);
      bus.mmio().Write(at, width, value);
    });
  }
  template <typename Visit>
  void ForEachWord(uint64_t offset, uint64_t bytes, Visit visit) {
    deepest = std::max(deepest, ++depth);
    for (uint64_t index = 0; index < bytes;) {
      const bool word = (offset + index) % 4 == 0 && bytes - index >= 4;
      visit(kFixtureBase + offset + index, index, word ? 4 : 1);
      index += word ? 4 : 1;
    }
    --depth;
    ++accesses;
  }

  std::unique_ptr<RawRing> ring;
  const uint64_t scratch = *bus.Allocate(BlkRequestBuilder::kScratchBytes, 64);
  const uint64_t data = *bus.Allocate(4096, 4096);
  int depth = 0;
  int deepest = 0;
  uint64_t accesses = 0;
};

INSTANTIATE_TEST_SUITE_P(Windows, VirtioBlkOwnWindow,
                         testing::Values(Window::kNoMemory, Window::kDeviceMemory),
                         [](const auto& test) {
                           return test.param == Window::kNoMemory ? "NoMemory" : "DeviceMemory";
                         });

TEST_P(VirtioBlkOwnWindow, R_BLK_07_Data) {
  // What is read into the registers: zeroes (the status: a reset), ones (notifications), anything.
  for (const uint32_t word : {0u, 1u, 0xfu, 0xffffffffu, 0x01020304u}) {
    for (size_t i = 0; i < 512; ++i) {
      backend.data[i] = static_cast<uint8_t>(word >> (8 * (i % 4)));
    }
    for (const uint64_t offset : {uint64_t{0}, kMmioTransportBytes / 2}) {
      for (const uint32_t bytes : {512u, 256u, 20u}) {
        SCOPED_TRACE(testing::Message() << word << " at " << offset << "+" << bytes);
        for (const uint32_t type : {guest::kBlkIn, guest::kBlkOut, guest::kBlkGetId}) {
          Start(ring->layout());
          BlkRequestBuilder request(bus, scratch);
          request.Type(type);
          const uint32_t rest = 512 - bytes % 512;
          if (type == guest::kBlkOut) {
            request.From(kFixtureBase + offset, bytes).From(data, rest);
          } else {
            request.To(kFixtureBase + offset, bytes).To(data, rest);
          }
          Give(request.Chain());
          ExpectWorks();
        }
      }
    }
  }
  EXPECT_EQ(accesses != 0, GetParam() == Window::kDeviceMemory);
}

TEST_P(VirtioBlkOwnWindow, R_BLK_07_HeaderAndRanges) {
  for (uint64_t offset = 0; offset + 16 <= kMmioTransportBytes; offset += 4) {
    SCOPED_TRACE(offset);
    Start(ring->layout());
    Give(ChainBuilder()
             .Readable(kFixtureBase + offset, 16)
             .Writable(data, 512)
             .Writable(scratch + 64, 1));
    ExpectWorks();
    Start(ring->layout());
    BlkRequestBuilder request(bus, scratch);
    Give(request.Discard().From(kFixtureBase + offset, 16).Chain());
    ExpectWorks();
  }
}

TEST_P(VirtioBlkOwnWindow, R_BLK_07_Status) {
  for (uint64_t offset = 0; offset < kMmioTransportBytes; ++offset) {
    SCOPED_TRACE(offset);
    for (const bool fails : {false, true}) {
      Start(ring->layout());
      BlkRequestBuilder request(bus, scratch);
      request.In(fails ? UINT64_MAX : 0).To(data, 512).To(kFixtureBase + offset, 1).StatusBytes(0);
      Give(request.Chain());
    }
    ExpectWorks();
  }
}

TEST_P(VirtioBlkOwnWindow, R_BLK_07_IndirectTable) {
  for (uint64_t offset = 0; offset + 64 <= kMmioTransportBytes; offset += 4) {
    SCOPED_TRACE(offset);
    Start(ring->layout());
    ring->SetDescriptor(
        0,
        {.address = kFixtureBase + offset, .length = 64, .flags = guest::kDescIndirect, .next = 0});
    ring->MakeAvailable(0);
    mmio.Notify(0);
    world.RunUntilIdle();
    ExpectWorks();
  }
}

TEST_P(VirtioBlkOwnWindow, R_BLK_07_Rings) {
  BlkRequestBuilder request(bus, scratch);
  const ChainBuilder chain = request.In(0).To(data, 512).Chain();
  for (uint64_t offset = 0; offset < kMmioTransportBytes; offset += 4) {
    for (int part = 0; part < 3; ++part) {
      SCOPED_TRACE(testing::Message() << "part " << part << " at " << offset);
      RingLayout layout = ring->layout();
      uint64_t& moved = part == 0 ? layout.descriptors : part == 1 ? layout.driver : layout.device;
      moved = kFixtureBase + offset;
      Start(layout);
      // Several, so that entries of the used ring go to several registers.
      for (int i = 0; i < 4; ++i) Give(chain);
      ExpectWorks();
    }
  }
}

}  // namespace
}  // namespace platter

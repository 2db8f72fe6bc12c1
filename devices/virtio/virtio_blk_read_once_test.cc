// SPDX-License-Identifier: Apache-2.0
//
// R-VQ-21: another vCPU may change the guest's memory between two looks, so the device looks once:
// every byte that says what is to be done, and every byte of data, is read once. What is meant to
// be looked at again are the driver's index and its two words about notifications.
//
// Memory without host addresses is what can be counted; the other way is the same code but for the
// copy itself. blk_program.h has memory that does change.

#include <map>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/virtio_blk_fixture.h"
#include "testing/guest/blk_request_builder.h"
#include "testing/guest/raw_ring.h"

namespace platter {
namespace {

// The bus's memory without host addresses, and how often each byte was read.
class CountedMemory final : public GuestMemoryAccessor {
 public:
  CountedMemory(InProcessBus& bus, const GuestMemory::Region& region)
      : bus_(bus), region_(region) {}

  GuestMemory::Region region() {
    return {.address = region_.address, .size = region_.size, .accessor = this};
  }
  uint32_t reads(uint64_t address) const {
    const auto found = reads_.find(address);
    return found == reads_.end() ? 0 : found->second;
  }
  void Forget() { reads_.clear(); }

 private:
  void Read(uint64_t offset, std::span<uint8_t> out) override {
    ASSERT_TRUE(bus_.Read(region_.address + offset, out));
    for (size_t i = 0; i < out.size(); ++i) ++reads_[region_.address + offset + i];
  }
  void Write(uint64_t offset, std::span<const uint8_t> bytes) override {
    ASSERT_TRUE(bus_.Write(region_.address + offset, bytes));
  }

  InProcessBus& bus_;
  const GuestMemory::Region region_;
  std::map<uint64_t, uint32_t> reads_;
};

enum class Table : uint8_t { kDirect, kIndirect };

class VirtioBlkReadOnce : public testing::TestWithParam<Table>, public BlkFixture {
 protected:
  static constexpr uint16_t kSize = 16;

  VirtioBlkReadOnce() : BlkFixture(1, {.regions = {{0x40000000, kMiB}}}) {}

  void SetUp() override {
    counted = std::make_unique<CountedMemory>(bus, bus.memory()->regions().front());
    device = *VirtioBlk::Create({.id = "disk0"}, backend, control);
    transport = std::make_unique<MmioTransport>(
        *device, *GuestMemory::Create({counted->region()}, nullptr), bus.Line(1));
    ASSERT_TRUE(bus.mmio().Map(kFixtureBase, kMmioTransportBytes, *transport).ok());
    ring = std::make_unique<RawRing>(*RawRing::Create(bus, kSize));
    mmio.BeginReset();
    ASSERT_TRUE(mmio.AcceptFeatures(mmio.DeviceFeatures()).ok());
    ASSERT_TRUE(mmio.StartQueue(0, ring->layout()).ok());
    mmio.DriverOk();
    world.RunUntilIdle();
  }

  // Runs it, and expects the chain of `pieces` descriptors and the entry to have been read once.
  uint8_t Run(const BlkRequestBuilder& request) {
    ChainBuilder chain = request.Chain();
    if (GetParam() == Table::kIndirect) chain.Indirect(table);
    const uint16_t slot = ring->AvailIndex();
    ring->MakeAvailable(chain.Place(*ring, 0));
    counted->Forget();
    mmio.Notify(0);
    world.RunUntilIdle();
    EXPECT_EQ(ring->UsedIndex(), static_cast<uint16_t>(slot + 1));
    ExpectReads(ring->layout().driver + guest::kRingEntries + uint64_t{2} * (slot % kSize), 2, 1);
    const uint64_t descriptors = ring->layout().descriptors;
    const uint64_t bytes = chain.size() * sizeof(guest::RingDescriptor);
    if (GetParam() == Table::kIndirect) {
      ExpectReads(descriptors, sizeof(guest::RingDescriptor), 1);
      ExpectReads(table, bytes, 1);
    } else {
      ExpectReads(descriptors, bytes, 1);
    }
    ExpectReads(scratch, sizeof(guest::BlkHeader), 1);
    return request.Status();
  }
  void ExpectReads(uint64_t address, uint64_t bytes, uint32_t count) {
    for (uint64_t i = 0; i < bytes; ++i) {
      ASSERT_EQ(counted->reads(address + i), count) << "byte " << i << " of " << bytes;
    }
  }
  BlkRequestBuilder Request() { return BlkRequestBuilder(bus, scratch); }

  std::unique_ptr<CountedMemory> counted;
  std::unique_ptr<RawRing> ring;
  const uint64_t scratch = *bus.Allocate(BlkRequestBuilder::kScratchBytes, 64);
  const uint64_t table = *bus.Allocate(1024, 16);
  const uint64_t data = *bus.Allocate(8192, 4096);
};

INSTANTIATE_TEST_SUITE_P(Tables, VirtioBlkReadOnce,
                         testing::Values(Table::kDirect, Table::kIndirect), [](const auto& test) {
                           return test.param == Table::kDirect ? "Direct" : "Indirect";
                         });

TEST_P(VirtioBlkReadOnce, R_VQ_21_Writes) {
  EXPECT_EQ(Run(Request().Out(1).From(data, 512)), guest::kBlkOk);
  ExpectReads(data, 512, 1);
  // More pieces than a request has room for in itself, cut anywhere.
  BlkRequestBuilder many = Request();
  many.Out(1);
  for (uint64_t i = 0; i < 8; ++i) many.From(data + i * 1000, i == 7 ? 328 : 100);
  EXPECT_EQ(Run(many), guest::kBlkIoError) << "1028 bytes are no sectors";
  ExpectReads(data, 8192, 0);
  BlkRequestBuilder fits = Request();
  fits.Out(1).SplitHeaderAt(7);
  for (uint64_t i = 0; i < 8; ++i) fits.From(data + i * 1000, 64);
  EXPECT_EQ(Run(fits), guest::kBlkOk);
  for (uint64_t i = 0; i < 8; ++i) ExpectReads(data + i * 1000, 64, 1);
}

TEST_P(VirtioBlkReadOnce, R_VQ_21_Reads) {
  EXPECT_EQ(Run(Request().In(1).To(data, 512).To(data + 1024, 512)), guest::kBlkOk);
  ExpectReads(data, 8192, 0);
  EXPECT_EQ(Run(Request().GetId().To(data, 20)), guest::kBlkOk);
  ExpectReads(data, 8192, 0);
}

TEST_P(VirtioBlkReadOnce, R_VQ_21_Ranges) {
  constexpr uint64_t kRangesOffset = 512;  // BlkRequestBuilder's.
  for (const bool zeroes : {false, true}) {
    BlkRequestBuilder request = Request();
    zeroes ? request.WriteZeroes() : request.Discard();
    for (uint64_t i = 0; i < 5; ++i) request.Range(i * 16, 8);
    EXPECT_EQ(Run(request), guest::kBlkOk);
    ExpectReads(scratch + kRangesOffset, 5 * sizeof(guest::BlkRange), 1);
  }
  // One that is refused is not looked at again either.
  EXPECT_EQ(Run(Request().Discard().Range(0, 8).Range(1, 8, 0x80)), guest::kBlkUnsupported);
  ExpectReads(scratch + kRangesOffset, 2 * sizeof(guest::BlkRange), 1);
}

TEST_P(VirtioBlkReadOnce, R_VQ_21_FlushesAndUnknownTypes) {
  EXPECT_EQ(Run(Request().Flush()), guest::kBlkOk);
  EXPECT_EQ(Run(Request().Type(99).To(data, 512)), guest::kBlkUnsupported);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/ring_area.h"

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/ring/ring_fixture.h"

namespace platter {
namespace {

TEST(RingArea, MappedAndNotMappedAreTheSame) {
  for (auto access : {RingFixture::Access::kMapped, RingFixture::Access::kAccessor}) {
    RingFixture ring(4, access);
    RingArea area;
    ASSERT_TRUE(area.Attach(*ring.memory, RingFixture::kUsed, 64, DmaAccess::kDeviceWrites));
    area.StoreRelease16(2, 0x1234);
    area.Store64(4, 0x11223344, 0x55667788);
    EXPECT_EQ(ring.UsedIndex(), 0x1234);
    EXPECT_EQ(ring.UsedEntry(0), (RingFixture::Used{0x11223344, 0x55667788}));
    EXPECT_EQ(area.Load16(2), 0x1234);
    EXPECT_EQ(area.LoadAcquire16(2), 0x1234);
    const RingArea::Words words = area.Load128(0);
    EXPECT_EQ(words.low, ring.Get<uint64_t>(RingFixture::kUsed));
    EXPECT_EQ(words.high, ring.Get<uint64_t>(RingFixture::kUsed + 8));
  }
}

TEST(RingArea, NotAttachedReadsZeroAndDropsWrites) {
  RingArea area;
  area.StoreRelease16(0, 1);
  area.Store64(0, 1, 1);
  EXPECT_EQ(area.Load16(0), 0);
  EXPECT_EQ(area.Load128(0).low, 0u);
  RingFixture ring(4);
  EXPECT_FALSE(area.Attach(*ring.memory, 0, 16, DmaAccess::kDeviceReads));
  EXPECT_EQ(area.LoadAcquire16(0), 0);
}

TEST(RingArea, WritesAreLoggedWhereTheyAreOrElsewhere) {
  class Log final : public DirtyLog {
   public:
    void MarkDirty(uint64_t address, uint64_t bytes) override {
      ranges.emplace_back(address, bytes);
    }
    std::vector<std::pair<uint64_t, uint64_t>> ranges;
  };
  using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;
  constexpr uint64_t kAt = RingFixture::kUsed;
  for (auto access : {RingFixture::Access::kMapped, RingFixture::Access::kAccessor}) {
    RingFixture ring(4, access);
    Log log;
    ring.memory->SetDirtyLog(&log);
    RingArea area;
    ASSERT_TRUE(area.Attach(*ring.memory, kAt, 64, DmaAccess::kDeviceWrites));
    area.StoreRelease16(2, 1);
    area.Store64(12, 1, 1);
    EXPECT_EQ(log.ranges, (Ranges{{kAt + 2, 2}, {kAt + 12, 8}}));
    log.ranges.clear();
    area.LogAs(0x123000);
    area.StoreRelease16(2, 2);
    area.Store64(4, 1, 1);
    std::erase_if(log.ranges, [](const auto& range) { return range.first < 0x123000; });
    EXPECT_EQ(log.ranges, (Ranges{{0x123002, 2}, {0x123004, 8}}));
  }
}

TEST(RingArea, HostMemoryThatIsNotAlignedIsReachedByBytes) {
  for (size_t shift = 0; shift < 16; ++shift) {
    std::vector<uint8_t> bytes(256);
    const auto memory = *GuestMemory::Create(
        {{.address = 0x1000, .size = 128, .host = bytes.data() + shift}}, nullptr);
    RingArea area;
    ASSERT_TRUE(area.Attach(*memory, 0x1010, 64, DmaAccess::kDeviceWrites));
    area.StoreRelease16(2, 0xabcd);
    EXPECT_EQ(area.Load16(2), 0xabcd);
    EXPECT_EQ(bytes[shift + 0x12], 0xcd);
    EXPECT_EQ(area.Load128(0).low, uint64_t{0xabcd} << 16);
  }
}

// A driver on another thread never sees half an index. 0x00ff and 0x0100 differ in both bytes.
TEST(RingArea, R_VQ_23_IndexIsNeverTorn) {
  RingFixture ring(4);
  RingArea area;
  ASSERT_TRUE(area.Attach(*ring.memory, RingFixture::kUsed, 64, DmaAccess::kDeviceWrites));
  area.StoreRelease16(2, 0x00ff);
  std::atomic<bool> stop{false};
  std::thread driver([&] {
    const auto* index = reinterpret_cast<const uint16_t*>(
        ring.host + (RingFixture::kUsed - RingFixture::kBase) + 2);
    uint32_t torn = 0;
    for (int i = 0; i < 200000; ++i) {
      const uint16_t seen = __atomic_load_n(index, __ATOMIC_ACQUIRE);
      if (seen != 0x00ff && seen != 0x0100) ++torn;
    }
    EXPECT_EQ(torn, 0u);
    stop = true;
  });
  while (!stop) {
    area.StoreRelease16(2, 0x0100);
    area.StoreRelease16(2, 0x00ff);
  }
  driver.join();
}

}  // namespace
}  // namespace platter

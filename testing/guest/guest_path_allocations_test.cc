// SPDX-License-Identifier: Apache-2.0
//
// The guest's side of the path of a request allocates nothing and takes no lock: benchmarks measure
// the device, not the guest.

#include <vector>

#include "gtest/gtest.h"

#include "base/mutex.h"
#include "testing/alloc_counter/alloc_counter.h"
#include "testing/guest/memory_bus.h"
#include "testing/guest/virtio_blk_queue.h"

namespace platter {
namespace {

// The shortest device there is: completes what is available, on the ring's memory itself.
class Echo {
 public:
  Echo(MemoryBus& bus, const RingLayout& layout)
      : size_(layout.size),
        avail_(bus.TryMap(layout.driver, guest::AvailBytes(layout.size))),
        used_(bus.TryMap(layout.device, guest::UsedBytes(layout.size))) {}

  void CompleteAll() {
    while (next_ != Get(avail_ + guest::kRingIndex)) {
      const uint32_t slot = next_ % size_;
      const guest::UsedElement element = {.id = Get(avail_ + guest::kRingEntries + 2 * slot),
                                          .length = 1u};
      std::memcpy(used_ + guest::kRingEntries + sizeof(element) * slot, &element, sizeof(element));
      ++next_;
    }
    const Le16 index = next_;
    std::memcpy(used_ + guest::kRingIndex, &index, sizeof(index));
  }

 private:
  static uint16_t Get(const uint8_t* at) {
    Le16 value;
    std::memcpy(&value, at, sizeof(value));
    return value.get();
  }

  const uint16_t size_;
  uint8_t* const avail_;
  uint8_t* const used_;
  uint16_t next_ = 0;
};

TEST(GuestPathAllocationsTest, SubmitAndReapAllocateAndLockNothing) {
  ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
  for (const uint16_t indirect : {uint16_t{0}, uint16_t{34}}) {
    MemoryBus bus(Mapping::kMapped, 4 * kMiB);
    const auto queue = *VirtioBlkQueue::Create(
        bus, {.size = 128, .event_index = EventIndex::kOn, .indirect_entries = indirect});
    Echo device(bus, queue->ring().layout());
    const std::vector<GuestSegment> data(32, {MemoryBus::kBase, 512});

    const AllocationWindow allocations;
    const uint64_t locks = Mutex::TotalAcquisitions();
    uint64_t done = 0;
    uint64_t submitted = 0;
    while (done < 100'000) {
      for (uint64_t i = 0; i < 32; ++i) {
        const BlkCommand command = {.type = submitted % 2 == 0 ? guest::kBlkIn : guest::kBlkOut,
                                    .sector = submitted,
                                    .data = std::span(data).first(1 + submitted % 32)};
        if (!queue->Submit(command, submitted)) break;
        ++submitted;
      }
      queue->Publish();
      device.CompleteAll();
      queue->Reap([&](uint64_t, uint8_t, uint32_t) { ++done; });
      queue->ring().EnableInterrupts();
    }
    EXPECT_EQ(allocations.count(), 0u);
    EXPECT_EQ(Mutex::TotalAcquisitions(), locks);
    EXPECT_EQ(done, submitted);
    EXPECT_EQ(queue->ring().faults().total(), 0u);
  }
}

}  // namespace
}  // namespace platter

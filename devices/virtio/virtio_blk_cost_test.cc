// SPDX-License-Identifier: Apache-2.0
//
// What a request costs a virtio-blk device: no allocation, no lock.

#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/mutex.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/ring/split_inflight.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/alloc_counter/alloc_counter.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_queue.h"

namespace platter {
namespace {

constexpr uint32_t kDepth = 32;
constexpr uint32_t kMaxPieces = 32;

class VirtioBlkCostTest : public testing::TestWithParam<VirtioRingOptions> {
 protected:
  VirtioBlkCostTest() {
    backend.record = false;
    device =
        *VirtioBlk::Create({.id = "d", .ring = GetParam()}, backend, context);  // Locks are on.
    transport = std::make_unique<DirectTransport>(*device, bus.Vectors(0));
    EXPECT_TRUE(transport->SetMemory(bus.memory()).ok());
    EXPECT_TRUE(transport->SetFeatures(transport->offered_features()).ok());
    queue = *VirtioBlkQueue::Create(
        bus, {.size = 256,
              .event_index = EventIndex::kOn,
              .indirect_entries = 40,
              .format = GetParam().packed ? RingFormat::kPacked : RingFormat::kSplit,
              .order = GetParam().in_order ? UseOrder::kInOrder : UseOrder::kAny});
    EXPECT_TRUE(transport->StartQueue(0, Layout()).ok());
    const uint64_t data = *bus.Allocate(uint64_t{kMaxPieces} * 4096, 4096);
    for (uint32_t i = 0; i < kMaxPieces; ++i) segments.push_back({data + uint64_t{i} * 4096, 512});
  }
  ~VirtioBlkCostTest() override {
    bus.memory()->SetDirtyLog(nullptr);
    bool done = false;
    device->Unplug([&] { done = true; });
    world.RunUntil([&] { return done; });
  }

  QueueLayout Layout() const {
    const RingLayout& layout = queue->ring().layout();
    return {.size = layout.size,
            .descriptors = layout.descriptors,
            .driver = layout.driver,
            .device = layout.device,
            .next_avail = FirstPlace(transport->offered_features()),
            .next_used = FirstPlace(transport->offered_features())};
  }
  // Stops, and goes on with requests in flight recorded and dirty pages logged.
  void Record() {
    bool stopped = false;
    QueueLayout layout = Layout();
    transport->StopQueue(0, [&](DirectTransport::Position at) {
      layout.next_avail = at.next_avail;
      layout.next_used = at.next_used;
      stopped = true;
    });
    world.RunUntil([&] { return stopped; });
    region.resize(SplitInflight::Bytes(layout.size) / sizeof(uint64_t));
    layout.inflight = {.host = reinterpret_cast<uint8_t*>(region.data()), .entries = layout.size};
    ASSERT_TRUE(SplitInflight::Recover(layout.inflight, layout.size, layout.next_used).ok());
    ASSERT_TRUE(transport->StartQueue(0, layout).ok());
    bus.memory()->SetDirtyLog(&log);
  }

  // `count` requests in batches: reads and writes of 1 ... 32 pieces, flushes.
  void Run(uint32_t count) {
    static constexpr uint32_t kTypes[] = {guest::kBlkIn, guest::kBlkOut, guest::kBlkIn,
                                          guest::kBlkFlush};
    for (uint32_t done = 0; done < count; done += kDepth) {
      for (uint32_t i = 0; i < kDepth; ++i) {
        const uint32_t type = kTypes[i % 4];
        const size_t pieces = type == guest::kBlkFlush ? 0 : 1 + (done / kDepth + i) % kMaxPieces;
        ASSERT_TRUE(
            queue->Submit({.type = type, .sector = i, .data = {segments.data(), pieces}}, i));
      }
      if (queue->Publish()) transport->Kick(0);
      while (context.RunReady()) {
      }
      uint32_t bad = 0;
      const uint32_t reaped =
          queue->Reap([&](uint64_t, uint8_t status, uint32_t) { bad += status != guest::kBlkOk; });
      ASSERT_EQ(reaped, kDepth);
      ASSERT_EQ(bad, 0u);
      queue->ring().EnableInterrupts();
    }
  }

  // Nothing is counted before all has been used once.
  void ExpectNothingSpent() {
    ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
    Run(kDepth * kMaxPieces * 2);
    const uint32_t count = AllocationsAreCounted() ? 100'000 : 1'000;
    const AllocationWindow window;
    const uint64_t locks = Mutex::TotalAcquisitions();
    Run(count);
    EXPECT_EQ(window.count(), 0u);
    EXPECT_EQ(Mutex::TotalAcquisitions(), locks);
    EXPECT_EQ(queue->ring().faults().total(), 0u);
  }

  class Log final : public DirtyLog {
   public:
    void MarkDirty(uint64_t, uint64_t bytes) override { marked += bytes; }
    uint64_t marked = 0;
  };

  std::vector<uint64_t> region;
  Log log;
  SimulatedWorld world{1};
  AioContext& context = world.NewContext("io");
  InProcessBus bus{context, {}};
  FakeBlockDevice backend{kMiB};
  std::unique_ptr<VirtioBlk> device;
  std::unique_ptr<DirectTransport> transport;
  std::unique_ptr<VirtioBlkQueue> queue;
  std::vector<GuestSegment> segments;
};

INSTANTIATE_TEST_SUITE_P(Rings, VirtioBlkCostTest,
                         testing::Values(VirtioRingOptions{}, VirtioRingOptions{.packed = true},
                                         VirtioRingOptions{.in_order = true},
                                         VirtioRingOptions{.packed = true, .in_order = true}));

TEST_P(VirtioBlkCostTest, NoAllocationAndNoLockForARequest) { ExpectNothingSpent(); }

// Recorded where the ring is split.
TEST_P(VirtioBlkCostTest, NorWhereItIsRecordedAndLogged) {
  ASSERT_NO_FATAL_FAILURE(Record());
  ExpectNothingSpent();
  EXPECT_NE(log.marked, 0u);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// What a READ or WRITE costs a virtio-scsi adapter: no allocation, no lock, with a disk and with a
// drive whose tray belongs to the control context.

#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/mutex.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "testing/alloc_counter/alloc_counter.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/virtio_scsi_queue.h"

namespace platter {
namespace {

constexpr uint32_t kDepth = 32;
constexpr uint32_t kMaxPieces = 32;
constexpr uint32_t kPieceBytes = 2048;

class VirtioScsiCostTest : public testing::Test {
 protected:
  VirtioScsiCostTest() {
    disk_backend.record = false;
    cd_backend.record = false;
    adapter = *VirtioScsi::Create({.id = "s", .iothreads = {&io}}, control);  // Locks are on.
    EXPECT_TRUE(adapter->AddUnit({}, *ScsiDisk::Create({.id = "d"}, disk_backend)).ok());
    EXPECT_TRUE(
        adapter->AddUnit({.target = 1, .lun = 0}, *ScsiCd::Create({.id = "c"}, cd_backend, control))
            .ok());
    transport = std::make_unique<DirectTransport>(*adapter, bus.Vectors(0));
    EXPECT_TRUE(transport->SetMemory(bus.memory()).ok());
    EXPECT_TRUE(transport->SetFeatures(transport->offered_features()).ok());
    queue = *VirtioScsiQueue::Create(
        bus, {.size = 256, .event_index = EventIndex::kOn, .indirect_entries = 40});
    const RingLayout& layout = queue->ring().layout();
    EXPECT_TRUE(transport
                    ->StartQueue(guest::kScsiRequestQueue, {.size = layout.size,
                                                            .descriptors = layout.descriptors,
                                                            .driver = layout.driver,
                                                            .device = layout.device})
                    .ok());
    const uint64_t data = *bus.Allocate(kMaxPieces * 4096, 4096);
    for (uint32_t i = 0; i < kMaxPieces; ++i) segments.push_back({data + i * 4096, kPieceBytes});
    for (uint16_t pieces = 0; pieces <= kMaxPieces; ++pieces) {
      reads.push_back(ScsiRead10(0, pieces * 4));
      writes.push_back(ScsiWrite10(0, pieces * 4));
      cd_reads.push_back(ScsiRead10(0, pieces));
    }
  }
  ~VirtioScsiCostTest() override {
    bool done = false;
    adapter->Unplug([&] { done = true; });
    world.RunUntil([&] { return done; });
  }

  // One of a batch: a read or write of the disk, or a read of the CD, of 1 ... 32 pieces.
  bool Submit(uint32_t i, size_t pieces) {
    const std::span data(segments.data(), pieces);
    switch (i % 4) {
      case 0:
      case 1:
        return queue->Submit({.lun = guest::ScsiLunOf(0, 0), .cdb = reads[pieces], .in = data}, i);
      case 2:
        return queue->Submit({.lun = guest::ScsiLunOf(0, 0), .cdb = writes[pieces], .out = data},
                             i);
      default:
        return queue->Submit({.lun = guest::ScsiLunOf(1, 0), .cdb = cd_reads[pieces], .in = data},
                             i);
    }
  }
  // `count` requests in batches. Those that fail are counted: attentions, at first.
  uint32_t Run(uint32_t count) {
    uint32_t bad = 0;
    for (uint32_t done = 0; done < count; done += kDepth) {
      for (uint32_t i = 0; i < kDepth; ++i) {
        EXPECT_TRUE(Submit(i, 1 + (done / kDepth + i) % kMaxPieces));
      }
      if (queue->Publish()) transport->Kick(guest::kScsiRequestQueue);
      while (io.RunReady()) {
      }
      const uint32_t reaped = queue->Reap([&](uint64_t, const ScsiQueueAnswer& answer) {
        bad += answer.response != guest::kScsiOk || answer.status != 0 || answer.residual != 0;
      });
      EXPECT_EQ(reaped, kDepth);
      queue->ring().EnableInterrupts();
    }
    return bad;
  }

  SimulatedWorld world{1};
  AioContext& control = world.NewContext("control");
  AioContext& io = world.NewContext("io");
  InProcessBus bus{control, {}};
  FakeBlockDevice disk_backend{kMiB};
  FakeBlockDevice cd_backend{kMiB};
  std::unique_ptr<VirtioScsi> adapter;
  std::unique_ptr<DirectTransport> transport;
  std::unique_ptr<VirtioScsiQueue> queue;
  std::vector<GuestSegment> segments;
  std::vector<std::vector<uint8_t>> reads;
  std::vector<std::vector<uint8_t>> writes;
  std::vector<std::vector<uint8_t>> cd_reads;
};

TEST_F(VirtioScsiCostTest, NoAllocationAndNoLockForACommand) {
  ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
  EXPECT_EQ(Run(kDepth * kMaxPieces * 2), 2u);
  const uint32_t count = AllocationsAreCounted() ? 100'000 : 1'000;
  const AllocationWindow window;
  const uint64_t locks = Mutex::TotalAcquisitions();
  EXPECT_EQ(Run(count), 0u);
  EXPECT_EQ(window.count(), 0u);
  EXPECT_EQ(Mutex::TotalAcquisitions(), locks);
}

}  // namespace
}  // namespace platter

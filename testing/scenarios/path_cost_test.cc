// SPDX-License-Identifier: Apache-2.0
//
// What a request costs on its way virtio-blk -> backend -> driver, in allocations and locks: none,
// on any thread, once warm. Two queues on two I/O threads (two channels), requests of 1 to 32
// segments, reads, writes and flushes, depth 32.

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "base/mutex.h"
#include "testing/alloc_counter/alloc_counter.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/scenarios/path_machine.h"

namespace platter {
namespace {

constexpr uint32_t kDepth = 32;
constexpr uint32_t kMaxSegments = 32;
constexpr uint16_t kQueues = 2;
constexpr auto kPatience = std::chrono::seconds(120);

class PathCost : public testing::TestWithParam<CostPath> {
 protected:
  void SetUp() override {
    absl::Status status = host_.Start(GetParam(), kQueues);
    ASSERT_TRUE(status.ok()) << status;
    status = host_.AddDevice(
        "virtio-blk,id=vd0,drive=d0,num-queues=2,queue-size=256,"
        "iothread-vq-mapping.0.iothread=io0,iothread-vq-mapping.1.iothread=io1");
    ASSERT_TRUE(status.ok()) << status;
    ProbeDisk();
  }

  void ProbeDisk() {
    const auto at = *host_.machine().LocationOf<VirtioMmioLocation>("vd0");
    transport_ = std::make_unique<VirtioMmioDriver>(
        host_.bus(), VirtioMmioDriver::Place{.base = at.mmio_base, .line = at.irq});
    VirtioBlkDriver::Options options;
    options.queues = kQueues;
    options.queue_size = 256;
    options.indirect_entries = kMaxSegments + 2;
    driver_ = std::make_unique<VirtioBlkDriver>(host_.bus(), *transport_, options);
    const absl::Status probed = driver_->Probe();
    ASSERT_TRUE(probed.ok()) << probed;
    ASSERT_EQ(driver_->queue_count(), kQueues);
    for (uint32_t i = 0; i < kQueues * kDepth * kMaxSegments; ++i) {
      segments_.push_back({.address = *host_.bus().Allocate(512, 512), .bytes = 512});
    }
  }

  // Keeps kDepth requests in flight on both queues until `count` more are done.
  void Run(uint64_t count) {
    uint64_t started = 0;
    uint64_t done = 0;
    std::array<uint32_t, kQueues> in_flight{};
    std::array<std::array<bool, kDepth>, kQueues> busy{};
    const Instant limit = clock_.Now() + kPatience;
    while (done < count) {
      for (uint16_t q = 0; q < kQueues; ++q) {
        VirtioBlkQueue& queue = driver_->queue(q);
        const uint32_t finished = queue.Reap([&](uint64_t token, uint8_t status, uint32_t) {
          busy[q][token] = false;
          failed_ += status == guest::kBlkOk ? 0 : 1;
        });
        done += finished;
        in_flight[q] -= finished;
        for (uint32_t slot = 0; slot < kDepth && started < count; ++slot) {
          if (busy[q][slot] || !Submit(queue, q, slot)) continue;
          busy[q][slot] = true;
          ++in_flight[q];
          ++started;
        }
        if (queue.Publish()) transport_->Notify(q);
      }
      host_.context().RunReady();
      if (clock_.Now() > limit) break;
    }
    ASSERT_EQ(done, count) << "requests did not complete in time";
    EXPECT_EQ(in_flight[0] + in_flight[1], 0u);
  }

  bool Submit(VirtioBlkQueue& queue, uint16_t q, uint32_t slot) {
    const uint64_t n = next_++;
    BlkCommand command;
    if (n % 17 == 16) {
      command.type = guest::kBlkFlush;
    } else {
      // Every number of segments, read and written.
      const auto count = static_cast<uint32_t>(n % kMaxSegments + 1);
      command.type = n / kMaxSegments % 2 == 0 ? guest::kBlkIn : guest::kBlkOut;
      ++(command.type == guest::kBlkIn ? reads_ : writes_)[count];
      command.sector = n * 37 % (kPathDiskBytes / 512 - kMaxSegments);
      command.data = std::span(segments_).subspan(size_t{q * kDepth + slot} * kMaxSegments, count);
    }
    return queue.Submit(command, slot);
  }

  MonotonicClock clock_;
  PathMachine host_;
  std::unique_ptr<VirtioMmioDriver> transport_;
  std::unique_ptr<VirtioBlkDriver> driver_;
  std::vector<GuestSegment> segments_;
  uint64_t next_ = 0;
  uint64_t failed_ = 0;
  // Transfers submitted, by their number of segments.
  std::array<uint32_t, kMaxSegments + 1> reads_{};
  std::array<uint32_t, kMaxSegments + 1> writes_{};
};

TEST_P(PathCost, NoAllocationAndNoLockOnAnyThread) {
  ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
  const uint64_t count = kBuiltWithSanitizer ? 2'000 : 100'000;
  ASSERT_NO_FATAL_FAILURE(Run(count / 4));  // Warm: pools have grown, pages are there.
  reads_ = writes_ = {};
  const AllocationWindow allocations;
  const uint64_t locks = Mutex::TotalAcquisitions();
  ASSERT_NO_FATAL_FAILURE(Run(count));
  EXPECT_EQ(allocations.count(), 0u);
  EXPECT_EQ(Mutex::TotalAcquisitions() - locks, 0u);
  EXPECT_EQ(failed_, 0u);
  EXPECT_EQ(driver_->ring_faults(), 0u);
  for (uint32_t segments = 1; segments <= kMaxSegments; ++segments) {
    EXPECT_GT(reads_[segments], 0u) << segments << " segments";
    EXPECT_GT(writes_[segments], 0u) << segments << " segments";
  }
}

// The counters see what they are to see.
TEST(PathCostCounters, AnAllocationAndALockAreCounted) {
  const AllocationWindow allocations;
  const uint64_t locks = Mutex::TotalAcquisitions();
  auto made = std::make_unique<Mutex>();
  MutexLock lock(*made);
  EXPECT_EQ(allocations.count(), kBuiltWithSanitizer ? 0u : 1u);
  EXPECT_EQ(Mutex::TotalAcquisitions() - locks, 1u);
}

INSTANTIATE_TEST_SUITE_P(Paths, PathCost, testing::ValuesIn(CostPaths()), NameOfPath);

}  // namespace
}  // namespace platter

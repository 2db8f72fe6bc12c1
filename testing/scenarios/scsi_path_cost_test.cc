// SPDX-License-Identifier: Apache-2.0
//
// What a command costs on its way virtio-scsi -> SCSI disk -> backend -> driver, in allocations and
// locks: none, on any thread, once warm. Two queues on two I/O threads, commands of 1 to 32
// segments, reads, writes and cache synchronizations, depth 32.

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "gtest/gtest.h"

#include "base/bytes.h"
#include "base/mutex.h"
#include "testing/alloc_counter/alloc_counter.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_scsi_driver.h"
#include "testing/scenarios/path_machine.h"

namespace platter {
namespace {

constexpr uint32_t kDepth = 32;
constexpr uint32_t kMaxSegments = 32;
constexpr uint16_t kQueues = 2;
constexpr guest::ScsiLun kLun = guest::ScsiLunOf(0, 0);
constexpr auto kPatience = std::chrono::seconds(120);

class ScsiPathCost : public testing::TestWithParam<CostPath> {
 protected:
  void SetUp() override {
    absl::Status status = host_.Start(GetParam(), kQueues);
    ASSERT_TRUE(status.ok()) << status;
    status = host_.AddDevice(
        "virtio-scsi,id=scsi0,num-queues=2,virtqueue_size=256,"
        "iothread-vq-mapping.0.iothread=io0,iothread-vq-mapping.1.iothread=io1");
    ASSERT_TRUE(status.ok()) << status;
    status = host_.AddDevice("scsi-hd,id=sd0,drive=d0");
    ASSERT_TRUE(status.ok()) << status;
    ProbeDisk();
  }

  void ProbeDisk() {
    const auto at = *host_.machine().LocationOf<VirtioMmioLocation>("scsi0");
    transport_ = std::make_unique<VirtioMmioDriver>(
        host_.bus(), VirtioMmioDriver::Place{.base = at.mmio_base, .line = at.irq});
    VirtioScsiDriver::Options options;
    options.queues = kQueues;
    options.queue_size = 256;
    options.indirect_entries = kMaxSegments + 2;
    driver_ = std::make_unique<VirtioScsiDriver>(host_.bus(), *transport_, options);
    const absl::Status probed = driver_->Probe();
    ASSERT_TRUE(probed.ok()) << probed;
    ASSERT_EQ(driver_->queue_count(), kQueues);
    VirtioScsiUnit unit(*driver_, kLun);
    ASSERT_TRUE(ScsiInitiator(unit).ClearAttentions()->good());
    for (uint32_t i = 0; i < kQueues * kDepth * kMaxSegments; ++i) {
      segments_.push_back({.address = *host_.bus().Allocate(512, 512), .bytes = 512});
    }
  }

  // Keeps kDepth commands in flight on both queues until `count` more are done.
  void Run(uint64_t count) {
    uint64_t started = 0;
    uint64_t done = 0;
    std::array<std::array<bool, kDepth>, kQueues> busy{};
    const Instant limit = clock_.Now() + kPatience;
    while (done < count) {
      for (uint16_t q = 0; q < kQueues; ++q) {
        VirtioScsiQueue& queue = driver_->queue(q);
        done += queue.Reap([&](uint64_t token, const ScsiQueueAnswer& answer) {
          busy[q][token] = false;
          failed_ +=
              answer.response != guest::kScsiOk || answer.status != 0 || answer.residual != 0;
        });
        for (uint32_t slot = 0; slot < kDepth && started < count; ++slot) {
          if (busy[q][slot] || !Submit(queue, q, slot)) continue;
          busy[q][slot] = true;
          ++started;
        }
        if (queue.Publish())
          transport_->Notify(static_cast<uint16_t>(guest::kScsiRequestQueue + q));
      }
      host_.context().RunReady();
      if (clock_.Now() > limit) break;
    }
    ASSERT_EQ(done, count) << "commands did not complete in time";
  }

  bool Submit(VirtioScsiQueue& queue, uint16_t q, uint32_t slot) {
    constexpr uint8_t kRead10 = 0x28;
    constexpr uint8_t kWrite10 = 0x2a;
    constexpr uint8_t kSynchronizeCache10 = 0x35;
    const uint64_t n = next_++;
    std::array<uint8_t, 10> cdb{};
    ScsiQueueCommand command = {.lun = kLun, .tag = n, .cdb = cdb};
    if (n % 17 == 16) {
      cdb[0] = kSynchronizeCache10;
      return queue.Submit(command, slot);
    }
    // Every number of segments, read and written.
    const auto count = static_cast<uint32_t>(n % kMaxSegments + 1);
    const bool read = n / kMaxSegments % 2 == 0;
    ++(read ? reads_ : writes_)[count];
    cdb[0] = read ? kRead10 : kWrite10;
    const Be32 lba = static_cast<uint32_t>(n * 37 % (kPathDiskBytes / 512 - kMaxSegments));
    std::memcpy(&cdb[2], &lba, sizeof(lba));
    cdb[8] = static_cast<uint8_t>(count);
    (read ? command.in : command.out) =
        std::span(segments_).subspan(size_t{q * kDepth + slot} * kMaxSegments, count);
    return queue.Submit(command, slot);
  }

  MonotonicClock clock_;
  PathMachine host_;
  std::unique_ptr<VirtioMmioDriver> transport_;
  std::unique_ptr<VirtioScsiDriver> driver_;
  std::vector<GuestSegment> segments_;
  uint64_t next_ = 0;
  uint64_t failed_ = 0;
  // Commands submitted, by their number of segments.
  std::array<uint32_t, kMaxSegments + 1> reads_{};
  std::array<uint32_t, kMaxSegments + 1> writes_{};
};

TEST_P(ScsiPathCost, NoAllocationAndNoLockOnAnyThread) {
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

INSTANTIATE_TEST_SUITE_P(Paths, ScsiPathCost, testing::ValuesIn(CostPaths()), NameOfPath);

}  // namespace
}  // namespace platter

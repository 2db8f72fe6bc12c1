// SPDX-License-Identifier: Apache-2.0
//
// What a request costs on the way through PCI, its notification through the bus's windows and its
// interrupt as a message or by the line: no allocation, no lock.

#include <cstdint>
#include <memory>

#include "gtest/gtest.h"

#include "base/mutex.h"
#include "base/status.h"
#include "devices/pci/virtio_pci_fixture.h"
#include "testing/alloc_counter/alloc_counter.h"
#include "testing/guest/virtio_blk_queue.h"

namespace platter {
namespace {

using Interrupts = VirtioPciDriver::Interrupts;

class VirtioPciCostTest : public testing::TestWithParam<Interrupts>, protected PciBlkFixture {
 protected:
  void SetUp() override {
    backend.record = false;
    MakeDevice({}, {.interrupts = GetParam()});  // Locks are on.
    AgreeToAll();
    queue_ = *VirtioBlkQueue::Create(
        bus, {.size = 64, .event_index = EventIndex::kOn, .indirect_entries = 8});
    ASSERT_TRUE(pci->StartQueue(0, queue_->ring().layout()).ok());
    pci->DriverOk();
    segment_ = {*bus.Allocate(4096, 4096), 4096};
  }
  void TearDown() override {
    queue_.reset();
    Unplug();
  }
  // One at a time, each with its notification and its interrupt.
  void Run(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      ASSERT_TRUE(queue_->Submit(
          {.type = i % 2 == 0 ? guest::kBlkIn : guest::kBlkOut, .data = {&segment_, 1}}, i));
      queue_->Publish();
      pci->Notify(0);
      while (control.RunReady()) {
      }
      interrupts_ += pci->TakeInterrupts().used ? 1 : 0;
      uint32_t good = 0;
      queue_->Reap([&](uint64_t, uint8_t status, uint32_t) { good += status == guest::kBlkOk; });
      ASSERT_EQ(good, 1u);
      queue_->ring().EnableInterrupts();
    }
  }

  std::unique_ptr<VirtioBlkQueue> queue_;
  GuestSegment segment_;
  uint64_t interrupts_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Ways, VirtioPciCostTest,
                         testing::Values(Interrupts::kMsix, Interrupts::kLine),
                         [](const auto& test) {
                           return test.param == Interrupts::kMsix ? "Messages" : "Line";
                         });

TEST_P(VirtioPciCostTest, NoAllocationAndNoLockForARequest) {
  ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
  Run(1000);
  interrupts_ = 0;
  constexpr uint32_t kCount = 10'000;
  const AllocationWindow window;
  const uint64_t locks = Mutex::TotalAcquisitions();
  Run(kCount);
  EXPECT_EQ(window.count(), 0u);
  EXPECT_EQ(Mutex::TotalAcquisitions(), locks);
  EXPECT_EQ(interrupts_, kCount);
}

}  // namespace
}  // namespace platter

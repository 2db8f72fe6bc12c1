// SPDX-License-Identifier: Apache-2.0
//
// A virtio-blk device on PCI among real threads: its queues in an I/O thread, a driver on one vCPU,
// and other vCPUs at the same registers.

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/aio_context.h"
#include "aio/create.h"
#include "base/arith.h"
#include "devices/testing/fake_block_device.h"
#include "devices/testing/loop_thread.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_pci_slot_fixture.h"

namespace platter {
namespace {

class VirtioPciThreadsTest : public testing::Test {
 protected:
  void Make(const VirtioPciSlot::Options& options) {
    for (size_t i = 0; i < backend_.data.size(); ++i) {
      backend_.data[i] = static_cast<uint8_t>(i / 512);
    }
    backend_.record = false;
    device_ = *VirtioBlk::Create({.id = "d", .num_queues = 2, .iothreads = {&io_.context()}},
                                 backend_, *control_);
    slot_ = std::make_unique<VirtioPciSlot>(bus_, *device_, options);
    pci_ = std::make_unique<VirtioPciDriver>(bus_, slot_->place());
    driver_ = std::make_unique<VirtioBlkDriver>(bus_, *pci_, VirtioBlkDriver::Options{});
    ASSERT_TRUE(driver_->Probe().ok());
  }
  ~VirtioPciThreadsTest() override {
    bool done = false;
    device_->Unplug([&] { done = true; });
    control_->RunUntil([&] { return done; });
    driver_.reset();
    device_.reset();
  }
  // Reads while `disturb` runs over and over on another thread.
  template <typename Disturb>
  void ReadAmong(const Disturb& disturb) {
    std::atomic<bool> stop{false};
    std::thread other([&] {
      while (!stop.load()) disturb();
    });
    for (uint64_t i = 0; i < 200; ++i) {
      const uint64_t sector = i * 7 % 2000;
      std::vector<uint8_t> data(512);
      const auto answer = driver_->Read(sector, data);
      EXPECT_TRUE(answer.ok() && *answer == guest::kBlkOk) << answer.status();
      EXPECT_EQ(data[511], static_cast<uint8_t>(sector));
      if (HasFailure()) break;
    }
    stop.store(true);
    other.join();
  }

  std::unique_ptr<AioContext> control_ =
      *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  LoopThread io_{"io"};
  InProcessBus bus_{*control_, {}};
  FakeBlockDevice backend_{kMiB};
  std::unique_ptr<VirtioPciSlot> slot_;
  std::unique_ptr<VirtioBlk> device_;
  std::unique_ptr<VirtioPciDriver> pci_;
  std::unique_ptr<VirtioBlkDriver> driver_;
};

TEST_F(VirtioPciThreadsTest, MasksAndMovesAmongMessages) {
  Make({});
  const uint64_t table = pci_->config().bar(2);
  const auto low = static_cast<uint32_t>(table);
  PciConfigSpace other(bus_, {.access = PciConfigSpace::Access::kEcam,
                              .ecam_base = VirtioPciSlot::kEcam,
                              .device = VirtioPciSlot::kDevice});
  ReadAmong([&] {
    bus_.WriteRegister32(RegisterSpace::kMmio, table + 16 + 12, 1);
    other.Read(0x06, 2);
    bus_.WriteRegister32(RegisterSpace::kMmio, table + 16 + 12, 0);
    other.Write(0x18, 4, low + 0x100000);
    bus_.ReadRegister(RegisterSpace::kMmio, table, 8);
    other.Write(0x18, 4, low);
    bus_.ReadRegister(RegisterSpace::kMmio, pci_->common(), 8);
  });
}

TEST_F(VirtioPciThreadsTest, DisablingTheLineAmongInterrupts) {
  Make({.interrupts = VirtioPciDriver::Interrupts::kLine});
  PciConfigSpace other(bus_, {.access = PciConfigSpace::Access::kEcam,
                              .ecam_base = VirtioPciSlot::kEcam,
                              .device = VirtioPciSlot::kDevice});
  ReadAmong([&] {
    other.Write(0x04, 2, 0x0406);
    other.Read(0x06, 2);
    other.Write(0x04, 2, 0x0006);
    pci_->GetCommon(0x14, 1);
  });
}

TEST_F(VirtioPciThreadsTest, ResetsAmongOthersAccesses) {
  Make({});
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> stop{false};
    std::thread other([&] {
      while (!stop.load()) {
        bus_.WriteRegister(RegisterSpace::kMmio, pci_->notify(), 2, 0);
        pci_->GetCommon(0x18, 8);
      }
    });
    std::vector<uint8_t> data(512);
    const auto answer = driver_->Read(static_cast<uint64_t>(i), data);
    EXPECT_TRUE(answer.ok() && *answer == guest::kBlkOk) << answer.status();
    const absl::Status reset = driver_->Reset();
    EXPECT_TRUE(reset.ok()) << reset;
    stop.store(true);
    other.join();
    ASSERT_TRUE(driver_->Probe().ok());
  }
}

}  // namespace
}  // namespace platter

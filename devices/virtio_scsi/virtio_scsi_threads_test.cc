// SPDX-License-Identifier: Apache-2.0
//
// virtio-scsi on real threads: commands on two queues in two I/O threads, while the control context
// resets and aborts, plugs and pulls units, and moves a tray.

#include <chrono>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "base/arith.h"
#include "base/status.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/testing/fake_block_device.h"
#include "devices/testing/loop_thread.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_scsi_driver.h"

namespace platter {
namespace {

constexpr uint64_t kBase = 0xa000000;
constexpr uint32_t kInFlight = 8;  // Per queue.
constexpr uint32_t kBytes = 2048;
constexpr uint32_t kBuffers = 256;  // In turn: none is used again while it is in flight.
constexpr auto kPatience = std::chrono::seconds(120);
constexpr guest::ScsiLun kDisk = guest::ScsiLunOf(0, 0);
constexpr guest::ScsiLun kDrive = guest::ScsiLunOf(1, 0);

class VirtioScsiThreadsTest : public testing::Test, private ScsiListener {
 protected:
  VirtioScsiThreadsTest() {
    for (FakeBlockDevice* backend : {&disk_, &cd_, &plugged_}) backend->record = false;
    adapter_ = *VirtioScsi::Create(
        {.id = "s", .num_queues = 2, .iothreads = {&io0_.context(), &io1_.context()}}, *control_);
    EXPECT_TRUE(adapter_->AddUnit({}, *ScsiDisk::Create({.id = "d"}, disk_)).ok());
    EXPECT_TRUE(
        adapter_->AddUnit({.target = 1, .lun = 0}, *ScsiCd::Create({.id = "c"}, cd_, *control_))
            .ok());
    transport_ = std::make_unique<MmioTransport>(*adapter_, bus_.memory(), bus_.Line(1));
    EXPECT_TRUE(bus_.mmio().Map(kBase, kMmioTransportBytes, *transport_).ok());
    driver_ = std::make_unique<VirtioScsiDriver>(
        bus_, mmio_, VirtioScsiDriver::Options{.queues = 2, .timeout = kPatience});
    EXPECT_TRUE(driver_->Probe().ok());
    driver_->set_listener(this);
    buffer_ = *bus_.Allocate(uint64_t{kBuffers} * kBytes, 4096);
  }
  ~VirtioScsiThreadsTest() override {
    bool done = false;
    adapter_->Unplug([&] { done = true; });
    control_->RunUntil([&] { return done; });
    driver_.reset();
    bus_.mmio().Unmap(kBase);
    adapter_.reset();
  }

  // Fills both queues up with reads, of the disk and of the drive.
  void Fill() {
    for (uint16_t queue = 0; queue < 2; ++queue) {
      while (in_flight_[queue] < kInFlight) {
        const uint64_t token = next_token_++;
        const GuestSegment data = {buffer_ + token % kBuffers * kBytes, kBytes};
        const bool drive = token % 4 == 0;
        const std::vector<uint8_t> cdb =
            ScsiRead10(static_cast<uint32_t>(token % 8), drive ? 1 : 4);
        ASSERT_TRUE(driver_->Submit(
            queue,
            {.lun = drive ? kDrive : kDisk, .tag = token, .cdb = cdb, .in = std::span(&data, 1)},
            token));
        queue_of_[token] = queue;
        ++in_flight_[queue];
      }
      driver_->Kick(queue);
    }
  }
  void Drain() {
    ASSERT_TRUE(driver_->WaitUntil([&] { return queue_of_.empty(); }, kPatience));
  }

  uint64_t completed_ = 0;
  uint64_t next_token_ = 1;
  std::unique_ptr<AioContext> control_ =
      *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  LoopThread io0_{"io0"};
  LoopThread io1_{"io1"};
  InProcessBus bus_{*control_, {}};
  FakeBlockDevice disk_{kMiB};
  FakeBlockDevice cd_{kMiB};
  FakeBlockDevice plugged_{kMiB};
  std::unique_ptr<MmioTransport> transport_;
  std::unique_ptr<VirtioScsi> adapter_;
  VirtioMmioDriver mmio_{bus_, {.base = kBase, .line = 1}};
  std::unique_ptr<VirtioScsiDriver> driver_;

 private:
  void OnScsiDone(uint64_t token, const ScsiQueueAnswer& answer) override {
    const auto at = queue_of_.find(token);
    ASSERT_NE(at, queue_of_.end()) << "answered twice";
    --in_flight_[at->second];
    queue_of_.erase(at);
    ++completed_;
    // Done, aborted or reset; or told of an attention, or of a tray that is open.
    EXPECT_TRUE(answer.response == guest::kScsiOk || answer.response == guest::kScsiAborted ||
                answer.response == guest::kScsiReset || answer.response == guest::kScsiNotWritten)
        << int{answer.response};
  }

  uint64_t buffer_ = 0;
  uint32_t in_flight_[2] = {};
  std::map<uint64_t, uint16_t> queue_of_;
};

TEST_F(VirtioScsiThreadsTest, R_SCSI_12_ResetsAndAbortsBesideCommands) {
  using guest::ScsiFunction;
  const ScsiFunction functions[] = {ScsiFunction::kUnitReset, ScsiFunction::kAbortTaskSet,
                                    ScsiFunction::kNexusReset, ScsiFunction::kQueryTaskSet,
                                    ScsiFunction::kAbortTask};
  for (uint32_t round = 0; round < 300; ++round) {
    Fill();
    const ScsiFunction function = functions[round % std::size(functions)];
    const auto response =
        driver_->Function(function, round % 3 == 0 ? kDrive : kDisk, next_token_ - 1);
    ASSERT_TRUE(response.ok()) << response.status();
    ASSERT_TRUE(*response == guest::kScsiOk || *response == guest::kScsiFunctionSucceeded);
  }
  Drain();
  EXPECT_EQ(completed_, next_token_ - 1);
  EXPECT_EQ(driver_->ring_faults(), 0u);
}

TEST_F(VirtioScsiThreadsTest, UnitsComeAndGoBesideCommands) {
  for (uint32_t round = 0; round < 100; ++round) {
    Fill();
    ASSERT_TRUE(
        adapter_->AddUnit({.target = 0, .lun = 1}, *ScsiDisk::Create({.id = "p"}, plugged_)).ok());
    ASSERT_TRUE(
        driver_->Execute(round % 2, guest::ScsiLunOf(0, 1), ScsiRead10(0, 1), {}, 512).ok());
    Fill();
    bool gone = false;
    ASSERT_TRUE(adapter_->RemoveUnit({.target = 0, .lun = 1}, [&] { gone = true; }).ok());
    ASSERT_TRUE(driver_->WaitUntil([&] { return gone; }, kPatience));
    driver_->TakeEvents();
  }
  Drain();
  EXPECT_EQ(completed_, next_token_ - 1);
}

TEST_F(VirtioScsiThreadsTest, TheTrayMovesBesideReads) {
  for (uint32_t round = 0; round < 100; ++round) {
    Fill();
    VirtioScsiUnit drive(*driver_, kDrive, static_cast<uint16_t>(round % 2));
    ScsiInitiator initiator(drive);
    ASSERT_TRUE(initiator.StartStopUnit(ScsiInitiator::StartStop::kEject).ok());
    Fill();
    ASSERT_TRUE(initiator.StartStopUnit(ScsiInitiator::StartStop::kLoad).ok());
    cd_.ops.change_media(MediumMove::kEject);
    cd_.ops.change_media(MediumMove::kLoad);
  }
  Drain();
  EXPECT_EQ(completed_, next_token_ - 1);
}

TEST_F(VirtioScsiThreadsTest, ResetsOfTheDriver) {
  for (uint32_t round = 0; round < 50; ++round) {
    Fill();
    ASSERT_TRUE(driver_->Probe().ok());
    Drain();  // Taken away.
  }
  EXPECT_EQ(completed_, next_token_ - 1);
}

}  // namespace
}  // namespace platter

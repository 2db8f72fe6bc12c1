// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_blk_driver.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_direct_driver.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_pci_driver.h"
#include "testing/guest/virtio_pci_slot_fixture.h"
#include "testing/model/completion_ledger.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kBase = 0xa000000;
constexpr uint64_t kDiskBytes = kMiB;

enum class Transport { kMmio, kDirect, kPci, kPciLine };

struct DriverCase {
  const char* name;
  Transport transport;
  VirtioRingOptions ring = {};
};

// The driver against Platter's own device over a fake backend, on each transport.
class VirtioBlkDriverTest : public testing::TestWithParam<DriverCase> {
 protected:
  ~VirtioBlkDriverTest() override {
    if (device_ != nullptr) Unplug();
  }

  void MakeDevice(VirtioBlkOptions options = {}) {
    options.id = "disk0";
    options.ring = GetParam().ring;
    device_ = *VirtioBlk::Create(options, backend_, control_);
    if (GetParam().transport == Transport::kMmio) {
      mmio_ = std::make_unique<MmioTransport>(*device_, bus_.memory(), bus_.Line(1));
      ASSERT_TRUE(bus_.mmio().Map(kBase, kMmioTransportBytes, *mmio_).ok());
      transport_ = std::make_unique<VirtioMmioDriver>(
          bus_, VirtioMmioDriver::Place{.base = kBase, .line = 1});
    } else if (GetParam().transport != Transport::kDirect) {
      slot_ = std::make_unique<VirtioPciSlot>(
          bus_, *device_,
          VirtioPciSlot::Options{.interrupts = GetParam().transport == Transport::kPci
                                                   ? VirtioPciDriver::Interrupts::kMsix
                                                   : VirtioPciDriver::Interrupts::kLine});
      transport_ = std::make_unique<VirtioPciDriver>(bus_, slot_->place());
    } else {
      direct_ = std::make_unique<DirectTransport>(*device_, bus_.Vectors(3));
      transport_ = std::make_unique<VirtioDirectDriver>(bus_, *device_, *direct_, 3);
    }
  }
  void Make(const VirtioBlkOptions& options = {}, const VirtioBlkDriver::Options& with = {}) {
    MakeDevice(options);
    disk_ = std::make_unique<VirtioBlkDriver>(bus_, *transport_, with);
    const absl::Status probed = disk_->Probe();
    ASSERT_TRUE(probed.ok()) << probed;
  }
  void Unplug() {
    backend_.Release();
    bool done = false;
    device_->Unplug([&] { done = true; });
    world_.RunUntil([&] { return done; });
    if (mmio_ != nullptr) bus_.mmio().Unmap(kBase);
    device_.reset();
    slot_.reset();
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  InProcessBus bus_{control_, {}};
  FakeBlockDevice backend_{kDiskBytes};
  std::unique_ptr<MmioTransport> mmio_;
  std::unique_ptr<DirectTransport> direct_;
  std::unique_ptr<VirtioPciSlot> slot_;
  std::unique_ptr<VirtioBlk> device_;
  std::unique_ptr<VirtioTransportDriver> transport_;
  std::unique_ptr<VirtioBlkDriver> disk_;
};

std::string NameOf(const testing::TestParamInfo<DriverCase>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Transports, VirtioBlkDriverTest,
    testing::Values(DriverCase{"Mmio", Transport::kMmio}, DriverCase{"Direct", Transport::kDirect},
                    DriverCase{"Pci", Transport::kPci}, DriverCase{"PciLine", Transport::kPciLine},
                    DriverCase{"MmioPacked", Transport::kMmio, {.packed = true}},
                    DriverCase{"DirectPacked", Transport::kDirect, {.packed = true}},
                    DriverCase{"PciPacked", Transport::kPci, {.packed = true}},
                    DriverCase{"DirectInOrder", Transport::kDirect, {.in_order = true}},
                    DriverCase{"MmioWithData", Transport::kMmio, {.notification_data = true}},
                    DriverCase{"PciLineAll",
                               Transport::kPciLine,
                               {.packed = true, .in_order = true, .notification_data = true}}),
    NameOf);

TEST_P(VirtioBlkDriverTest, ProbeTellsWhatTheDeviceIs) {
  backend_.read_only = true;
  backend_.block_sizes = {.logical = 512, .physical = 4096};
  Make({.min_io_size = 4096, .opt_io_size = 65536, .num_queues = 3}, {.queues = 8});
  EXPECT_EQ(disk_->info().capacity_sectors, kDiskBytes / 512);
  EXPECT_TRUE(disk_->info().read_only);
  EXPECT_EQ(disk_->info().block_size, 512u);
  EXPECT_EQ(disk_->info().physical_block_size, 4096u);
  EXPECT_EQ(disk_->info().min_io_bytes, 4096u);
  EXPECT_EQ(disk_->info().opt_io_bytes, 65536u);
  EXPECT_EQ(disk_->queue_count(), 3);
}

TEST_P(VirtioBlkDriverTest, WaitingFormsDoWhatTheySay) {
  Make({.serial = "serial-1"});
  // More than one request's worth.
  std::vector<uint8_t> data(600 * kKiB);
  FillPattern(1, 512, data);
  EXPECT_EQ(*disk_->Write(1, data), guest::kBlkOk);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), backend_.data.begin() + 512));
  std::vector<uint8_t> back(data.size());
  EXPECT_EQ(*disk_->Read(1, back), guest::kBlkOk);
  EXPECT_EQ(back, data);
  EXPECT_EQ(*disk_->Flush(), guest::kBlkOk);
  EXPECT_EQ(*disk_->GetId(), "serial-1");

  backend_.asked.clear();
  EXPECT_EQ(*disk_->Discard(8, 8), guest::kBlkOk);
  EXPECT_EQ(*disk_->WriteZeroes(16, 4, VirtioBlkDriver::Unmap::kYes), guest::kBlkOk);
  ASSERT_EQ(backend_.asked.size(), 2u);
  EXPECT_EQ(backend_.asked[0].op, IoOp::kDiscard);
  EXPECT_EQ(backend_.asked[0].offset, 8u * 512);
  EXPECT_EQ(backend_.asked[1].op, IoOp::kWriteZeroes);
  EXPECT_EQ(backend_.asked[1].bytes, 4u * 512);
  EXPECT_EQ(disk_->ring_faults(), 0u);
}

TEST_P(VirtioBlkDriverTest, WhatTheDeviceAnswersIsAValue) {
  Make();
  std::vector<uint8_t> data(512);
  backend_.next_error = -EIO;
  EXPECT_EQ(*disk_->Read(0, data), guest::kBlkIoError);
  EXPECT_EQ(*disk_->Execute(0, {.type = 999}), guest::kBlkUnsupported);
  EXPECT_EQ(*disk_->Read(0, data), guest::kBlkOk);
}

TEST_P(VirtioBlkDriverTest, RefusedFeaturesAreNotUsed) {
  Make({}, {.refused_features = guest::kFeatureIndirectDesc | guest::kFeatureEventIndex |
                                guest::kBlkFeatureBlkSize});
  EXPECT_FALSE(disk_->Has(guest::kFeatureIndirectDesc));
  EXPECT_FALSE(disk_->Has(guest::kFeatureEventIndex));
  std::vector<uint8_t> data(4096);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(*disk_->Read(0, data), guest::kBlkOk);
}

TEST_P(VirtioBlkDriverTest, SilenceIsADeadline) {
  Make({}, {.timeout = std::chrono::seconds(3)});
  backend_.hold = true;
  std::vector<uint8_t> data(512);
  const Instant start = bus_.Now();
  EXPECT_EQ(disk_->Read(0, data).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(bus_.Now() - start, std::chrono::seconds(3));
}

class Ledger final : public BlkListener {
 public:
  void OnBlkDone(uint64_t token, uint8_t status) override {
    ledger.Completed(token);
    if (status == guest::kBlkOk) ++ok;
    if (status == guest::kBlkNotWritten) ++taken_away;
  }
  CompletionLedger ledger;
  uint64_t ok = 0;
  uint64_t taken_away = 0;
};

TEST_P(VirtioBlkDriverTest, ManyRequestsOnManyQueuesEachOnce) {
  Make({.num_queues = 4}, {.queues = 4, .queue_size = 16});
  Ledger ledger;
  disk_->set_listener(&ledger);
  const GuestSegment buffer = {*bus_.Allocate(4096, 4096), 4096};
  uint64_t token = 0;
  for (int round = 0; round < 200; ++round) {
    for (uint16_t queue = 0; queue < 4; ++queue) {
      while (disk_->Submit(queue, {.sector = token % 2000, .data = std::span(&buffer, 1)}, token)) {
        ledger.ledger.Submitted(token++);
      }
      disk_->Kick(queue);
    }
    ASSERT_TRUE(disk_->WaitUntil([&] { return disk_->in_flight() == 0; }, std::chrono::seconds(1)));
  }
  EXPECT_TRUE(ledger.ledger.Check(CompletionLedger::Outstanding::kRefused).ok());
  EXPECT_EQ(ledger.ok, token);
  EXPECT_GT(token, 200u * 4 * 15);
  EXPECT_EQ(disk_->ring_faults(), 0u);
}

TEST_P(VirtioBlkDriverTest, RingsAreThoseThatWereOffered) {
  Make({.num_queues = 2}, {.queues = 2, .queue_size = 100, .indirect_entries = 0});
  const VirtioRingOptions& ring = GetParam().ring;
  EXPECT_EQ(disk_->Has(guest::kFeatureRingPacked), ring.packed);
  EXPECT_EQ(disk_->Has(guest::kFeatureInOrder), ring.in_order);
  EXPECT_EQ(disk_->Has(guest::kFeatureNotificationData), ring.notification_data);
  // 2.8.10.1: a packed ring has any size.
  EXPECT_EQ(disk_->queue(1).ring().layout().size, ring.packed ? 100 : 64);
  std::vector<uint8_t> data(4096);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(*disk_->Read(0, data), guest::kBlkOk);
  EXPECT_EQ(disk_->ring_faults(), 0u);
}

// Later requests are done before earlier ones.
TEST_P(VirtioBlkDriverTest, OutOfOrderUnlessPromised) {
  Make();
  Ledger ledger;
  disk_->set_listener(&ledger);
  const GuestSegment buffer = {*bus_.Allocate(512, 512), 512};
  backend_.hold = true;
  ASSERT_TRUE(disk_->Submit(0, {.data = std::span(&buffer, 1)}, 0));
  disk_->Kick(0);
  ASSERT_TRUE(disk_->WaitUntil([&] { return backend_.held() == 1; }, std::chrono::seconds(1)));
  backend_.hold = false;
  ASSERT_TRUE(disk_->Submit(0, {.data = std::span(&buffer, 1)}, 1));
  ASSERT_TRUE(disk_->Submit(0, {.type = guest::kBlkFlush}, 2));
  disk_->Kick(0);
  disk_->WaitUntil([] { return false; }, std::chrono::milliseconds(1));
  EXPECT_EQ(ledger.ok, GetParam().ring.in_order ? 0u : 2u);
  backend_.Release();
  ASSERT_TRUE(disk_->WaitUntil([&] { return ledger.ok == 3; }, std::chrono::seconds(1)));
  EXPECT_EQ(disk_->ring_faults(), 0u);
}

TEST_P(VirtioBlkDriverTest, AQueueIsResetAloneAndOthersGoOn) {
  Make({.num_queues = 2}, {.queues = 2});
  Ledger ledger;
  disk_->set_listener(&ledger);
  const GuestSegment buffer = {*bus_.Allocate(512, 512), 512};
  backend_.hold = true;
  for (uint64_t token = 0; token < 3; ++token) {
    ASSERT_TRUE(disk_->Submit(0, {.data = std::span(&buffer, 1)}, token));
  }
  disk_->Kick(0);
  ASSERT_TRUE(disk_->WaitUntil([&] { return backend_.held() == 3; }, std::chrono::seconds(1)));
  backend_.hold = false;
  transport_->BeginQueueReset(0);
  world_.RunUntilIdle();
  EXPECT_FALSE(transport_->QueueResetDone(0)) << "it has requests";
  // Nothing more is taken from it, and the other one goes on.
  ASSERT_TRUE(disk_->Submit(0, {.data = std::span(&buffer, 1)}, 3));
  disk_->Kick(0);
  EXPECT_EQ(*disk_->Execute(1, {.type = guest::kBlkFlush}), guest::kBlkOk);
  EXPECT_EQ(ledger.ok, 0u);
  backend_.Release();
  world_.RunUntilIdle();
  EXPECT_TRUE(transport_->QueueResetDone(0));
  for (const uint16_t size : {16, 128, 4}) {
    ASSERT_TRUE(disk_->ResetQueue(0, size).ok());
    EXPECT_EQ(disk_->queue(0).ring().layout().size, size);
    EXPECT_EQ(*disk_->Execute(0, {.type = guest::kBlkFlush}), guest::kBlkOk);
    EXPECT_EQ(*disk_->Execute(1, {.type = guest::kBlkFlush}), guest::kBlkOk);
  }
  EXPECT_EQ(ledger.ok, 3u);
  EXPECT_EQ(ledger.taken_away, 1u);
  EXPECT_EQ(disk_->ring_faults(), 0u);
  EXPECT_FALSE(transport_->NeedsReset());
}

TEST_P(VirtioBlkDriverTest, AResetTakesAwayWhatIsInFlight) {
  Make();
  Ledger ledger;
  disk_->set_listener(&ledger);
  backend_.hold = true;
  const GuestSegment buffer = {*bus_.Allocate(4096, 4096), 4096};
  for (uint64_t token = 0; token < 5; ++token) {
    ASSERT_TRUE(disk_->Submit(0, {.data = std::span(&buffer, 1)}, token));
    ledger.ledger.Submitted(token);
  }
  disk_->Kick(0);
  ASSERT_TRUE(disk_->WaitUntil([&] { return backend_.held() == 5; }, std::chrono::seconds(1)));
  ASSERT_TRUE(disk_->Reset().ok());
  EXPECT_EQ(ledger.taken_away, 5u);
  EXPECT_TRUE(ledger.ledger.Check(CompletionLedger::Outstanding::kRefused).ok());
  backend_.hold = false;
  ASSERT_TRUE(disk_->Probe().ok());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(*disk_->Read(0, data), guest::kBlkOk);
}

TEST_P(VirtioBlkDriverTest, FollowsAChangeOfCapacity) {
  Make();
  backend_.Resize(2 * kMiB);
  EXPECT_TRUE(
      disk_->WaitUntil([&] { return disk_->config_changes() == 1; }, std::chrono::seconds(1)));
  EXPECT_EQ(disk_->info().capacity_sectors, 2 * kMiB / 512);
}

TEST_P(VirtioBlkDriverTest, WriteBackCanBeSwitched) {
  Make();
  EXPECT_TRUE(disk_->WriteBack());
  disk_->SetWriteBack(false);
  EXPECT_FALSE(disk_->WriteBack());
}

TEST_P(VirtioBlkDriverTest, ADeviceThatWasPulledIsGone) {
  Make({}, {.timeout = std::chrono::seconds(1)});
  bool done = false;
  device_->Unplug([&] { done = true; });
  ASSERT_TRUE(bus_.WaitFor([&] { return done; }, std::chrono::seconds(1)));
  EXPECT_TRUE(transport_->Gone());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(disk_->Read(0, data).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(transport_->Discover(guest::kBlkDeviceId).code(), absl::StatusCode::kNotFound);
}

TEST_P(VirtioBlkDriverTest, RefusalsOfTheDeviceAreErrors) {
  MakeDevice();
  EXPECT_EQ(transport_->Discover(1).code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(transport_->Discover(guest::kBlkDeviceId).ok());
  EXPECT_EQ(transport_->MaxQueueSize(1), 0u);
  EXPECT_FALSE(transport_->AcceptFeatures(guest::kFeatureVersion1 | uint64_t{1} << 60).ok());
  transport_->BeginReset();
  ASSERT_TRUE(bus_.WaitFor([&] { return transport_->ResetDone(); }, std::chrono::seconds(1)));
  ASSERT_TRUE(transport_->AcceptFeatures(guest::kFeatureVersion1).ok());
  const auto ring = *VirtioRing::Create(bus_, {.size = 4096});
  EXPECT_FALSE(transport_->StartQueue(0, ring->layout()).ok());
}

}  // namespace
}  // namespace platter

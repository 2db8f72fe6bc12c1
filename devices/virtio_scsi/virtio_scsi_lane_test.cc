// SPDX-License-Identifier: Apache-2.0
//
// The data plane of virtio-scsi: batches, interrupts, memory without host addresses, limits, and
// what is saved of it.

#include "devices/virtio_scsi/virtio_scsi_lane.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio_scsi/virtio_scsi_fixture.h"

namespace platter {
namespace {

constexpr guest::ScsiLun kLun = guest::ScsiLunOf(0, 0);

class VirtioScsiLaneTest : public testing::Test, protected VirtioScsiFixture {
 protected:
  void Settle() {
    driver->WaitUntil([] { return false; }, std::chrono::milliseconds(10));
  }
  ScsiRecorder recorder;
};

TEST_F(VirtioScsiLaneTest, OneInterruptForABatchOfSeveralUnits) {
  MakeAll();
  AddDisk({.target = 0, .lun = 1}, other, "disk1");
  Settle();
  driver->TakeEvents();
  Settle();
  driver->set_listener(&recorder);
  const uint64_t before = bus.Interrupt(1).raised;
  const uint64_t interrupts = adapter->stats().interrupts;
  const GuestSegment data = {*bus.Allocate(512, 512), 512};
  const std::vector<uint8_t> cdb = ScsiRead10(0, 1);
  for (uint64_t i = 0; i < 32; ++i) {
    ASSERT_TRUE(driver->Submit(0,
                               {.lun = guest::ScsiLunOf(0, static_cast<uint16_t>(i % 2)),
                                .cdb = cdb,
                                .in = std::span(&data, 1)},
                               i));
  }
  driver->Kick(0);
  world.RunUntilIdle();
  EXPECT_EQ(bus.Interrupt(1).raised, before + 1);
  EXPECT_EQ(adapter->stats().interrupts, interrupts + 1);
  driver->HandleInterrupts();
  EXPECT_EQ(recorder.done.size(), 32u);
}

TEST_F(VirtioScsiLaneTest, ATurnTakesABoundedNumber) {
  MakeAll({.queue_size = 1024}, {.queue_size = 1024});
  driver->set_listener(&recorder);
  const uint64_t interrupts = adapter->stats().interrupts;
  const uint64_t requests = adapter->stats().requests;
  constexpr uint32_t kMany = 2 * VirtioScsiLane::kBudget + 1;
  const std::vector<uint8_t> cdb(6);
  for (uint32_t i = 0; i < kMany; ++i) {
    ASSERT_TRUE(driver->Submit(0, {.lun = kLun, .cdb = cdb}, i));
  }
  driver->Kick(0);
  world.RunUntilIdle();
  driver->HandleInterrupts();
  EXPECT_EQ(recorder.done.size(), kMany);
  EXPECT_EQ(adapter->stats().requests, requests + kMany);
  EXPECT_LE(adapter->stats().interrupts, interrupts + 3);
}

// Who waits for the last command may destroy the lane, from another thread: not while it is still
// on the stack.
TEST_F(VirtioScsiLaneTest, ACancellationIsToldOfInATurnOfItsOwn) {
  const VirtioScsiShared shared;
  auto lane = std::make_unique<VirtioScsiLane>(shared, control);
  bool done = false;
  lane->Cancel({}, VirtioScsiResponse::kAborted, [&] {
    lane.reset();
    done = true;
  });
  EXPECT_FALSE(done);
  world.RunUntilIdle();
  EXPECT_TRUE(done);
}

class RangeLog final : public DirtyLog {
 public:
  void MarkDirty(uint64_t address, uint64_t bytes) override {
    for (uint64_t i = 0; i < bytes; ++i) dirty.insert(address + i);
  }
  std::set<uint64_t> dirty;
};

TEST(VirtioScsiDirty, EveryByteWrittenIsLogged) {
  RangeLog log;
  InProcessBus::Options options;
  options.dirty_log = &log;
  VirtioScsiFixture fixture(options);
  fixture.MakeAll();
  const uint64_t data = *fixture.bus.Allocate(8192, 4096);
  const GuestSegment segments[] = {{data, 512}, {data + 4096, 1024}};
  const std::vector<uint8_t> cdb = ScsiRead10(1, 2);
  log.dirty.clear();
  // 1024 of the 1536 bytes that there is room for.
  ASSERT_TRUE(fixture.driver->Submit(0, {.lun = kLun, .cdb = cdb, .in = segments}, 1));
  fixture.driver->Kick(0);
  fixture.world.RunUntilIdle();
  for (uint64_t i = 0; i < 512; ++i) {
    ASSERT_TRUE(log.dirty.contains(data + i));
    ASSERT_TRUE(log.dirty.contains(data + 4096 + i));
  }
  EXPECT_FALSE(log.dirty.contains(data + 4096 + 512));
  // Response and sense, a used element and the index; perhaps what asks for kicks.
  EXPECT_GE(log.dirty.size(), 1024u + 108 + 8 + 2);
  EXPECT_LE(log.dirty.size(), 1024u + 108 + 8 + 2 + 4);
}

// The bus's memory without host addresses.
class HiddenMemory final : public GuestMemoryAccessor {
 public:
  HiddenMemory(InProcessBus& bus, const GuestMemory::Region& region) : bus_(bus), at_(region) {}
  GuestMemory::Region region() {
    return {.address = at_.address, .size = at_.size, .accessor = this};
  }

 private:
  void Read(uint64_t offset, std::span<uint8_t> out) override {
    bus_.Read(at_.address + offset, out);
  }
  void Write(uint64_t offset, std::span<const uint8_t> bytes) override {
    bus_.Write(at_.address + offset, bytes);
  }
  InProcessBus& bus_;
  const GuestMemory::Region at_;
};

TEST_F(VirtioScsiLaneTest, R_SCSI_11_MemoryWithoutAddressesAndBadRequestsLeaveNothingBehind) {
  std::vector<std::unique_ptr<HiddenMemory>> hidden;
  std::vector<GuestMemory::Region> regions;
  for (const GuestMemory::Region& region : bus.memory()->regions()) {
    hidden.push_back(std::make_unique<HiddenMemory>(bus, region));
    regions.push_back(hidden.back()->region());
  }
  adapter = *VirtioScsi::Create({.id = "scsi0"}, control);
  AddDisk({}, backend, "disk0");
  transport = std::make_unique<MmioTransport>(*adapter, *GuestMemory::Create(regions, nullptr),
                                              bus.Line(1));
  ASSERT_TRUE(bus.mmio().Map(kBase, kMmioTransportBytes, *transport).ok());
  MakeDriver();
  ASSERT_TRUE(disk().ClearAttentions()->good());
  const std::vector<uint8_t> data(4096, 0x33);
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(disk().Write10(0, 8, data)->good());
    ASSERT_EQ(disk().Read10(0, 8, 512)->data, data);
    ASSERT_EQ(disk().Read10(0, 9, 256)->transport, guest::kScsiOverrun);
    ASSERT_TRUE(disk().Read10(UINT32_MAX, 1, 512)->IsSense(5, 0x2100));
    ASSERT_EQ(control.buffers().outstanding(), 0u);
  }
}

// --- Saved and gone on with elsewhere. ---

class SilentTransport final : public VirtioTransport {
 public:
  void InterruptQueue(uint16_t) override {}
  void InterruptConfig() override {}
  void OnNeedsReset() override { needs_reset = true; }
  void OnResetDone() override {}
  void OnQueueStopped(uint16_t) override {}
  void OnUnplugged() override {}
  bool needs_reset = false;
};

TEST_F(VirtioScsiLaneTest, TakenRequestsAndFunctionsAreFinishedElsewhere) {
  MakeAll();
  driver->set_listener(&recorder);
  backend.hold = true;
  backend.on_cancel = FakeBlockDevice::OnCancel::kStays;
  StartRead(1, 10);
  StartRead(2, 20);
  Settle();
  ASSERT_TRUE(
      driver->StartFunction(guest::ScsiFunction::kAbortTask, kLun, 20, ScsiRecorder::kFunction));
  Settle();
  std::optional<absl::StatusOr<std::vector<QueueState>>> saved;
  adapter->Pause([&] {
    adapter->SaveQueues(
        [&](absl::StatusOr<std::vector<QueueState>> states) { saved = std::move(states); });
  });
  world.RunUntil([&] { return saved.has_value(); });
  ASSERT_TRUE(saved->ok());
  const std::vector<QueueState>& states = **saved;
  ASSERT_EQ(states.size(), 3u);
  EXPECT_EQ(states[0].heads.size(), 1u);
  EXPECT_TRUE(states[1].heads.empty());
  EXPECT_EQ(states[2].heads.size(), 2u);

  SilentTransport silent;
  auto target = *VirtioScsi::Create({.id = "target"}, control);
  ASSERT_TRUE(target->AddUnit({}, *ScsiDisk::Create({.id = "disk1"}, other)).ok());
  target->Connect(silent);
  {
    SerialiserLock lock(target->serialiser());
    ASSERT_TRUE(target->AcceptFeatures(target->offered_features()));
    target->SetDriverOk();
    // Commands before the functions that are about them.
    for (const uint16_t queue : {2, 1, 0}) {
      ASSERT_TRUE(target->RestoreQueue(queue, bus.memory(), states[queue]).ok());
    }
  }
  world.RunUntilIdle();
  EXPECT_FALSE(silent.needs_reset);
  driver->Abandon();  // It takes what is there first.
  std::vector<uint64_t> tokens;
  for (const ScsiRecorder::Done& done : recorder.done) {
    tokens.push_back(done.token);
    EXPECT_EQ(done.response, guest::kScsiOk);
  }
  std::sort(tokens.begin(), tokens.end());
  EXPECT_EQ(tokens, (std::vector<uint64_t>{1, 2, ScsiRecorder::kFunction}));
  bool gone = false;
  target->Unplug([&] { gone = true; });
  world.RunUntil([&] { return gone; });
}

TEST_F(VirtioScsiLaneTest, R_SCSI_13_ASavedStateThatIsNoneIsRefused) {
  MakeAll();
  RunDevice(&Device::Reset);
  driver->Abandon();
  const auto ring = *VirtioRing::Create(bus, {.size = 16});
  const RingLayout& at = ring->layout();
  QueueState state = {.layout = {.size = at.size,
                                 .descriptors = at.descriptors,
                                 .driver = at.driver,
                                 .device = at.device}};
  SerialiserLock lock(adapter->serialiser());
  ASSERT_TRUE(adapter->AcceptFeatures(adapter->offered_features()));
  adapter->SetDriverOk();
  const std::vector<std::vector<uint16_t>> all = {{16}, {0, 0}, {0, 1, 2}, {65535}};
  for (const auto& heads : all) {
    state.heads = heads;
    state.layout.next_avail = static_cast<uint16_t>(heads.size() == 3 ? 2 : heads.size());
    for (uint16_t queue = 0; queue < 3; ++queue) {
      EXPECT_FALSE(adapter->RestoreQueue(queue, bus.memory(), state).ok());
    }
  }
}

}  // namespace
}  // namespace platter

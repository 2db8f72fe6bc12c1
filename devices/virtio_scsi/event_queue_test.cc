// SPDX-License-Identifier: Apache-2.0
//
// What the driver hears without asking, and what becomes of events that find no buffer.

#include "devices/virtio_scsi/event_queue.h"

#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/ring/ring_fixture.h"
#include "devices/virtio_scsi/virtio_scsi_fixture.h"

namespace platter {
namespace {

class EventQueueTest : public testing::Test, protected VirtioScsiFixture {
 protected:
  struct Event {
    uint32_t event;
    guest::ScsiLun lun;
    uint32_t reason;
    friend bool operator==(const Event&, const Event&) = default;
  };
  std::vector<Event> Take() {
    driver->WaitUntil([] { return false; }, std::chrono::milliseconds(10));
    std::vector<Event> events;
    for (const guest::ScsiEvent& event : driver->TakeEvents()) {
      events.push_back({event.event.get(), event.lun, event.reason.get()});
    }
    return events;
  }
  static constexpr guest::ScsiLun kUnit = guest::ScsiReported(guest::ScsiLunOf(0, 0));
  static constexpr uint32_t kCapacityChanged = 0x092a;
};

TEST_F(EventQueueTest, ACapacityIsAParameter) {
  MakeAll();
  backend.Resize(2 * kDiskBytes);
  EXPECT_EQ(Take(), (std::vector<Event>{{guest::kScsiParamChange, kUnit, kCapacityChanged}}));
  EXPECT_TRUE(disk().TestUnitReady()->IsSense(6, 0x2a09));
  EXPECT_EQ(disk().ReadCapacity10()->Number(0, 4), 2 * kDiskBytes / 512 - 1);
}

TEST_F(EventQueueTest, OnlyWhatTheDriverAccepted) {
  MakeAll({}, {.refused_features = guest::kScsiFeatureChange | guest::kScsiFeatureHotplug});
  backend.Resize(2 * kDiskBytes);
  AddDisk({.target = 0, .lun = 1}, other, "disk1");
  EXPECT_TRUE(Take().empty());
}

TEST_F(EventQueueTest, UnitsComeAndGo) {
  MakeAll();
  AddDisk({.target = 0, .lun = 1}, other, "disk1");
  EXPECT_EQ(Take(), (std::vector<Event>{{guest::kScsiTransportReset,
                                         guest::ScsiReported(guest::ScsiLunOf(0, 1)),
                                         guest::kScsiResetRescan}}));
  bool gone = false;
  ASSERT_TRUE(adapter->RemoveUnit({.target = 0, .lun = 1}, [&] { gone = true; }).ok());
  EXPECT_EQ(Take(), (std::vector<Event>{{guest::kScsiTransportReset,
                                         guest::ScsiReported(guest::ScsiLunOf(0, 1)),
                                         guest::kScsiResetRemoved}}));
  EXPECT_TRUE(gone);
}

TEST_F(EventQueueTest, WithoutABufferTheNextEventSaysSo) {
  MakeAll({}, {.event_buffers = 1});
  for (uint64_t i = 2; i < 5; ++i) backend.Resize(i * kDiskBytes);
  // One found the buffer; as soon as there is another, the driver hears that it missed some.
  EXPECT_EQ(Take(), (std::vector<Event>{{guest::kScsiParamChange, kUnit, kCapacityChanged}}));
  EXPECT_EQ(Take(), (std::vector<Event>{{guest::kScsiEventsMissed, {}, 0}}));
  EXPECT_TRUE(Take().empty());
  backend.Resize(kDiskBytes);
  EXPECT_EQ(Take(), (std::vector<Event>{{guest::kScsiParamChange, kUnit, kCapacityChanged}}));
}

TEST_F(EventQueueTest, NothingIsWrittenWhileTheMachineStandsStill) {
  MakeAll();
  RunDevice(&Device::Pause);
  backend.Resize(2 * kDiskBytes);
  EXPECT_TRUE(Take().empty());
  adapter->Resume();
  EXPECT_EQ(Take(), (std::vector<Event>{{guest::kScsiParamChange, kUnit, kCapacityChanged}}));
  RunDevice(&Device::Pause);
  for (size_t i = 0; i < VirtioScsiEventQueue::kMaxWaiting + 1; ++i) {
    backend.Resize((i % 2 + 1) * kDiskBytes);
  }
  adapter->Resume();
  size_t told = 0;
  bool missed = false;
  for (int i = 0; i < 20; ++i) {
    for (const Event& event : Take()) {
      ++told;
      missed |= (event.event & guest::kScsiEventsMissed) != 0;
    }
  }
  EXPECT_LE(told, VirtioScsiEventQueue::kMaxWaiting + 1);
  EXPECT_TRUE(missed);
}

TEST_F(EventQueueTest, ADriveTellsSubscribersOfItsMedium) {
  MakeAll();
  AddCd({.target = 1, .lun = 0}, other, "cd0");
  EXPECT_EQ(Take().size(), 1u);
  other.ops.change_media(MediumMove::kEject);
  EXPECT_TRUE(Take().empty()) << "nobody wants to know";
  const guest::ScsiLun drive = guest::ScsiLunOf(1, 0);
  ASSERT_EQ(
      driver->Notification(guest::kScsiNotificationSubscribe, drive, guest::kScsiNotifyMediaChange)
          ->response,
      guest::kScsiOk);
  other.ops.change_media(MediumMove::kLoad);
  EXPECT_EQ(Take(), (std::vector<Event>{{guest::kScsiAsyncNotify, guest::ScsiReported(drive),
                                         guest::kScsiNotifyMediaChange}}));
  Probe();
  other.ops.change_media(MediumMove::kEject);
  EXPECT_TRUE(Take().empty()) << "a reset ends the subscription";
}

// A driver that gives each buffer back as soon as it is used, all of them too short for an event.
class BusyEventDriver final : public DirtyLog, private VirtioQueueUser {
 public:
  static constexpr uint32_t kRing = 8;

  BusyEventDriver() {
    for (uint32_t i = 0; i < kRing; ++i) {
      ring.SetDescriptor(i, {.length = 1, .flags = kVirtqDescWrite});
    }
    shared.transport = &transport;
    memory = *GuestMemory::Create(
        {{.address = RingFixture::kBase, .size = RingFixture::kBytes, .host = ring.host}}, this);
    EXPECT_TRUE(queue.Start(memory, ring.layout(), 0).ok());
    world.RunUntilIdle();
  }
  ~BusyEventDriver() {
    queue.Stop(QueueStop::kDrain);
    world.RunUntilIdle();
    while (!queue.Close()) world.RunUntilIdle();
  }
  void GiveBack() { ring.MakeAvailable(static_cast<uint16_t>(given++ % kRing)); }

  SimulatedWorld world{1};
  AioContext& context = world.NewContext("control");
  RingFixture ring{kRing};
  std::shared_ptr<const GuestMemory> memory;
  VirtioQueue queue{1, kRing, context, *this};
  VirtioScsiShared shared;
  VirtioScsiEventQueue events{queue, shared};
  uint32_t given = 0;
  uint32_t most = 0;  // Buffers that it gives in all.
  uint32_t turns = 0;

 private:
  struct Transport final : VirtioTransport {
    void InterruptQueue(uint16_t) override {}
    void InterruptConfig() override {}
    void OnNeedsReset() override {}
    void OnResetDone() override {}
    void OnQueueStopped(uint16_t) override {}
    void OnUnplugged() override {}
  };

  void MarkDirty(uint64_t address, uint64_t) override {
    const bool element = address >= RingFixture::kUsed + kVirtqUsedRing &&
                         address < RingFixture::kUsed + kVirtqUsedRing + kRing * kVirtqUsedElement;
    if (element && given < most) GiveBack();
  }
  QueueWork OnQueueWork(VirtioQueue&) override {
    ++turns;
    return events.Work();
  }
  void OnQueueStopping(VirtioQueue&, QueueStop) override {}
  void OnQueueStopped(VirtioQueue& of) override { of.MarkStopped(); }
  void OnQueueBroken(VirtioQueue&) override {}

  Transport transport;
};

TEST(BusyEventQueueTest, ATurnTakesABoundedNumberOfBuffers) {
  constexpr uint32_t kMany = 1000;
  BusyEventDriver busy;
  busy.events.Post({});  // It finds no buffer: some were missed.
  busy.most = kMany;
  for (uint32_t i = 0; i < BusyEventDriver::kRing; ++i) busy.GiveBack();
  const uint32_t before = busy.turns;
  busy.queue.Kick();
  busy.world.RunUntilIdle();
  EXPECT_EQ(busy.given, kMany) << "all are taken in the end";
  EXPECT_GE(busy.turns - before, kMany / VirtioScsiEventQueue::kBudget);
  EXPECT_TRUE(busy.events.missed());
}

}  // namespace
}  // namespace platter

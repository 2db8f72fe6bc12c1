// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/direct_transport.h"

#include <array>
#include <cstring>
#include <set>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_queue.h"

namespace platter {
namespace {

using StatusCode = absl::StatusCode;

class DirectTransportTest : public testing::Test {
 protected:
  DirectTransportTest()
      : control(world.NewContext("control")),
        bus(control, {}),
        device(*VirtioBlk::Create({.id = "disk0", .num_queues = 2}, backend, control)),
        transport(*device, bus.Vectors(0)) {}
  ~DirectTransportTest() override {
    backend.Release();
    bool done = false;
    device->Unplug([&] { done = true; });
    world.RunUntil([&] { return done; });
  }

  std::unique_ptr<VirtioBlkQueue> MakeQueue() {
    return *VirtioBlkQueue::Create(
        bus, {.size = 16, .event_index = EventIndex::kOn, .indirect_entries = 8});
  }
  static QueueLayout LayoutOf(VirtioBlkQueue& queue) {
    const RingLayout& layout = queue.ring().layout();
    return {.size = layout.size,
            .descriptors = layout.descriptors,
            .driver = layout.driver,
            .device = layout.device};
  }
  uint64_t Vector(uint32_t vector) {
    return bus.Interrupt(InProcessBus::kFirstVector + vector).raised;
  }

  SimulatedWorld world{1};
  AioContext& control;
  InProcessBus bus;
  FakeBlockDevice backend{kMiB};
  std::unique_ptr<VirtioBlk> device;
  DirectTransport transport;
};

TEST_F(DirectTransportTest, RunsAQueueAndStopsWhereItStood) {
  ASSERT_TRUE(transport.SetMemory(bus.memory()).ok());
  ASSERT_TRUE(transport.SetFeatures(transport.offered_features()).ok());
  auto queue = MakeQueue();
  ASSERT_TRUE(transport.StartQueue(1, LayoutOf(*queue)).ok());
  const uint64_t data = *bus.Allocate(4096, 4096);
  const GuestSegment segment = {data, 4096};
  for (uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(queue->Submit({.data = {&segment, 1}}, i));
  if (queue->Publish()) transport.Kick(1);
  world.RunUntilIdle();
  EXPECT_EQ(Vector(1), 1u);  // One for the batch.
  EXPECT_EQ(Vector(0), 0u);
  std::set<uint64_t> done;
  queue->Reap([&](uint64_t token, uint8_t status, uint32_t bytes) {
    EXPECT_EQ(status, guest::kBlkOk);
    EXPECT_EQ(bytes, 4097u);
    done.insert(token);
  });
  EXPECT_EQ(done.size(), 3u);
  DirectTransport::Position position;
  bool stopped = false;
  transport.StopQueue(1, [&](DirectTransport::Position at) {
    position = at;
    stopped = true;
  });
  EXPECT_FALSE(stopped);
  world.RunUntilIdle();
  ASSERT_TRUE(stopped);
  EXPECT_EQ(position.next_avail, 3);
  EXPECT_EQ(position.next_used, 3);
  // And goes on from there.
  QueueLayout layout = LayoutOf(*queue);
  layout.next_avail = position.next_avail;
  layout.next_used = position.next_used;
  ASSERT_TRUE(transport.StartQueue(1, layout).ok());
  ASSERT_TRUE(queue->Submit({.data = {&segment, 1}}, 9));
  if (queue->Publish()) transport.Kick(1);
  world.RunUntilIdle();
  EXPECT_EQ(queue->Reap([](uint64_t token, uint8_t, uint32_t) { EXPECT_EQ(token, 9u); }), 1u);
  EXPECT_EQ(queue->ring().faults().total(), 0u);
}

// Requests that another device had taken come first, in the order that is given.
TEST_F(DirectTransportTest, GoesOnWithWhatWasTakenBefore) {
  ASSERT_TRUE(transport.SetMemory(bus.memory()).ok());
  ASSERT_TRUE(transport.SetFeatures(transport.offered_features()).ok());
  auto queue = MakeQueue();
  const uint64_t data = *bus.Allocate(4096, 4096);
  const GuestSegment segment = {data, 512};
  std::vector<uint16_t> heads;
  for (uint64_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(queue->Submit({.sector = i, .data = {&segment, 1}}, i));
  }
  static_cast<void>(queue->Publish());
  for (int i = 0; i < 3; ++i) {
    const uint64_t entry = queue->ring().layout().driver + kVirtqAvailRing + uint64_t{2} * i;
    std::array<uint8_t, 2> head = {};
    ASSERT_TRUE(bus.Read(entry, head));
    heads.push_back(static_cast<uint16_t>(head[0] | head[1] << 8));
  }
  QueueState state = {.layout = LayoutOf(*queue), .heads = {heads[2], heads[0], heads[1]}};
  EXPECT_EQ(transport.RestoreQueue(0, state).code(), StatusCode::kInvalidArgument);
  state.layout.next_avail = 3;
  ASSERT_TRUE(transport.RestoreQueue(0, state).ok());
  world.RunUntilIdle();
  EXPECT_EQ(queue->Reap([](uint64_t, uint8_t status, uint32_t) { EXPECT_EQ(status, 0); }), 4u);
  ASSERT_EQ(backend.asked.size(), 4u);
  EXPECT_EQ(backend.asked[0].offset, 2u * 512);
  EXPECT_EQ(backend.asked[1].offset, 0u);
  EXPECT_EQ(backend.asked[2].offset, 1u * 512);
  EXPECT_EQ(backend.asked[3].offset, 3u * 512);
  EXPECT_EQ(queue->ring().faults().total(), 0u);
}

TEST_F(DirectTransportTest, StopWaitsForWhatWasTaken) {
  ASSERT_TRUE(transport.SetMemory(bus.memory()).ok());
  ASSERT_TRUE(transport.SetFeatures(transport.offered_features()).ok());
  auto queue = MakeQueue();
  ASSERT_TRUE(transport.StartQueue(0, LayoutOf(*queue)).ok());
  backend.hold = true;
  ASSERT_TRUE(queue->Submit({.type = guest::kBlkFlush}, 1));
  if (queue->Publish()) transport.Kick(0);
  world.RunUntilIdle();
  int stopped = 0;
  transport.StopQueue(0, [&](DirectTransport::Position) { ++stopped; });
  transport.StopQueue(0, [&](DirectTransport::Position) { ++stopped; });
  world.RunUntilIdle();
  EXPECT_EQ(stopped, 0);
  EXPECT_EQ(backend.cancels, 0u);
  backend.Release();
  world.RunUntilIdle();
  EXPECT_EQ(stopped, 2);
  EXPECT_EQ(
      queue->Reap([](uint64_t, uint8_t status, uint32_t) { EXPECT_EQ(status, guest::kBlkOk); }),
      1u);
  // Stopped already, or not there at all: answered all the same.
  transport.StopQueue(0, [&](DirectTransport::Position) { ++stopped; });
  transport.StopQueue(7, [&](DirectTransport::Position) { ++stopped; });
  world.RunUntilIdle();
  EXPECT_EQ(stopped, 4);
}

TEST_F(DirectTransportTest, FeaturesSetAfterAStopAreThoseOfTheNextStart) {
  ASSERT_TRUE(transport.SetMemory(bus.memory()).ok());
  const guest::BlkRange range = {.sector = 0, .sectors = 8, .flags = 0u};
  const auto discard = [&](VirtioBlkQueue& queue) {
    uint8_t status = guest::kBlkNotWritten;
    EXPECT_TRUE(queue.Submit({.type = guest::kBlkDiscard, .ranges = {&range, 1}}, 1));
    if (queue.Publish()) transport.Kick(0);
    world.RunUntilIdle();
    queue.Reap([&](uint64_t, uint8_t answer, uint32_t) { status = answer; });
    return status;
  };
  struct Step {
    uint64_t features;
    uint8_t status;
    bool write_cache;
  };
  const uint64_t all = transport.offered_features();
  const uint64_t no_config_wce = all & ~kVirtioBlkFConfigWce;
  const Step steps[] = {{all, guest::kBlkOk, true},
                        {kVirtioFVersion1, guest::kBlkUnsupported, false},
                        {no_config_wce, guest::kBlkOk, true}};
  for (const Step& step : steps) {
    SCOPED_TRACE(step.features);
    ASSERT_TRUE(transport.SetFeatures(step.features).ok());
    const bool event_index = (step.features & kVirtioFEventIdx) != 0;
    auto queue = *VirtioBlkQueue::Create(
        bus, {.size = 16, .event_index = event_index ? EventIndex::kOn : EventIndex::kOff});
    ASSERT_TRUE(transport.StartQueue(0, LayoutOf(*queue)).ok());
    EXPECT_EQ(discard(*queue), step.status);
    EXPECT_EQ(backend.write_cache, step.write_cache);
    transport.StopQueue(0, [](DirectTransport::Position) {});
    world.RunUntilIdle();
    ASSERT_FALSE(device->queue_started(0));
  }
}

TEST_F(DirectTransportTest, MistakesAreNamed) {
  auto queue = MakeQueue();
  EXPECT_EQ(transport.StartQueue(0, LayoutOf(*queue)).code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(transport.SetMemory(bus.memory()).ok());
  EXPECT_EQ(transport.SetFeatures(~uint64_t{0}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(transport.SetFeatures(0).code(), StatusCode::kInvalidArgument);
  ASSERT_TRUE(transport.SetFeatures(kVirtioFVersion1).ok());
  EXPECT_EQ(transport.StartQueue(2, LayoutOf(*queue)).code(), StatusCode::kOutOfRange);
  QueueLayout layout = LayoutOf(*queue);
  layout.size = 3;
  const absl::Status bad = transport.StartQueue(0, layout);
  EXPECT_EQ(MessageOf(bad),
            "device 'disk0' queue 0: queue size 3 is not a power of two between 1 and 256");
  ASSERT_TRUE(transport.StartQueue(0, LayoutOf(*queue)).ok());
  EXPECT_EQ(transport.StartQueue(0, LayoutOf(*queue)).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(MessageOf(transport.SetMemory(bus.memory())),
            "device 'disk0': memory set while queue 0 is started");
  EXPECT_FALSE(transport.SetFeatures(kVirtioFVersion1).ok());
  EXPECT_FALSE(transport.needs_reset());
}

TEST_F(DirectTransportTest, BrokenQueueNeedsReset) {
  ASSERT_TRUE(transport.SetMemory(bus.memory()).ok());
  ASSERT_TRUE(transport.SetFeatures(transport.offered_features()).ok());
  auto queue = MakeQueue();
  ASSERT_TRUE(transport.StartQueue(0, LayoutOf(*queue)).ok());
  const uint8_t far[2] = {0xff, 0x7f};
  ASSERT_TRUE(bus.Write(queue->ring().layout().driver + 2, far));
  transport.Kick(0);
  world.RunUntilIdle();
  EXPECT_TRUE(transport.needs_reset());
  EXPECT_EQ(Vector(transport.config_vector()), 1u);
  bool done = false;
  device->Reset([&] { done = true; });
  world.RunUntilIdle();
  EXPECT_TRUE(done);
  EXPECT_FALSE(transport.needs_reset());
}

TEST_F(DirectTransportTest, ConfigurationByCall) {
  Le64 capacity;
  transport.ReadConfig(0, {reinterpret_cast<uint8_t*>(&capacity), sizeof(capacity)});
  EXPECT_EQ(capacity.get(), kMiB / 512);
  const uint32_t generation = transport.config_generation();
  backend.Resize(2 * kMiB);
  EXPECT_NE(transport.config_generation(), generation);
  ASSERT_TRUE(transport.SetFeatures(transport.offered_features()).ok());
  const uint8_t off = 0;
  transport.WriteConfig(32, {&off, 1});
  EXPECT_FALSE(backend.write_cache);
}

}  // namespace
}  // namespace platter

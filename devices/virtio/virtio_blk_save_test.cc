// SPDX-License-Identifier: Apache-2.0
//
// The saved place of a queue: requests that one device had taken are finished by another, in order.

#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "devices/virtio/fake_block_device.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_transport.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_queue.h"

namespace platter {
namespace {

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

class VirtioBlkSaveTest : public testing::Test {
 protected:
  struct Host {
    FakeBlockDevice backend{kMiB};
    SilentTransport transport;
    std::unique_ptr<VirtioBlk> device;
  };

  void SetUp() override {
    for (Host* host : {&source, &target}) {
      host->device = *VirtioBlk::Create({.id = "d"}, host->backend, context);
      host->device->Connect(host->transport);
      SerialiserLock lock(host->device->serialiser());
      ASSERT_TRUE(host->device->AcceptFeatures(host->device->offered_features()));
      host->device->SetDriverOk();
    }
    queue = *VirtioBlkQueue::Create(bus, {.size = 16, .event_index = EventIndex::kOn});
    const uint64_t data = *bus.Allocate(4096, 4096);
    for (uint32_t i = 0; i < 4; ++i) segments.push_back({data + i * 512, 512});
  }
  void TearDown() override {
    for (Host* host : {&source, &target}) {
      host->backend.Release();
      bool done = false;
      host->device->Unplug([&] { done = true; });
      world.RunUntil([&] { return done; });
    }
  }
  QueueState Layout() {
    const RingLayout& layout = queue->ring().layout();
    return {.layout = {.size = layout.size,
                       .descriptors = layout.descriptors,
                       .driver = layout.driver,
                       .device = layout.device},
            .heads = {}};
  }
  absl::Status Start(Host& host, const QueueState& state) {
    SerialiserLock lock(host.device->serialiser());
    return host.device->RestoreQueue(0, bus.memory(), state);
  }
  std::vector<QueueState> SaveSource() {
    bool done = false;
    std::vector<QueueState> saved;
    source.device->Pause([&] {
      source.device->SaveQueues([&](std::vector<QueueState> states) {
        saved = std::move(states);
        done = true;
      });
    });
    world.RunUntil([&] { return done; });
    return saved;
  }

  SimulatedWorld world{1};
  AioContext& context = world.NewContext("io");
  InProcessBus bus{context, {}};
  Host source;
  Host target;
  std::unique_ptr<VirtioBlkQueue> queue;
  std::vector<GuestSegment> segments;
};

TEST_F(VirtioBlkSaveTest, TakenRequestsAreFinishedElsewhereInOrder) {
  ASSERT_TRUE(Start(source, Layout()).ok());
  // One is finished, three are kept, one more comes after the device was paused.
  ASSERT_TRUE(queue->Submit({.type = guest::kBlkFlush}, 100));
  queue->Publish();
  source.device->Kick(0);
  world.RunUntilIdle();
  source.backend.hold = true;
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(queue->Submit({.type = guest::kBlkOut, .sector = i, .data = {&segments[i], 1}}, i));
  }
  queue->Publish();
  source.device->Kick(0);
  world.RunUntilIdle();
  std::vector<QueueState> saved = SaveSource();
  ASSERT_EQ(saved.size(), 1u);
  EXPECT_EQ(saved[0].heads.size(), 3u);
  EXPECT_EQ(saved[0].layout.next_avail, 4);
  EXPECT_EQ(saved[0].layout.next_used, 1);
  ASSERT_TRUE(queue->Submit({.sector = 9, .data = {&segments[3], 1}}, 3));
  queue->Publish();

  // The source is thrown away; nothing of it reaches the guest.
  bool reset = false;
  source.device->Reset([&] { reset = true; });
  world.RunUntil([&] { return reset; });
  std::vector<uint64_t> done;
  auto reap = [&](uint64_t token, uint8_t status, uint32_t) {
    EXPECT_EQ(status, guest::kBlkOk);
    done.push_back(token);
  };
  queue->Reap(reap);
  EXPECT_EQ(done, std::vector<uint64_t>{100});

  ASSERT_TRUE(Start(target, saved[0]).ok());
  world.RunUntilIdle();
  queue->Reap(reap);
  EXPECT_EQ(done, (std::vector<uint64_t>{100, 0, 1, 2, 3}));
  ASSERT_EQ(target.backend.asked.size(), 4u);
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(target.backend.asked[i].offset, i * 512);
  EXPECT_EQ(queue->ring().faults().total(), 0u);
}

TEST_F(VirtioBlkSaveTest, AQueueThatDoesNotRunHasNoPlace) {
  const std::vector<QueueState> saved = SaveSource();
  ASSERT_EQ(saved.size(), 1u);
  EXPECT_EQ(saved[0].layout.size, 0u);
}

// R-VQ-20, I11: a saved state is not trusted. It is refused, or the queue breaks.
TEST_F(VirtioBlkSaveTest, R_VQ_20_BadStatesFailCleanly) {
  struct Case {
    uint16_t next_avail;
    std::vector<uint16_t> heads;
  };
  const Case cases[] = {{1, {16}},   {1, {65535}}, {2, {3, 3}}, {1, {1, 2}},
                        {5, {1, 2}}, {65535, {1}}, {17, {1}}};
  for (const Case& c : cases) {
    QueueState state = Layout();
    state.layout.next_avail = c.next_avail;
    state.heads = c.heads;
    EXPECT_EQ(Start(target, state).code(), absl::StatusCode::kInvalidArgument) << c.next_avail;
  }
  // A head whose chain is no request: its descriptor is empty.
  QueueState state = Layout();
  state.layout.next_avail = 1;
  state.heads = {5};
  ASSERT_TRUE(Start(target, state).ok());
  world.RunUntilIdle();
  EXPECT_TRUE(target.transport.needs_reset);
  EXPECT_TRUE(target.backend.asked.empty());
}

TEST_F(VirtioBlkSaveTest, R_VQ_03_InUseAcrossTheWrapOfTheIndices) {
  QueueState state = Layout();
  // Two requests at the ring's heads 0 and 3 (three descriptors each), taken at 65535 and 0.
  ASSERT_TRUE(queue->Submit({.sector = 0, .data = {&segments[0], 1}}, 0));
  ASSERT_TRUE(queue->Submit({.sector = 1, .data = {&segments[1], 1}}, 1));
  state.layout.next_used = 65535;
  state.layout.next_avail = 1;
  state.heads = {0, 3};
  const uint8_t index[2] = {1, 0};
  ASSERT_TRUE(bus.Write(state.layout.driver + 2, index));
  ASSERT_TRUE(Start(target, state).ok());
  world.RunUntilIdle();
  EXPECT_FALSE(target.transport.needs_reset);
  EXPECT_EQ(target.backend.asked.size(), 2u);
  uint8_t used[2];
  ASSERT_TRUE(bus.Read(state.layout.device + 2, used));
  EXPECT_EQ(used[0] | used[1] << 8, 1);
}

}  // namespace
}  // namespace platter

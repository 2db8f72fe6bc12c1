// SPDX-License-Identifier: Apache-2.0
//
// The saved place of a queue: requests that one device had taken are finished by another, in order.

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "devices/testing/fake_block_device.h"
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
  void OnQueueStopped(uint16_t) override { ++queue_stops; }
  void OnUnplugged() override {}
  bool needs_reset = false;
  int queue_stops = 0;
};

class VirtioBlkSaveTest : public testing::Test {
 protected:
  static constexpr uint64_t kRam = 0x40000000;
  static constexpr uint64_t kRamBytes = 64 * kKiB;
  struct Host {
    FakeBlockDevice backend{kMiB};
    SilentTransport transport;
    std::unique_ptr<VirtioBlk> device;
  };

  void SetUp() override {
    for (Host* host : {&source, &target}) {
      host->device = *VirtioBlk::Create({.id = "d"}, host->backend, context);
      host->device->Connect(host->transport);
      Agree(*host);
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
  void Agree(Host& host) {
    SerialiserLock lock(host.device->serialiser());
    ASSERT_TRUE(host.device->AcceptFeatures(host.device->offered_features()));
    host.device->SetDriverOk();
  }
  void Reset(Host& host) {
    bool reset = false;
    host.device->Reset([&] { reset = true; });
    world.RunUntil([&] { return reset; });
  }
  // `count` writes that the source took and has not finished.
  void HoldWrites(uint64_t count) {
    source.backend.hold = true;
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_TRUE(
          queue->Submit({.type = guest::kBlkOut, .sector = i, .data = {&segments[i], 1}}, i));
    }
    queue->Publish();
    source.device->Kick(0);
    world.RunUntilIdle();
    ASSERT_EQ(source.backend.held(), count);
  }
  uint16_t UsedIndex(const QueueState& state) {
    uint8_t used[2];
    EXPECT_TRUE(bus.Read(state.layout.device + 2, used));
    return static_cast<uint16_t>(used[0] | used[1] << 8);
  }
  QueueState Layout() {
    const RingLayout& layout = queue->ring().layout();
    return {.layout = {.size = layout.size,
                       .descriptors = layout.descriptors,
                       .driver = layout.driver,
                       .device = layout.device}};
  }
  absl::Status Start(Host& host, const QueueState& state) {
    SerialiserLock lock(host.device->serialiser());
    return host.device->RestoreQueue(0, bus.memory(), state);
  }
  std::vector<QueueState> SaveSource() {
    std::optional<absl::StatusOr<std::vector<QueueState>>> saved;
    source.device->Pause([&] {
      source.device->SaveQueues(
          [&](absl::StatusOr<std::vector<QueueState>> states) { saved = std::move(states); });
    });
    world.RunUntil([&] { return saved.has_value(); });
    EXPECT_TRUE(saved->ok());
    return **std::move(saved);
  }

  SimulatedWorld world{1};
  AioContext& context = world.NewContext("io");
  // Small, so that a test may keep a copy of all of it.
  InProcessBus bus{context, {.regions = {{kRam, kRamBytes}}}};
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
  HoldWrites(3);
  std::vector<QueueState> saved = SaveSource();
  ASSERT_EQ(saved.size(), 1u);
  EXPECT_EQ(saved[0].heads.size(), 3u);
  EXPECT_EQ(saved[0].layout.next_avail, 4);
  EXPECT_EQ(saved[0].layout.next_used, 1);
  ASSERT_TRUE(queue->Submit({.sector = 9, .data = {&segments[3], 1}}, 3));
  queue->Publish();

  // The source is thrown away; nothing of it reaches the guest.
  Reset(source);
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

// A queue that waits for what it had taken, to stop: nothing of that is lost, and it stops there.
TEST_F(VirtioBlkSaveTest, AStoppingQueueGoesOnStopping) {
  ASSERT_TRUE(Start(source, Layout()).ok());
  HoldWrites(2);
  {
    SerialiserLock lock(source.device->serialiser());
    source.device->StopQueue(0);
  }
  world.RunUntilIdle();
  ASSERT_EQ(source.transport.queue_stops, 0);
  const std::vector<QueueState> saved = SaveSource();
  EXPECT_TRUE(saved[0].stopping);
  EXPECT_EQ(saved[0].heads.size(), 2u);
  EXPECT_EQ(saved[0].layout.next_avail, 2);
  Reset(source);
  // What comes later is not taken any more.
  ASSERT_TRUE(queue->Submit({.type = guest::kBlkFlush}, 9));
  queue->Publish();

  target.backend.hold = true;
  ASSERT_TRUE(Start(target, saved[0]).ok());
  target.device->Kick(0);
  world.RunUntilIdle();
  EXPECT_EQ(target.backend.held(), 2u);
  EXPECT_EQ(target.transport.queue_stops, 0);
  target.backend.Release();
  world.RunUntilIdle();
  EXPECT_EQ(target.transport.queue_stops, 1);
  EXPECT_FALSE(target.device->queue_started(0));
  EXPECT_EQ(target.device->queue(0).next_avail(), 2);
  EXPECT_EQ(queue->Reap([](uint64_t, uint8_t status, uint32_t) { EXPECT_EQ(status, 0); }), 2u);
  EXPECT_EQ(target.backend.asked.size(), 2u);
}

// The same when they are done as soon as they are taken up: the first is not taken for the last.
TEST_F(VirtioBlkSaveTest, AStoppingQueueStopsAfterItsLastRequest) {
  ASSERT_TRUE(Start(source, Layout()).ok());
  HoldWrites(3);
  std::vector<QueueState> saved = SaveSource();
  saved[0].stopping = true;
  Reset(source);
  ASSERT_TRUE(Start(target, saved[0]).ok());
  world.RunUntilIdle();
  EXPECT_EQ(target.transport.queue_stops, 1);
  EXPECT_FALSE(target.transport.needs_reset);
  EXPECT_EQ(queue->Reap([](uint64_t, uint8_t, uint32_t) {}), 3u);
}

TEST_F(VirtioBlkSaveTest, ABrokenQueueStaysBroken) {
  ASSERT_TRUE(Start(source, Layout()).ok());
  HoldWrites(2);
  const uint8_t far[2] = {0xff, 0x7f};
  ASSERT_TRUE(bus.Write(Layout().layout.driver + 2, far));
  source.device->Kick(0);
  world.RunUntilIdle();
  ASSERT_TRUE(source.transport.needs_reset);
  std::vector<QueueState> saved = SaveSource();
  EXPECT_TRUE(saved[0].broken);
  EXPECT_TRUE(saved[0].heads.empty());
  ASSERT_TRUE(Start(target, saved[0]).ok());
  world.RunUntilIdle();
  EXPECT_FALSE(target.transport.needs_reset) << "it was told; its own saved state says so";
  EXPECT_TRUE(target.device->queue(0).started());
  EXPECT_TRUE(target.backend.asked.empty());
  EXPECT_EQ(UsedIndex(saved[0]), 0);
  Reset(target);
  Agree(target);
  saved[0].heads = {0};
  EXPECT_EQ(Start(target, saved[0]).code(), absl::StatusCode::kInvalidArgument);
}

// The machine waits for it when it stops; who asks all the same is refused.
TEST_F(VirtioBlkSaveTest, AmidAResetNothingIsSaved) {
  ASSERT_TRUE(Start(source, Layout()).ok());
  HoldWrites(1);
  source.backend.on_cancel = FakeBlockDevice::OnCancel::kStays;
  bool reset = false;
  source.device->Reset([&] { reset = true; });
  bool paused = false;
  source.device->Pause([&] { paused = true; });
  std::optional<absl::Status> status;
  const auto save = [&] {
    source.device->SaveQueues(
        [&](absl::StatusOr<std::vector<QueueState>> states) { status = states.status(); });
  };
  save();
  world.RunUntilIdle();
  EXPECT_FALSE(paused);
  EXPECT_EQ(MessageOf(status.value_or(absl::OkStatus())), "device 'd' is being reset");
  // Nor when it comes, and ends, while places are collected.
  source.backend.Release();
  world.RunUntil([&] { return reset && paused; });
  status.reset();
  save();
  source.device->Reset([] {});
  world.RunUntilIdle();
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->code(), absl::StatusCode::kFailedPrecondition);
}

// R-VQ-20, I11: a saved state is not trusted. It is refused, or the queue breaks.
TEST_F(VirtioBlkSaveTest, R_VQ_20_BadStatesFailCleanly) {
  struct Case {
    uint16_t next_avail;
    std::vector<uint16_t> heads;
  };
  const Case cases[] = {{1, {16}},    {1, {65535}}, {2, {3, 3}}, {1, {1, 2}}, {5, {1, 2}},
                        {65535, {1}}, {17, {1}},    {0, {1}},    {2, {}},     {65535, {}}};
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
  EXPECT_EQ(UsedIndex(state), 1);
}

// The fields of a state one after the other, as a stream would have them.
std::vector<uint8_t> Encode(const QueueState& state) {
  std::vector<uint8_t> bytes;
  const auto put = [&](uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  put(state.layout.size, 4);
  for (uint64_t at : {state.layout.descriptors, state.layout.driver, state.layout.device}) {
    put(at, 8);
  }
  put(state.layout.next_avail, 2);
  put(state.layout.next_used, 2);
  put(state.stopping, 1);
  put(state.broken, 1);
  for (uint16_t head : state.heads) put(head, 2);
  return bytes;
}

QueueState Decode(std::span<const uint8_t> bytes) {
  const auto take = [&](int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; ++i) value |= uint64_t{bytes[i]} << (8 * i);
    bytes = bytes.subspan(count);
    return value;
  };
  QueueState state;
  state.layout.size = static_cast<uint32_t>(take(4));
  state.layout.descriptors = take(8);
  state.layout.driver = take(8);
  state.layout.device = take(8);
  state.layout.next_avail = static_cast<uint16_t>(take(2));
  state.layout.next_used = static_cast<uint16_t>(take(2));
  state.stopping = take(1) != 0;
  state.broken = take(1) != 0;
  while (!bytes.empty()) state.heads.push_back(static_cast<uint16_t>(take(2)));
  return state;
}

// Each byte of a saved queue with each other value: it is refused, or runs, and a reset later the
// device finishes what the right one names.
TEST_F(VirtioBlkSaveTest, R_VQ_20_EveryByteChanged) {
  ASSERT_TRUE(Start(source, Layout()).ok());
  HoldWrites(3);
  const QueueState right = SaveSource()[0];
  ASSERT_EQ(right.heads.size(), 3u);
  const std::vector<uint8_t> bytes = Encode(right);
  uint8_t* const ram = bus.TryMap(kRam, kRamBytes);
  const std::vector<uint8_t> memory(ram, ram + kRamBytes);
  uint32_t refused = 0;
  uint32_t taken = 0;
  uint32_t broke = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (uint32_t value = 0; value <= 0xff; ++value) {
      std::vector<uint8_t> changed = bytes;
      changed[at] = static_cast<uint8_t>(value);
      const absl::Status status = Start(target, Decode(changed));
      ++(status.ok() ? taken : refused);
      if (!status.ok()) {
        ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
      }
      target.device->Kick(0);
      world.RunUntilIdle();
      broke += target.transport.needs_reset ? 1 : 0;
      Reset(target);
      Agree(target);
      target.transport.needs_reset = false;
      target.backend.asked.clear();
      std::copy(memory.begin(), memory.end(), ram);
      ASSERT_TRUE(Start(target, right).ok());
      world.RunUntilIdle();
      ASSERT_FALSE(target.transport.needs_reset) << "byte " << at << " was " << value;
      ASSERT_EQ(target.backend.asked.size(), 3u);
      ASSERT_EQ(UsedIndex(right), 3);
      Reset(target);
      Agree(target);
      std::copy(memory.begin(), memory.end(), ram);
    }
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_GT(taken, bytes.size());  // The right value of each byte, and more.
  EXPECT_GT(broke, 0u);
}

}  // namespace
}  // namespace platter

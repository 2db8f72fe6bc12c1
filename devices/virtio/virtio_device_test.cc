// SPDX-License-Identifier: Apache-2.0
//
// VirtioDevice with a device type and a transport that only record.

#include "devices/virtio/virtio_device.h"

#include <array>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/virtio/ring/ring_fixture.h"

namespace platter {
namespace {

class RecordingTransport final : public VirtioTransport {
 public:
  void InterruptQueue(uint16_t) override {}
  void InterruptConfig() override { ++config; }
  void OnNeedsReset() override { ++needs_reset; }
  void OnResetDone() override { ++resets; }
  void OnQueueStopped(uint16_t) override { ++queue_stops; }
  void OnUnplugged() override { ++unplugs; }
  int config = 0;
  int needs_reset = 0;
  int resets = 0;
  int queue_stops = 0;
  int unplugs = 0;
};

// Takes chains and keeps them until told.
class KeepingDevice final : public VirtioDevice {
 public:
  KeepingDevice(AioContext& control, std::vector<AioContext*> contexts)
      : VirtioDevice({.id = "keeper",
                      .control = control,
                      .max_queue_size = 8,
                      .queue_contexts = std::move(contexts)}) {
    set_offered_features(kVirtioFVersion1 | 1);
  }
  const char* model() const override { return "keeper"; }
  uint32_t virtio_id() const override { return 42; }
  void Change() {
    SerialiserLock lock(serialiser());
    ++config[0];
    ConfigChanged();
  }
  void Finish() {
    for (auto& [queue, head] : kept) {
      queue->ring().PushUsed(head, 0);
      queue->ring().Publish();
      queue->CheckStopped();
    }
    kept.clear();
  }

  std::array<uint8_t, 8> config = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<std::pair<VirtioQueue*, uint16_t>> kept;
  std::vector<std::pair<uint64_t, size_t>> writes;
  int resets = 0;
  int driver_oks = 0;

 private:
  std::span<const uint8_t> Config() override { return config; }
  void OnConfigWrite(uint64_t offset, std::span<const uint8_t> data) override {
    writes.push_back({offset, data.size()});
  }
  void OnDriverOk() override { ++driver_oks; }
  void OnReset() override { ++resets; }
  void OnUnplug(DeviceDone done) override { std::move(done)(); }
  QueueWork OnQueueWork(VirtioQueue& queue) override {
    Chain chain;
    while (queue.ring().Pop(&chain) == PopResult::kChain) kept.push_back({&queue, chain.head});
    return QueueWork::kAll;
  }
  void OnQueueStopping(VirtioQueue&, QueueStop) override {}
};

class VirtioDeviceTest : public testing::Test {
 protected:
  VirtioDeviceTest() {
    device.Connect(transport);
    for (RingFixture* ring : {&ring0, &ring1}) {
      for (uint16_t head = 0; head < 8; ++head) ring->SetDescriptor(head, {});
    }
  }
  ~VirtioDeviceTest() override {
    device.Finish();
    bool done = false;
    device.Unplug([&] { done = true; });
    while (!done) {
      world.RunUntilIdle();
      device.Finish();
    }
  }
  void StartBoth() {
    SerialiserLock lock(device.serialiser());
    ASSERT_TRUE(device.AcceptFeatures(kVirtioFVersion1));
    device.SetDriverOk();
    ASSERT_TRUE(device.StartQueue(0, ring0.memory, ring0.layout()).ok());
    ASSERT_TRUE(device.StartQueue(1, ring1.memory, ring1.layout()).ok());
  }

  SimulatedWorld world{1};
  AioContext& control = world.NewContext("control");
  AioContext& io = world.NewContext("io");
  RecordingTransport transport;
  KeepingDevice device{control, {&control, &io}};
  RingFixture ring0{8};
  RingFixture ring1{8};
};

TEST_F(VirtioDeviceTest, FeaturesAreAgreedOrNotAtAll) {
  SerialiserLock lock(device.serialiser());
  EXPECT_FALSE(device.AcceptFeatures(1));
  EXPECT_FALSE(device.AcceptFeatures(kVirtioFVersion1 | 2));
  EXPECT_EQ(device.features(), 0u);
  EXPECT_TRUE(device.AcceptFeatures(kVirtioFVersion1 | 1));
  EXPECT_EQ(device.features(), kVirtioFVersion1 | 1);
}

// R-VQ-17: all offsets and lengths; nothing beyond the end is read or written.
TEST_F(VirtioDeviceTest, R_VQ_17_ConfigurationSpaceHasAnEnd) {
  SerialiserLock lock(device.serialiser());
  for (uint64_t offset : {uint64_t{0}, uint64_t{3}, uint64_t{7}, uint64_t{8}, uint64_t{1} << 40,
                          ~uint64_t{0}, ~uint64_t{0} - 3}) {
    for (size_t length = 0; length <= 16; ++length) {
      std::vector<uint8_t> out(length, 0xee);
      device.ReadConfig(offset, out);
      for (size_t i = 0; i < length; ++i) {
        const bool inside = offset < 8 && offset + i < 8;
        ASSERT_EQ(out[i], inside ? device.config[offset + i] : 0);
      }
      device.writes.clear();
      device.WriteConfig(offset, out);
      for (const auto& [at, size] : device.writes) {
        ASSERT_EQ(at, offset);
        ASSERT_LE(at + size, 8u);
      }
      ASSERT_EQ(device.writes.empty(), offset >= 8 || length == 0);
    }
  }
}

TEST_F(VirtioDeviceTest, GenerationChangesWithTheConfiguration) {
  const uint32_t before = device.config_generation();
  device.Change();
  EXPECT_NE(device.config_generation(), before);
  EXPECT_EQ(transport.config, 0);  // Not before DRIVER_OK.
  StartBoth();
  device.Change();
  EXPECT_EQ(transport.config, 1);
}

TEST_F(VirtioDeviceTest, ResetWaitsForEveryQueue) {
  StartBoth();
  ring0.MakeAvailable(0);
  ring1.MakeAvailable(5);
  world.RunUntilIdle();
  device.Kick(0);
  device.Kick(1);
  device.Kick(2);
  world.RunUntilIdle();
  ASSERT_EQ(device.kept.size(), 2u);
  bool done = false;
  device.Reset([&] { done = true; });
  world.RunUntilIdle();
  EXPECT_TRUE(device.resetting());
  EXPECT_EQ(device.resets, 0);
  auto [queue, head] = device.kept.back();
  device.kept.pop_back();
  queue->ring().PushUsed(head, 0);
  queue->CheckStopped();
  world.RunUntilIdle();
  EXPECT_FALSE(done);
  EXPECT_EQ(transport.queue_stops, 1);
  device.Finish();
  EXPECT_EQ(device.resets, 1);
  EXPECT_EQ(transport.resets, 1);
  EXPECT_FALSE(done);  // Not from inside.
  world.RunUntilIdle();
  EXPECT_TRUE(done);
  EXPECT_FALSE(device.queue_started(0));
  EXPECT_EQ(device.features(), 0u);
}

TEST_F(VirtioDeviceTest, ResetsWhileOneIsUnderWayJoinIt) {
  StartBoth();
  ring0.MakeAvailable(0);
  device.Kick(0);
  world.RunUntilIdle();
  int done = 0;
  for (int i = 0; i < 3; ++i) device.Reset([&] { ++done; });
  world.RunUntilIdle();
  EXPECT_EQ(done, 0);
  device.Finish();
  world.RunUntilIdle();
  EXPECT_EQ(done, 3);
  EXPECT_EQ(transport.resets, 1);
}

TEST_F(VirtioDeviceTest, UnplugAfterResetUnderWay) {
  StartBoth();
  ring1.MakeAvailable(0);
  device.Kick(1);
  world.RunUntilIdle();
  std::vector<int> order;
  device.Reset([&] { order.push_back(1); });
  device.Unplug([&] { order.push_back(2); });
  world.RunUntilIdle();
  EXPECT_EQ(transport.unplugs, 0);
  device.Finish();
  world.RunUntilIdle();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(transport.unplugs, 1);
  EXPECT_TRUE(device.unplugged());
  SerialiserLock lock(device.serialiser());
  ASSERT_TRUE(device.AcceptFeatures(kVirtioFVersion1));
  device.SetDriverOk();
  EXPECT_FALSE(device.StartQueue(0, ring0.memory, ring0.layout()).ok());
}

TEST_F(VirtioDeviceTest, ABrokenQueueNeedsReset) {
  StartBoth();
  ring0.SetAvailIndex(1000);
  device.Kick(0);
  world.RunUntilIdle();
  EXPECT_EQ(transport.needs_reset, 1);
  // The other queue goes on.
  ring1.MakeAvailable(0);
  device.Kick(1);
  world.RunUntilIdle();
  EXPECT_EQ(device.kept.size(), 1u);
}

TEST_F(VirtioDeviceTest, ALoopDoesNotWaitForItself) {
  EXPECT_FALSE(device.MayBlock());  // This thread is the home of both contexts.
}

}  // namespace
}  // namespace platter

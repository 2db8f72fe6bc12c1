// SPDX-License-Identifier: Apache-2.0
//
// R-BLK-08: interrupts of a device on DirectTransport while queues start, stop, break and are reset
// in any order: never a vector that is none, never a queue's that is not started, never the
// configuration's before the driver is ready.

#include <array>
#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_queue.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint16_t kQueues = 3;
constexpr uint64_t kSeeds = 20;
constexpr int kSteps = 2000;

class VectorsMachine final : private InterruptVectors {
 public:
  explicit VectorsMachine(uint64_t seed) : random_(seed), world_(seed) {
    device_ = *VirtioBlk::Create(
        {.id = "disk0", .num_queues = kQueues, .iothreads = {&control_, &io_}}, backend_, control_);
    InterruptVectors& vectors = *this;
    transport_ = std::make_unique<DirectTransport>(*device_, vectors);
    backend_.record = false;
  }
  ~VectorsMachine() {
    backend_.Release();
    bool done = false;
    device_->Unplug([&] { done = true; });
    world_.RunUntil([&] { return done; });
    device_.reset();
  }

  void Step() {
    const auto index = static_cast<uint16_t>(random_.Below(kQueues));
    switch (random_.Below(14)) {
      case 0:
      case 1:
      case 2:
        return Submit(index);
      case 3:
      case 4:
        return StartQueue(index);
      case 5:
        // Of a queue that does not exist too.
        return transport_->StopQueue(static_cast<uint16_t>(random_.Below(kQueues + 2)),
                                     [this](DirectTransport::Position) { ++stops_; });
      case 6:
        if (random_.OneIn(3)) device_->Reset([this] { ++resets_; });
        return;
      case 7:
        if (random_.OneIn(4)) BreakRing(index);
        return;
      case 8:
        return backend_.Resize(kMiB + 512 * random_.Below(16));
      case 9:
        backend_.hold = random_.OneIn(2);
        return;
      case 10:
        return backend_.Release();
      case 11:
        return SetUp();
      default:
        // Half of the time things pile up.
        world_.RunUntilIdle();
        if (device_->features() == 0) driver_ok_ = false;
    }
  }
  void ExpectWorks() {
    backend_.Release();
    bool done = false;
    device_->Reset([&] { done = true; });
    world_.RunUntil([&] { return done; });
    driver_ok_ = false;
    SetUp();
    for (uint16_t index = 0; index < kQueues; ++index) {
      StartQueue(index);
      ASSERT_TRUE(device_->queue_started(index));
      const std::array<uint64_t, kQueues + 1> before = raised_;
      Submit(index);
      world_.RunUntilIdle();
      for (size_t i = 0; i < raised_.size(); ++i) {
        EXPECT_EQ(raised_[i], before[i] + (i == index ? 1 : 0)) << "vector " << i;
      }
      EXPECT_EQ(queues_[index]->Reap(
                    [](uint64_t, uint8_t status, uint32_t) { EXPECT_EQ(status, guest::kBlkOk); }),
                1u);
    }
  }

  uint64_t raised(uint16_t vector) const { return raised_[vector]; }
  uint64_t resets() const { return resets_; }
  uint64_t stops() const { return stops_; }

 private:
  void Raise(uint16_t vector) override {
    ASSERT_LE(vector, transport_->config_vector());
    ++raised_[vector];
    if (vector == transport_->config_vector()) {
      EXPECT_TRUE(driver_ok_) << "a change of the configuration before the driver was ready";
      EXPECT_NE(device_->features(), 0u);
    } else {
      EXPECT_TRUE(device_->queue_started(vector)) << "queue " << vector << " is not started";
    }
  }

  bool AnyStarted() const {
    for (uint16_t i = 0; i < kQueues; ++i) {
      if (device_->queue_started(i)) return true;
    }
    return false;
  }
  void SetUp() {
    const uint64_t features = kVirtioFVersion1 | (random_.Next() & transport_->offered_features());
    EXPECT_EQ(transport_->SetFeatures(features | (uint64_t{1} << 63)).ok(), false);
    EXPECT_EQ(transport_->SetMemory(bus_.memory()).ok(), !AnyStarted());
    EXPECT_EQ(transport_->SetFeatures(features).ok(), !AnyStarted());
    if (AnyStarted()) return;
    event_index_ = (features & kVirtioFEventIdx) != 0 ? EventIndex::kOn : EventIndex::kOff;
  }
  void StartQueue(uint16_t index) {
    if (device_->queue_started(index)) {
      const QueueLayout layout = LayoutOf(*queues_[index]);
      EXPECT_FALSE(transport_->StartQueue(index, layout).ok());
      return;
    }
    queues_[index] = *VirtioBlkQueue::Create(bus_, {.size = 8, .event_index = event_index_});
    if (device_->features() != 0 && !device_->resetting()) driver_ok_ = true;
    static_cast<void>(transport_->StartQueue(index, LayoutOf(*queues_[index])).ok());
  }
  void Submit(uint16_t index) {
    if (queues_[index] == nullptr) return transport_->Kick(index);
    const GuestSegment segment = {data_, 512};
    queues_[index]->Reap([](uint64_t, uint8_t, uint32_t) {});
    queues_[index]->Submit({.sector = random_.Below(64), .data = {&segment, 1}}, index);
    queues_[index]->Publish();
    // Whatever was asked for, and now and then where there is nothing.
    transport_->Kick(random_.OneIn(8) ? static_cast<uint16_t>(random_.Next()) : index);
    transport_->Kick(index);
  }
  void BreakRing(uint16_t index) {
    if (queues_[index] == nullptr) return;
    const uint8_t far[2] = {0xff, 0x7f};
    EXPECT_TRUE(bus_.Write(queues_[index]->ring().layout().driver + guest::kRingIndex, far));
    transport_->Kick(index);
  }
  static QueueLayout LayoutOf(VirtioBlkQueue& queue) {
    const RingLayout& layout = queue.ring().layout();
    return {.size = layout.size,
            .descriptors = layout.descriptors,
            .driver = layout.driver,
            .device = layout.device};
  }

  Random random_;
  SimulatedWorld world_;
  AioContext& control_ = world_.NewContext("control");
  AioContext& io_ = world_.NewContext("io");
  InProcessBus bus_{control_, {}};
  FakeBlockDevice backend_{2 * kMiB};
  std::unique_ptr<DirectTransport> transport_;  // Outlives the device.
  std::unique_ptr<VirtioBlk> device_;
  std::array<std::unique_ptr<VirtioBlkQueue>, kQueues> queues_;
  const uint64_t data_ = *bus_.Allocate(512, 512);
  EventIndex event_index_ = EventIndex::kOff;
  bool driver_ok_ = false;
  std::array<uint64_t, kQueues + 1> raised_{};
  uint64_t resets_ = 0;
  uint64_t stops_ = 0;
};

TEST(DirectTransportVectors, R_BLK_08_ResetsAndVectorsInAnyOrder) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    VectorsMachine machine(seed);
    for (int step = 0; step < kSteps && !testing::Test::HasFailure(); ++step) machine.Step();
    for (uint16_t vector = 0; vector <= kQueues; ++vector) EXPECT_GT(machine.raised(vector), 0u);
    EXPECT_GT(machine.resets(), 10u);
    EXPECT_GT(machine.stops(), 10u);
    machine.ExpectWorks();
  }
}

}  // namespace
}  // namespace platter

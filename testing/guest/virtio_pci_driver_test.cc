// SPDX-License-Identifier: Apache-2.0
//
// How drivers get on with Platter's device over PCI is in virtio_blk_driver_test.cc and
// virtio_scsi_driver_test.cc; here is what the transport's driver says when it can't go on.

#include "testing/guest/virtio_pci_driver.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/virtio_pci_slot_fixture.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

class VirtioPciDriverTest : public testing::Test {
 protected:
  void Make(const VirtioPciSlot::Options& options) {
    device_ =
        *VirtioBlk::Create({.id = "vd0", .num_queues = 2, .queue_size = 64}, backend_, control_);
    slot_ = std::make_unique<VirtioPciSlot>(bus_, *device_, options);
    driver_ = std::make_unique<VirtioPciDriver>(bus_, slot_->place());
  }
  ~VirtioPciDriverTest() override {
    if (device_ == nullptr) return;
    bool done = false;
    device_->Unplug([&] { done = true; });
    world_.RunUntil([&] { return done; });
    device_.reset();
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  InProcessBus bus_{control_, {}};
  FakeBlockDevice backend_{65536};
  std::unique_ptr<VirtioPciSlot> slot_;
  std::unique_ptr<VirtioBlk> device_;
  std::unique_ptr<VirtioPciDriver> driver_;
};

TEST_F(VirtioPciDriverTest, DiscoverWantsAModernDeviceOfItsType) {
  VirtioPciDriver nothing(bus_, {});
  EXPECT_EQ(nothing.Discover(2).code(), absl::StatusCode::kNotFound);
  Make({});
  EXPECT_EQ(driver_->Discover(8).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(driver_->Discover(2).ok());
  EXPECT_EQ(driver_->vectors(), 3u);
  EXPECT_NE(driver_->common(), 0u);
}

TEST_F(VirtioPciDriverTest, MessagesThatAreNotThereAreMissed) {
  Make({.transport = {.vectors = 0}});
  EXPECT_EQ(driver_->Discover(2).code(), absl::StatusCode::kNotFound);
}

TEST_F(VirtioPciDriverTest, QueuesThatAreInUseOrTooSmallAreRefused) {
  Make({});
  ASSERT_TRUE(driver_->Discover(2).ok());
  EXPECT_EQ(driver_->MaxQueueSize(1), 64u);
  EXPECT_EQ(driver_->MaxQueueSize(2), 0u);
  EXPECT_EQ(driver_->StartQueue(0, {.size = 128}).code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(driver_->StartQueue(0, {.size = 16}).ok());
  EXPECT_EQ(driver_->StartQueue(0, {.size = 16}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(VirtioPciDriverTest, FeaturesThatAreRefusedFail) {
  Make({});
  ASSERT_TRUE(driver_->Discover(2).ok());
  EXPECT_EQ(driver_->AcceptFeatures(0).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(driver_->status() & guest::kStatusFailed, 0u);
}

TEST_F(VirtioPciDriverTest, OneVectorMeansBoth) {
  Make({.transport = {.vectors = 1}});
  ASSERT_TRUE(driver_->Discover(2).ok());
  ASSERT_TRUE(driver_->AcceptFeatures(guest::kFeatureVersion1).ok());
  EXPECT_FALSE(driver_->TakeInterrupts().used);
  slot_->transport.InterruptConfig();
  const auto causes = driver_->TakeInterrupts();
  EXPECT_TRUE(causes.used);
  EXPECT_TRUE(causes.config);
  EXPECT_FALSE(driver_->TakeInterrupts().config);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_direct_driver.h"

#include <chrono>
#include <memory>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/virtio_blk.h"

namespace platter {
namespace {

// The block driver on this transport is virtio_blk_driver_test.cc's business; here is what the
// transport alone says.
class VirtioDirectDriverTest : public testing::Test {
 protected:
  VirtioDirectDriverTest()
      : device_(*VirtioBlk::Create({.id = "disk0", .num_queues = 2}, backend_, control_)),
        transport_(*device_, bus_.Vectors(0)),
        driver_(bus_, *device_, transport_, 0) {}
  ~VirtioDirectDriverTest() override {
    bool done = false;
    device_->Unplug([&] { done = true; });
    world_.RunUntil([&] { return done; });
    device_.reset();
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  InProcessBus bus_{control_, {}};
  FakeBlockDevice backend_{kMiB};
  std::unique_ptr<VirtioBlk> device_;
  DirectTransport transport_;
  VirtioDirectDriver driver_;
};

TEST_F(VirtioDirectDriverTest, CausesComeFromVectorsAndOnce) {
  transport_.InterruptQueue(1);
  auto causes = driver_.TakeInterrupts();
  EXPECT_TRUE(causes.used);
  EXPECT_FALSE(causes.config);
  transport_.InterruptConfig();
  causes = driver_.TakeInterrupts();
  EXPECT_FALSE(causes.used);
  EXPECT_TRUE(causes.config);
  causes = driver_.TakeInterrupts();
  EXPECT_FALSE(causes.used || causes.config);
}

TEST_F(VirtioDirectDriverTest, AResetEndsInALaterTurn) {
  driver_.BeginReset();
  EXPECT_FALSE(driver_.ResetDone());
  driver_.BeginReset();  // Once more does nothing.
  EXPECT_TRUE(bus_.WaitFor([&] { return driver_.ResetDone(); }, std::chrono::seconds(1)));
}

TEST_F(VirtioDirectDriverTest, QueuesAndTypeAreTheDevices) {
  EXPECT_TRUE(driver_.Discover(2).ok());
  EXPECT_EQ(driver_.Discover(8).code(), absl::StatusCode::kNotFound);
  EXPECT_GT(driver_.MaxQueueSize(1), 0u);
  EXPECT_EQ(driver_.MaxQueueSize(2), 0u);
  EXPECT_FALSE(driver_.Gone());
  EXPECT_FALSE(driver_.NeedsReset());
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// The transport alone; the block driver on it is the business of the export's tests.

#include "testing/guest/virtio_vhost_user_driver.h"

#include "gtest/gtest.h"

#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

TEST(VirtioVhostUserDriverTest, DiscoversOnceAndTakesAsManyQueuesAsThereAre) {
  SessionRig rig({.num_queues = 2});
  SessionGuest guest(rig, {.queues = 4});
  EXPECT_EQ(guest.transport.Discover(8).code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(guest.transport.Discover(2).ok());
  ASSERT_TRUE(guest.transport.Discover(2).ok());
  EXPECT_EQ(guest.transport.MaxQueueSize(1), 128u);
  EXPECT_EQ(guest.transport.MaxQueueSize(2), 0u);
  EXPECT_NE(guest.transport.DeviceFeatures(), 0u);
  EXPECT_EQ(guest.transport.DeviceFeatures() & kVhostUserFProtocolFeatures, 0u);
}

TEST(VirtioVhostUserDriverTest, ABackEndThatHangsUpIsGone) {
  SessionRig rig;
  SessionGuest guest(rig);
  ASSERT_TRUE(guest.disk.Probe().ok());
  EXPECT_FALSE(guest.transport.Gone());
  EXPECT_FALSE(guest.transport.NeedsReset());
  ASSERT_TRUE(guest.front->Send(99, kVhostUserVersion, {}));
  EXPECT_TRUE(guest.front->WaitUntilClosed().ok());
  EXPECT_TRUE(guest.transport.Gone());
  EXPECT_EQ(guest.transport.Discover(2).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace platter

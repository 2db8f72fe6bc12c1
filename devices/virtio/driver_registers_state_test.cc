// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/driver_registers_state.h"

#include "gtest/gtest.h"

#include "devices/virtio/virtio_state.pb.h"

namespace platter {
namespace {

TEST(DriverRegistersStateTest, ComesBackFieldByField) {
  const DriverRegisters::Values values = {
      .status = 1,
      .device_features_sel = 2,
      .driver_features_sel = 3,
      .driver_features = 4,
      .queue_sel = 5,
      .queues = {{.size = 6, .enabled = true, .descriptors = 7, .driver = 8, .device = 9}, {}}};
  state::VirtioMmio saved;
  SaveDriverRegisters(values, saved);
  const DriverRegisters::Values back = DriverRegistersOf(saved);
  EXPECT_EQ(back.status, 1u);
  EXPECT_EQ(back.device_features_sel, 2u);
  EXPECT_EQ(back.driver_features_sel, 3u);
  EXPECT_EQ(back.driver_features, 4u);
  EXPECT_EQ(back.queue_sel, 5u);
  ASSERT_EQ(back.queues.size(), 2u);
  EXPECT_EQ(back.queues[0].size, 6u);
  EXPECT_TRUE(back.queues[0].enabled);
  EXPECT_EQ(back.queues[0].descriptors, 7u);
  EXPECT_EQ(back.queues[0].driver, 8u);
  EXPECT_EQ(back.queues[0].device, 9u);
  EXPECT_FALSE(back.queues[1].enabled);
}

}  // namespace
}  // namespace platter

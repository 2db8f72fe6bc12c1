// SPDX-License-Identifier: Apache-2.0

#include "machine/throttle_options.h"

#include "gtest/gtest.h"

#include "config/proto/throttle.pb.h"

namespace platter {
namespace {

TEST(ThrottleOptionsTest, WhatIsGivenIsRead) {
  config::ThrottleLimits limits;
  limits.set_bps_total(1);
  limits.set_bps_read(2);
  limits.set_bps_write(3);
  limits.set_iops_total(4);
  limits.set_iops_total_max(40);
  limits.set_iops_total_max_length(400);
  limits.set_iops_read(5);
  limits.set_iops_write(6);
  limits.set_iops_size(7);
  ThrottleConfig config;
  ReadThrottleFields(limits, kGroupThrottleFields, "", config);
  EXPECT_EQ(config, (ThrottleConfig{
                        .bps_total = {.average = 1},
                        .bps_read = {.average = 2},
                        .bps_write = {.average = 3},
                        .iops_total = {.average = 4, .burst = 40, .burst_seconds = 400},
                        .iops_read = {.average = 5},
                        .iops_write = {.average = 6},
                        .iops_size = 7,
                    }));
}

TEST(ThrottleOptionsTest, WhatIsNotGivenStays) {
  ThrottleConfig config = {.bps_total = {.average = 100}, .iops_size = 9};
  config::ThrottleGroupOptions group;
  group.set_x_bps_total_max(200);
  ReadThrottleFields(group, kGroupThrottleFields, "x_", config);
  EXPECT_EQ(config, (ThrottleConfig{.bps_total = {.average = 100, .burst = 200}, .iops_size = 9}));
}

}  // namespace
}  // namespace platter

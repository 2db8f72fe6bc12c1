// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio_scsi/virtio_scsi_options.h"

#include <string>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

std::string Check(const VirtioScsiOptions& options) {
  return MessageOf(CheckVirtioScsiOptions(options));
}

TEST(VirtioScsiOptionsTest, LimitsAreInside) {
  EXPECT_TRUE(CheckVirtioScsiOptions({.id = "a"}).ok());
  EXPECT_TRUE(CheckVirtioScsiOptions({.id = "a", .num_queues = 1022, .queue_size = 32768}).ok());
  EXPECT_TRUE(CheckVirtioScsiOptions({.id = "a", .queue_size = 4}).ok());
}

TEST(VirtioScsiOptionsTest, WhatIsWrongIsNamed) {
  EXPECT_FALSE(CheckVirtioScsiOptions({.id = "no/name"}).ok());
  EXPECT_EQ(Check({.id = "a", .num_queues = 0}),
            "virtio-scsi device 'a': num-queues 0 is not between 1 and 1022");
  EXPECT_EQ(Check({.id = "a", .num_queues = 1023}),
            "virtio-scsi device 'a': num-queues 1023 is not between 1 and 1022");
  for (const uint32_t size : {0u, 2u, 100u, 65536u}) {
    EXPECT_EQ(Check({.id = "a", .queue_size = size}),
              "virtio-scsi device 'a': queue-size " + std::to_string(size) +
                  " is not a power of two between 4 and 32768");
  }
  EXPECT_EQ(Check({.id = "a", .queue_size = 64, .seg_max = 63}),
            "virtio-scsi device 'a': seg-max 63 is more than queue-size has room for, 62");
  EXPECT_TRUE(CheckVirtioScsiOptions({.id = "a", .queue_size = 64, .seg_max = 62}).ok());
}

}  // namespace
}  // namespace platter

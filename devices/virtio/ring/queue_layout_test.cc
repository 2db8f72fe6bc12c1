// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/queue_layout.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(QueueLayoutTest, WhereANewQueueStarts) {
  EXPECT_EQ(FirstPlace(kVirtioFVersion1), 0);
  EXPECT_EQ(QueueLayout().next_avail, FirstPlace(0));
  // 2.8.1: both wrap counters are 1.
  EXPECT_EQ(FirstPlace(kVirtioFVersion1 | kVirtioFRingPacked), 0x8000);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/ring_options.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(RingOptionsTest, EachOffersItsFeature) {
  constexpr uint64_t kAlways = kVirtioFVersion1 | kVirtioFIndirectDesc | kVirtioFEventIdx;
  EXPECT_EQ(VirtioRingFeatures({}), kAlways | kVirtioFRingReset);
  EXPECT_EQ(VirtioRingFeatures({.queue_reset = false}), kAlways);
  EXPECT_EQ(VirtioRingFeatures({.packed = true, .queue_reset = false}),
            kAlways | kVirtioFRingPacked);
  EXPECT_EQ(VirtioRingFeatures({.in_order = true, .queue_reset = false}),
            kAlways | kVirtioFInOrder);
  EXPECT_EQ(VirtioRingFeatures({.queue_reset = false, .notification_data = true}),
            kAlways | kVirtioFNotificationData);
}

}  // namespace
}  // namespace platter

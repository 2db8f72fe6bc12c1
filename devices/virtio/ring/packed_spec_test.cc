// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/packed_spec.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(PackedPlaceTest, ANewRingStartsWithAWrapCounterOfOne) {
  EXPECT_EQ(PackedPlace().bits(), PackedPlace::kFirst);
  EXPECT_TRUE(PackedPlace().wrap());
  EXPECT_EQ(PackedPlace().index(), 0u);
  EXPECT_EQ(PackedPlace(0x8005).index(), 5u);
  EXPECT_FALSE(PackedPlace(5).wrap());
}

TEST(PackedPlaceTest, EveryStepForthAndBackInSmallRingsAndTheLargest) {
  for (const uint32_t size : {1u, 2u, 3u, 5u, 7u, 8u, 32767u, 32768u}) {
    PackedPlace place;
    for (uint32_t at = 0; at < 2 * size; ++at) {
      ASSERT_EQ(place.index(), at % size);
      ASSERT_EQ(place.wrap(), at < size);
      ASSERT_EQ(PackedPlace(place.bits()), place);
      for (const uint32_t step : {0u, 1u, 2u, size / 2, size - 1, size}) {
        if (step > size) continue;
        PackedPlace moved = place;
        moved.Advance(step, size);
        ASSERT_EQ(place.DistanceTo(moved, size), step) << size << " at " << at;
        moved.Retreat(step, size);
        ASSERT_EQ(moved, place) << size << " at " << at;
      }
      place.Advance(1, size);
    }
    EXPECT_EQ(place, PackedPlace()) << "two rounds are one";
  }
}

}  // namespace
}  // namespace platter

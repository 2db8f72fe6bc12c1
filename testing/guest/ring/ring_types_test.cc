// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/ring/ring_types.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(RingTypesTest, EveryFaultCounts) {
  EXPECT_EQ(RingFaults().total(), 0u);
  EXPECT_EQ(RingFaults{.unknown_ids = 1}.total(), 1u);
  EXPECT_EQ(RingFaults{.over_long = 2}.total(), 2u);
  EXPECT_EQ(RingFaults{.index_jumps = 4}.total(), 4u);
  EXPECT_EQ(RingFaults{.reordered = 8}.total(), 8u);
}

}  // namespace
}  // namespace platter

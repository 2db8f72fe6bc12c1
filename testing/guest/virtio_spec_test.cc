// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_spec.h"

#include "gtest/gtest.h"

namespace platter::guest {
namespace {

// Virtio 1.3, 2.7: an available ring has 6 + 2 * size bytes and a used ring 6 + 8 * size, of which
// the last two are the event field.
TEST(VirtioSpec, RingsHaveTheLengthsThatTheStandardGives) {
  EXPECT_EQ(AvailBytes(1), 8u);
  EXPECT_EQ(UsedBytes(1), 14u);
  EXPECT_EQ(AvailBytes(256), 518u);
  EXPECT_EQ(UsedBytes(256), 2054u);
  EXPECT_EQ(AvailBytes(kMaxRingSize), 65542u);
  EXPECT_EQ(UsedBytes(kMaxRingSize), 262150u);
}

TEST(VirtioSpec, TheEventFieldIsTheLast) {
  for (const uint16_t size : {1, 256, 32768}) {
    EXPECT_EQ(UsedEventOffset(size) + sizeof(Le16), AvailBytes(size)) << size;
    EXPECT_EQ(AvailEventOffset(size) + sizeof(Le16), UsedBytes(size)) << size;
  }
}

}  // namespace
}  // namespace platter::guest

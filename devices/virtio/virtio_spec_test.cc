// SPDX-License-Identifier: Apache-2.0
//
// The layout of the rings, written out as structures after "2.7 Split Virtqueues" for one size: the
// functions must give the same places.

#include "devices/virtio/virtio_spec.h"

#include <cstddef>

#include "gtest/gtest.h"

namespace platter {
namespace {

template <uint32_t kSize>
struct Avail {
  Le16 flags;
  Le16 idx;
  Le16 ring[kSize];
  Le16 used_event;
};

struct UsedElement {
  Le32 id;
  Le32 len;
};

template <uint32_t kSize>
struct Used {
  Le16 flags;
  Le16 idx;
  UsedElement ring[kSize];
  Le16 avail_event;
};

template <uint32_t kSize>
void ExpectLayout() {
  using AvailRing = Avail<kSize>;
  EXPECT_EQ(kVirtqAvailIdx, offsetof(AvailRing, idx));
  EXPECT_EQ(kVirtqAvailRing, offsetof(AvailRing, ring));
  EXPECT_EQ(VirtqUsedEvent(kSize), offsetof(AvailRing, used_event));
  EXPECT_EQ(VirtqAvailBytes(kSize), sizeof(AvailRing));
  using UsedRing = Used<kSize>;
  EXPECT_EQ(kVirtqUsedIdx, offsetof(UsedRing, idx));
  EXPECT_EQ(kVirtqUsedRing, offsetof(UsedRing, ring));
  EXPECT_EQ(kVirtqUsedElement, sizeof(UsedElement));
  EXPECT_EQ(VirtqAvailEvent(kSize), offsetof(UsedRing, avail_event));
  EXPECT_EQ(VirtqUsedBytes(kSize), offsetof(UsedRing, avail_event) + sizeof(Le16));
}

TEST(VirtioSpec, RingsAreLaidOutAsTheStructuresOfTheStandard) {
  ExpectLayout<1>();
  ExpectLayout<256>();
  ExpectLayout<kVirtqMaxSize>();
}

// A guest chooses the size before anything is checked.
TEST(VirtioSpec, SizesOf32BitsDoNotOverflow) {
  EXPECT_EQ(VirtqAvailBytes(UINT32_MAX), 4 + 2 * uint64_t{UINT32_MAX} + 2);
  EXPECT_EQ(VirtqUsedBytes(UINT32_MAX), 4 + 8 * uint64_t{UINT32_MAX} + 2);
}

}  // namespace
}  // namespace platter

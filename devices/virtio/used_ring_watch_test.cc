// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/used_ring_watch.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

class UsedRingWatchTest : public testing::Test {
 protected:
  UsedRingWatchTest() { watch.Start(); }
  UsedRingWatch watch{4};
};

TEST_F(UsedRingWatchTest, EachHeadOnceForEachTimeThatItWasMadeAvailable) {
  for (uint32_t round = 0; round < 3; ++round) {
    for (uint32_t head : {2u, 0u, 3u}) watch.MadeAvailable(head);
    EXPECT_EQ(watch.in_use(), 3u);
    for (uint32_t head : {3u, 2u, 0u}) watch.Used(watch.entries() % 4, head);
    watch.Published(watch.entries());
  }
  EXPECT_EQ(watch.in_use(), 0u);
  EXPECT_EQ(watch.checked(), 9u);
  EXPECT_EQ(watch.fault(), "");
  watch.Used(watch.entries() % 4, 3);
  EXPECT_EQ(watch.fault(), "an entry for head 3, which is not in use");
}

TEST_F(UsedRingWatchTest, HeadsThatDoNotExist) {
  watch.MadeAvailable(4);
  EXPECT_EQ(watch.in_use(), 0u);
  watch.Used(0, 4);
  EXPECT_NE(watch.fault(), "");
}

TEST_F(UsedRingWatchTest, SlotsInOrder) {
  watch.MadeAvailable(1);
  watch.Used(1, 1);
  EXPECT_EQ(watch.fault(), "an entry in the wrong slot");
}

TEST_F(UsedRingWatchTest, TheIndexCountsTheEntries) {
  watch.MadeAvailable(1);
  watch.Used(0, 1);
  watch.Published(2);
  EXPECT_EQ(watch.fault(), "the index is 2 after 1 entries");
}

TEST_F(UsedRingWatchTest, AHeadTakenTwiceBreaksTheRing) {
  watch.Taken(1);
  watch.Used(0, 1);
  watch.Taken(1);
  watch.Taken(1);
  EXPECT_EQ(watch.fault(), "");
  watch.Used(1, 1);
  EXPECT_EQ(watch.fault(), "an entry after the ring broke");
}

TEST_F(UsedRingWatchTest, NothingAfterAReset) {
  watch.MadeAvailable(1);
  watch.Silence();
  watch.Used(0, 1);
  EXPECT_EQ(watch.fault(), "an entry after the reset");
}

TEST_F(UsedRingWatchTest, NothingIsCheckedAfterGivingUpUntilTheNextStart) {
  watch.GiveUp();
  watch.Used(3, 9);
  watch.Published(77);
  watch.Strayed();
  EXPECT_EQ(watch.fault(), "");
  watch.Start();
  watch.Strayed();
  EXPECT_EQ(watch.fault(), "a write that is no entry and no index");
}

}  // namespace
}  // namespace platter

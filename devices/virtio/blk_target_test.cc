// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/blk_target.h"

#include "gtest/gtest.h"

#include "devices/testing/fake_block_device.h"
#include "devices/virtio/ring/ring_fixture.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {
namespace {

// The fixture's ring is split.
constexpr uint64_t kOtherRings = kVirtioFRingPacked | kVirtioFInOrder;

class BlkTargetTest : public testing::TestWithParam<BlkTarget::Transport> {
 protected:
  ~BlkTargetTest() override { backend.Release(); }

  // A flush: no data, so two descriptors.
  void Give() {
    ring.Put(RingFixture::kData, VirtioBlkHeader{4, 0, 0});
    ring.SetDescriptor(0, {.flags = kVirtqDescNext, .next = 1});
    ring.SetDescriptor(1,
                       {.address = RingFixture::kData + 16, .length = 1, .flags = kVirtqDescWrite});
    ring.MakeAvailable(0);
  }

  SimulatedWorld world{1};
  AioContext& context = world.NewContext("io");
  FakeBlockDevice backend{kMiB};
  RingFixture ring{8};
  BlkTarget target{GetParam(), world, context, backend, ring.memory};
};

INSTANTIATE_TEST_SUITE_P(Transports, BlkTargetTest,
                         testing::Values(BlkTarget::Transport::kMmio,
                                         BlkTarget::Transport::kDirect),
                         [](const auto& test) {
                           return test.param == BlkTarget::Transport::kMmio ? "Mmio" : "Direct";
                         });

TEST_P(BlkTargetTest, StartsAnswersAndIsReset) {
  EXPECT_FALSE(target.Runs());
  for (uint64_t refused : {uint64_t{0}, kVirtioFEventIdx}) {
    ring.SetAvailIndex(0);
    ring.Put(RingFixture::kUsed + kVirtqUsedIdx, Le16(0));
    target.Start(ring.layout(), kOtherRings | refused);
    world.RunUntilIdle();
    EXPECT_TRUE(target.Runs());
    Give();
    target.Kick();
    world.RunUntilIdle();
    EXPECT_EQ(ring.UsedIndex(), 1);
    // Only with the event index the device says which entry it waits for.
    EXPECT_EQ(ring.AvailEvent(), refused == 0 ? 1 : 0);
    target.BeginReset();
    world.RunUntilIdle();
    EXPECT_FALSE(target.resetting());
    EXPECT_FALSE(target.Runs());
    ring.Put(RingFixture::kUsed + VirtqAvailEvent(8), Le16(0));
  }
}

TEST_P(BlkTargetTest, ABrokenRingNeedsAReset) {
  target.Start(ring.layout(), kOtherRings);
  ring.SetAvailIndex(100);
  target.Kick();
  world.RunUntilIdle();
  EXPECT_TRUE(target.NeedsReset());
  EXPECT_FALSE(target.Runs());
}

TEST_P(BlkTargetTest, SaysWhichAccessesMayStopTheQueue) {
  target.Start(ring.layout(), kOtherRings);
  const bool mmio = GetParam() == BlkTarget::Transport::kMmio;
  EXPECT_FALSE(mmio ? target.Access(0x120, 0, 1) : target.Access(32, 0, 1));
  EXPECT_TRUE(target.Runs());
  EXPECT_TRUE(mmio ? target.Access(0x44, 2, 0) : target.Access(0, 4, 0));
  world.RunUntilIdle();
  EXPECT_FALSE(target.Runs());
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/virtqueue.h"

#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "devices/virtio/ring/packed_fixture.h"
#include "devices/virtio/ring/ring_fixture.h"

namespace platter {
namespace {

constexpr uint64_t kBase = kVirtioFVersion1 | kVirtioFIndirectDesc;

// A ring of either layout, with what a driver does to it.
class VirtqueueTest : public testing::TestWithParam<uint64_t> {
 protected:
  static constexpr uint32_t kSize = 8;

  ~VirtqueueTest() override {
    if (queue.started()) queue.Stop();
  }
  bool is_packed() const { return (GetParam() & kVirtioFRingPacked) != 0; }
  bool in_order() const { return (GetParam() & kVirtioFInOrder) != 0; }

  void Start() { ASSERT_TRUE(Restore(queue, {.layout = layout()}).ok()); }
  absl::Status Restore(Virtqueue& to, const QueueState& state) {
    return to.Start(memory(), state, kBase | GetParam());
  }
  QueueLayout layout() const { return is_packed() ? packed.layout() : split.layout(); }
  std::shared_ptr<const GuestMemory> memory() const {
    return is_packed() ? packed.memory : split.memory;
  }
  void Offer(uint16_t head) {
    if (is_packed()) return packed.Offer(head);
    split.SetDescriptor(head, {});
    split.MakeAvailable(head);
  }
  void Take(uint16_t head) {
    Offer(head);
    Chain chain;
    ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
    ASSERT_EQ(chain.head, head);
  }
  // Heads that the driver sees as used, in the order of the ring.
  std::vector<uint16_t> Used() const {
    std::vector<uint16_t> heads;
    PackedPlace at;
    for (uint16_t i = 0; i < kSize; ++i) {
      if (is_packed()) {
        if (!packed.IsUsed(at)) break;
        heads.push_back(packed.At(at.index()).id.get());
        at.Advance(1, kSize);
      } else {
        if (i == split.UsedIndex()) break;
        heads.push_back(static_cast<uint16_t>(split.UsedEntry(i).id));
      }
    }
    return heads;
  }

  RingFixture split{kSize};
  PackedFixture packed{kSize};
  Virtqueue queue{kSize};
};

INSTANTIATE_TEST_SUITE_P(Layouts, VirtqueueTest,
                         testing::Values(0, kVirtioFRingPacked, kVirtioFInOrder,
                                         kVirtioFRingPacked | kVirtioFInOrder));

TEST_P(VirtqueueTest, UsesAsTheyAreDoneOrAsTheyWereTaken) {
  Start();
  for (const uint16_t head : {5, 2, 7}) Take(head);
  EXPECT_EQ(queue.in_use(), 3u);
  queue.PushUsed(7, 0);
  queue.Publish();
  EXPECT_EQ(queue.in_use(), 2u);
  EXPECT_EQ(Used(), in_order() ? std::vector<uint16_t>{} : std::vector<uint16_t>{7});
  queue.PushUsed(5, 0);
  queue.Publish();
  EXPECT_EQ(Used(), in_order() ? std::vector<uint16_t>{5} : (std::vector<uint16_t>{7, 5}));
  queue.PushUsed(2, 0);
  queue.Publish();
  EXPECT_EQ(Used(),
            in_order() ? (std::vector<uint16_t>{5, 2, 7}) : (std::vector<uint16_t>{7, 5, 2}));
  EXPECT_EQ(queue.in_use(), 0u);
}

TEST_P(VirtqueueTest, UndoneAndTakenAgain) {
  Start();
  Take(1);
  Take(2);
  queue.UndoPop(2);
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(chain.head, 2);
  queue.PushUsed(2, 0);
  queue.PushUsed(1, 0);
  EXPECT_TRUE(queue.Publish());
  EXPECT_EQ(Used(), in_order() ? (std::vector<uint16_t>{1, 2}) : (std::vector<uint16_t>{2, 1}));
}

TEST_P(VirtqueueTest, GoesOnElsewhere) {
  Start();
  for (const uint16_t head : {5, 2, 7, 0}) Take(head);
  queue.PushUsed(2, 12);
  queue.PushUsed(0, 10);
  queue.Publish();
  QueueState state = {.layout = layout()};
  queue.Save({5, 7}, &state);
  EXPECT_EQ(state.held.size(), in_order() ? 2u : 0u);
  EXPECT_EQ(state.chains.size(), !is_packed() ? 0u : in_order() ? 4u : 2u);

  Virtqueue other(kSize);
  ASSERT_TRUE(Restore(other, state).ok());
  Chain chain;
  ASSERT_TRUE(other.Lookup(5, &chain));
  EXPECT_EQ(chain.readable_bytes, 16u);
  ASSERT_TRUE(other.Lookup(7, &chain));
  EXPECT_EQ(other.in_use(), 2u);
  other.PushUsed(7, 0);
  other.PushUsed(5, 0);
  other.Publish();
  EXPECT_EQ(Used(),
            in_order() ? (std::vector<uint16_t>{5, 2, 7, 0}) : (std::vector<uint16_t>{2, 0, 7, 5}));
  EXPECT_EQ(other.in_use(), 0u);
  Offer(3);
  EXPECT_EQ(other.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(chain.head, 3);
}

TEST_P(VirtqueueTest, ADropLeavesNothingInUse) {
  Start();
  for (const uint16_t head : {5, 2}) Take(head);
  queue.Drop(5);
  queue.PushUsed(2, 0);
  EXPECT_EQ(queue.in_use(), 0u);
  queue.Stop();
  EXPECT_FALSE(queue.started());
}

TEST_P(VirtqueueTest, R_VQ_20_AStateThatCantBeStartsNothing) {
  QueueState state = {.layout = layout(), .heads = {1}};
  EXPECT_EQ(Restore(queue, state).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(queue.started());
  state = {.layout = layout()};
  state.layout.size = 0;
  EXPECT_EQ(Restore(queue, state).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(queue.started());
  Start();
}

TEST_P(VirtqueueTest, R_VQ_08_BrokenIsEmpty) {
  Start();
  Take(1);
  Offer(2);
  queue.Break("for the test");
  EXPECT_FALSE(queue.HasWork());
  Chain chain;
  EXPECT_EQ(queue.Pop(&chain), PopResult::kBroken);
  queue.PushUsed(1, 0);
  EXPECT_FALSE(queue.Publish());
  EXPECT_EQ(queue.in_use(), 0u);
  EXPECT_EQ(std::string(queue.error()), "for the test");
}

// A queue takes another layout from one start to the next.
TEST(VirtqueueLayoutTest, ChangesWithWhatWasNegotiated) {
  Virtqueue queue(8);
  RingFixture split(8);
  PackedFixture packed(7);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(queue.Start(split.memory, {.layout = split.layout()}, kBase).ok());
    EXPECT_EQ(queue.next_avail(), 0);
    queue.Stop();
    ASSERT_TRUE(
        queue.Start(packed.memory, {.layout = packed.layout()}, kBase | kVirtioFRingPacked).ok());
    EXPECT_EQ(queue.next_avail(), PackedPlace::kFirst);
    EXPECT_EQ(queue.size(), 7u);
    queue.Stop();
  }
  EXPECT_FALSE(queue.Start(split.memory, {.layout = {.size = 7}}, kBase).ok())
      << "a split ring whose size is no power of two";
}

}  // namespace
}  // namespace platter

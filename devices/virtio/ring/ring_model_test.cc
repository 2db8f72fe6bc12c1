// SPDX-License-Identifier: Apache-2.0
//
// That the model sees what a device does wrong: it would be no use otherwise.

#include "devices/virtio/ring/ring_model.h"

#include <string>

#include "gtest/gtest.h"

#include "devices/virtio/ring/virtqueue.h"

namespace platter {
namespace {

using Layout = RingModel::Layout;

class RingModelTest : public testing::TestWithParam<Layout> {
 protected:
  static constexpr uint64_t kFeatures = kVirtioFVersion1 | kVirtioFIndirectDesc;

  void SetUp() override {
    const uint64_t packed = GetParam() == Layout::kPacked ? kVirtioFRingPacked : 0;
    ASSERT_TRUE(queue.Start(model.memory(), {.layout = model.layout()}, kFeatures | packed).ok());
    model.Offer({.pieces = 2}, RingModel::Pick::kSmallest);
    model.Offer({.pieces = 2, .indirect = true}, RingModel::Pick::kSmallest);
    Chain chain;
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
      ASSERT_EQ(model.CompareTaken(chain), "");
    }
  }
  void TearDown() override { queue.Stop(); }
  std::string Check() {
    bool interrupt = false;
    return model.Check(&interrupt);
  }

  RingModel model{GetParam(), 4, 3};
  Virtqueue queue{4};
};

INSTANTIATE_TEST_SUITE_P(Layouts, RingModelTest, testing::Values(Layout::kSplit, Layout::kPacked));

TEST_P(RingModelTest, WhatIsRight) {
  EXPECT_FALSE(model.anything_to_take());
  queue.PushUsed(model.id_of(1), 5);
  queue.Publish();
  model.Used(1, 5);
  EXPECT_EQ(Check(), "");
  EXPECT_EQ(model.Told(model.used_position()), queue.next_used());
  EXPECT_EQ(model.Told(model.avail_position()), queue.next_avail());
}

TEST_P(RingModelTest, AnotherChain) {
  model.Offer({.pieces = 1}, RingModel::Pick::kSmallest);
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  Chain wrong = chain;
  ++wrong.head;
  RingModel second = model;
  EXPECT_NE(second.CompareTaken(wrong), "");
  wrong = chain;
  wrong.readable = {};
  RingModel third = model;
  EXPECT_NE(third.CompareTaken(wrong), "");
  wrong = chain;
  ++wrong.writable_bytes;
  EXPECT_NE(model.CompareTaken(wrong), "");
}

TEST_P(RingModelTest, UsedAndNotPublished) {
  queue.PushUsed(model.id_of(0), 0);
  model.Used(0, 0);
  EXPECT_NE(Check(), "");
}

TEST_P(RingModelTest, PublishedAndNotUsed) {
  queue.PushUsed(model.id_of(0), 0);
  queue.Publish();
  EXPECT_NE(Check(), "");
}

TEST_P(RingModelTest, AnotherLengthOrId) {
  queue.PushUsed(model.id_of(0), 7);
  queue.Publish();
  model.Used(0, 6);
  EXPECT_NE(Check(), "");
  queue.PushUsed(model.id_of(1), 7);
  queue.Publish();
  model.Used(0, 7);
  EXPECT_NE(Check(), "");
}

}  // namespace
}  // namespace platter

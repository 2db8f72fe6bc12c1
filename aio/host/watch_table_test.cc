// SPDX-License-Identifier: Apache-2.0

#include "aio/host/watch_table.h"

#include <functional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

constexpr uint32_t kIn = 1;
constexpr uint32_t kOut = 4;

class RecordingWatch final : public FdWatch {
 public:
  void OnFdReady(uint32_t events) override {
    seen.push_back(events);
    if (then) then();
  }
  std::vector<uint32_t> seen;
  std::function<void()> then;
};

class WatchTableTest : public ::testing::Test {
 protected:
  // As a context does: what nobody knows any more is free again.
  bool Dispatch() {
    return table_.Dispatch([this](WatchSlot& slot) { table_.Release(slot); });
  }

  WatchTable table_;
  RecordingWatch a_, b_;
};

TEST_F(WatchTableTest, KeepsWhatItIsToldOfADescriptor) {
  EXPECT_TRUE(table_.empty());
  const WatchSlot& slot = table_.Add(a_, 7, kIn);
  EXPECT_FALSE(table_.empty());
  EXPECT_EQ(slot.watch, &a_);
  EXPECT_EQ(slot.fd, 7);
  EXPECT_EQ(slot.events, kIn);
  EXPECT_EQ(a_.fd, 7);
  EXPECT_EQ(table_.Remove(a_).watch, nullptr);
  EXPECT_EQ(a_.fd, -1);
  EXPECT_TRUE(table_.empty());
}

TEST_F(WatchTableTest, DeliversEventsOnceToTheirWatch) {
  WatchSlot& slot = table_.Add(a_, 0, kIn | kOut);
  table_.Add(b_, 1, kIn);
  EXPECT_FALSE(Dispatch());
  table_.SetReady(slot, kOut);
  EXPECT_TRUE(table_.HasReady());
  EXPECT_TRUE(Dispatch());
  EXPECT_EQ(a_.seen, std::vector<uint32_t>{kOut});
  EXPECT_TRUE(b_.seen.empty());
  EXPECT_FALSE(table_.HasReady());
  EXPECT_FALSE(Dispatch());
}

TEST_F(WatchTableTest, EventsSetTwiceBeforeATurnAreDeliveredOnceAndAsSetLast) {
  WatchSlot& slot = table_.Add(a_, 3, kIn | kOut);
  table_.SetReady(slot, kIn);
  table_.SetReady(slot, kIn | kOut);
  EXPECT_TRUE(Dispatch());
  EXPECT_EQ(a_.seen, std::vector<uint32_t>{kIn | kOut});
}

TEST_F(WatchTableTest, EventsSetTwiceDoNotLoseThoseOfOthers) {
  WatchSlot& first = table_.Add(a_, 3, kIn);
  WatchSlot& second = table_.Add(b_, 4, kIn);
  table_.SetReady(first, kIn);
  table_.SetReady(second, kIn);
  table_.SetReady(first, kIn);
  EXPECT_TRUE(Dispatch());
  EXPECT_EQ(a_.seen.size(), 1u);
  EXPECT_EQ(b_.seen.size(), 1u);
}

TEST_F(WatchTableTest, AWatchThatHasGoneIsNotCalled) {
  table_.SetReady(table_.Add(a_, 3, kIn), kIn);
  table_.Release(table_.Remove(a_));
  EXPECT_TRUE(Dispatch());
  EXPECT_TRUE(a_.seen.empty());
}

TEST_F(WatchTableTest, AWatchThatAnotherOneRemovesInItsCallIsNotCalled) {
  WatchSlot& first = table_.Add(a_, 3, kIn);
  WatchSlot& second = table_.Add(b_, 4, kIn);
  a_.then = [this] { table_.Release(table_.Remove(b_)); };
  table_.SetReady(first, kIn);
  table_.SetReady(second, kIn);
  EXPECT_TRUE(Dispatch());
  EXPECT_EQ(a_.seen.size(), 1u);
  EXPECT_TRUE(b_.seen.empty());
}

// The slot is on its way through Dispatch: it must not become that of another descriptor meanwhile.
TEST_F(WatchTableTest, AWatchThatRemovesItselfLeavesItsSlotAloneUntilTheEndOfItsCall) {
  WatchSlot& slot = table_.Add(a_, 3, kIn);
  WatchSlot* added = nullptr;
  a_.then = [&] {
    table_.Release(table_.Remove(a_));
    added = &table_.Add(b_, 4, kIn);
  };
  table_.SetReady(slot, kIn);
  EXPECT_TRUE(Dispatch());
  EXPECT_NE(added, &slot);
  table_.Release(table_.Remove(b_));
  RecordingWatch c;
  EXPECT_EQ(&table_.Add(c, 5, kIn), &slot) << "free since the end of the call";
}

TEST_F(WatchTableTest, WhatBecomesReadyDuringATurnWaitsForTheNext) {
  WatchSlot& first = table_.Add(a_, 3, kIn);
  WatchSlot& second = table_.Add(b_, 4, kIn);
  a_.then = [&] { table_.SetReady(second, kIn); };
  table_.SetReady(first, kIn);
  EXPECT_TRUE(Dispatch());
  EXPECT_TRUE(b_.seen.empty());
  EXPECT_TRUE(table_.HasReady());
  EXPECT_TRUE(Dispatch());
  EXPECT_EQ(b_.seen.size(), 1u);
}

TEST_F(WatchTableTest, ASlotIsReusedOnlyWhenNobodyKnowsItAnyMore) {
  WatchSlot& slot = table_.Add(a_, 3, kIn);
  slot.in_kernel = true;
  slot.in_changes = true;
  table_.Release(slot);  // watched: not free
  table_.Remove(a_);
  table_.Release(slot);
  EXPECT_NE(&table_.Add(a_, 3, kIn), &slot) << "the kernel knows it";
  slot.in_kernel = false;
  table_.Release(slot);
  EXPECT_NE(&table_.Add(b_, 4, kIn), &slot) << "the context knows it";
  slot.in_changes = false;
  table_.Release(slot);
  RecordingWatch c;
  WatchSlot& reused = table_.Add(c, 5, kOut);
  EXPECT_EQ(&reused, &slot);
  EXPECT_EQ(reused.fd, 5);
  EXPECT_EQ(reused.events, kOut);
}

TEST_F(WatchTableTest, EventsOfAFormerWatchDoNotReachTheNextOneOfItsSlot) {
  WatchSlot& slot = table_.Add(a_, 3, kIn);
  table_.SetReady(slot, kIn);
  table_.Remove(a_);
  EXPECT_EQ(slot.ready, 0u);
}

using WatchTableDeathTest = WatchTableTest;

TEST_F(WatchTableDeathTest, WatchingADescriptorTwiceFailsACheck) {
  table_.Add(a_, 3, kIn);
  EXPECT_DEATH(table_.Add(b_, 3, kIn), "check failed");
  EXPECT_DEATH(table_.Remove(b_), "check failed");
  EXPECT_DEATH(table_.Add(b_, -1, kIn), "check failed");
}

}  // namespace
}  // namespace platter

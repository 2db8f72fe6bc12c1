// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/queue_state.h"

#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {
namespace {

constexpr uint64_t kSplit = kVirtioFVersion1;
constexpr uint64_t kPacked = kVirtioFVersion1 | kVirtioFRingPacked;

std::string WhyNot(const QueueState& state, uint64_t features) {
  const absl::Status status = CheckQueueState(state, features);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(MessageOf(status));
}

QueueState SplitState() {
  return {.layout = {.size = 8, .next_avail = 1, .next_used = 0xffff}, .heads = {3, 7}};
}

QueueState PackedState() {
  return {.layout = {.size = 5, .next_avail = 1, .next_used = 0x8003},
          .heads = {4, 2},
          .chains = {std::vector<PackedDesc>(2), std::vector<PackedDesc>(1)}};
}

TEST(QueueStateTest, WhatFitsTogetherIsFine) {
  EXPECT_TRUE(CheckQueueState({}, kSplit).ok());
  EXPECT_TRUE(CheckQueueState(SplitState(), kSplit).ok());
  EXPECT_TRUE(CheckQueueState(PackedState(), kPacked).ok());
  QueueState held = SplitState();
  held.layout.next_avail = 2;
  held.held = {{.place = 1, .head = 0, .written = 5}};
  EXPECT_TRUE(CheckQueueState(held, kSplit | kVirtioFInOrder).ok());
  EXPECT_NE(WhyNot(held, kSplit).find("not used in order"), std::string::npos);
}

TEST(QueueStateTest, R_VQ_20_HeadsThatCantBe) {
  QueueState state = SplitState();
  state.heads = {3, 8};
  EXPECT_NE(WhyNot(state, kSplit).find("head 8"), std::string::npos);
  state.heads = {3, 3};
  EXPECT_NE(WhyNot(state, kSplit).find("twice"), std::string::npos);
  state.heads = {3};
  state.held = {{.place = 1, .head = 3}};
  EXPECT_NE(WhyNot(state, kSplit | kVirtioFInOrder).find("twice"), std::string::npos);
  state = SplitState();
  state.layout.size = 1 << 20;  // Nothing is allocated for it.
  EXPECT_NE(WhyNot(state, kSplit).find("head 3"), std::string::npos);
}

TEST(QueueStateTest, R_VQ_03_AsManyAsThePositionsAreApart) {
  QueueState state = SplitState();
  state.layout.next_avail = 2;
  EXPECT_NE(WhyNot(state, kSplit).find("3 apart"), std::string::npos);
  state = PackedState();
  state.layout.next_avail = 2;
  EXPECT_NE(WhyNot(state, kPacked).find("4 apart"), std::string::npos);
  state = PackedState();
  state.chains[1].clear();
  EXPECT_NE(WhyNot(state, kPacked).find("without descriptors"), std::string::npos);
  state.chains.pop_back();
  EXPECT_NE(WhyNot(state, kPacked).find("other heads"), std::string::npos);
  state = SplitState();
  state.chains = {std::vector<PackedDesc>(1), std::vector<PackedDesc>(1)};
  EXPECT_NE(WhyNot(state, kSplit).find("split ring"), std::string::npos);
}

TEST(QueueStateTest, PlacesOfWhatIsHeld) {
  for (const std::vector<uint32_t>& places :
       {std::vector<uint32_t>{0, 1}, {2, 2}, {3, 2}, {1, 4}, {1, UINT32_MAX}}) {
    QueueState state = SplitState();
    state.layout.next_avail = 3;
    state.held = {{.place = places[0], .head = 0}, {.place = places[1], .head = 1}};
    EXPECT_NE(WhyNot(state, kSplit | kVirtioFInOrder).find("place"), std::string::npos);
  }
}

TEST(QueueStateTest, ABrokenQueueHasNothing) {
  QueueState state = {.layout = {.size = 8, .next_avail = 5}, .broken = true};
  EXPECT_TRUE(CheckQueueState(state, kSplit).ok());
  state.heads = {1};
  EXPECT_NE(WhyNot(state, kSplit).find("broken"), std::string::npos);
}

}  // namespace
}  // namespace platter

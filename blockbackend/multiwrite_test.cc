// SPDX-License-Identifier: Apache-2.0
//
// A batch of writes: row 20.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Mode = HeldNode::Mode;
using Results = std::vector<IoResult>;
constexpr uint64_t kBlock = 512;

class MultiwriteTest : public BackendFixture {
 public:
  void SetUp() override {
    MakeBackend();
    Insert();
  }
  HostWrite Write(uint64_t offset, uint64_t bytes = kBlock) {
    return {.offset = offset, .data = std::span<const uint8_t>(data_).subspan(0, bytes)};
  }
  Results Multi(std::vector<HostWrite> writes, IoFlags flags = IoFlags::kNone) {
    return Await(backend_->Multiwrite(std::move(writes), flags));
  }
  // Where and how long the requests were that reached the node.
  std::vector<std::pair<uint64_t, uint64_t>> Seen() const {
    std::vector<std::pair<uint64_t, uint64_t>> seen;
    for (const HeldNode::Seen& one : node_->seen) seen.emplace_back(one.offset, one.bytes);
    return seen;
  }
  using Place = std::pair<uint64_t, uint64_t>;

  std::array<uint8_t, 8 * kBlock> data_{};
};

TEST_F(MultiwriteTest, Row20_NeighboursBecomeOneRequestInAnyOrder) {
  EXPECT_EQ(Multi({Write(2 * kBlock), Write(0), Write(8 * kBlock), Write(kBlock)}),
            (Results{0, 0, 0, 0}));
  EXPECT_THAT(Seen(), ElementsAre(Place{0, 3 * kBlock}, Place{8 * kBlock, kBlock}));
  const BlockStats stats = backend_->Stats();
  EXPECT_EQ(stats.write.operations, 2u);
  EXPECT_EQ(stats.write.merged, 2u);
  EXPECT_EQ(stats.write.bytes, 4 * kBlock);
}

TEST_F(MultiwriteTest, Row20_AllAreUnderWayAtOnce) {
  node_->mode = Mode::kHold;
  const std::vector<HostWrite> batch = {Write(0), Write(4 * kBlock)};
  bool done = false;
  Begin(
      [](BlockBackendRef backend, std::vector<HostWrite> writes) -> Task<void> {
        const Results results = co_await backend->Multiwrite(std::move(writes), IoFlags::kFua);
        EXPECT_EQ(results, Results(2, 0));
      }(backend_, batch),
      &done);
  ASSERT_EQ(node_->held.size(), 2u);
  EXPECT_EQ(node_->seen[0].flags, IoFlags::kFua);
  node_->Finish(1, 0);
  world_.RunUntilIdle();
  EXPECT_FALSE(done);
  node_->Finish(0, 0);
  world_.RunUntilIdle();
  EXPECT_TRUE(done);
}

TEST_F(MultiwriteTest, Row20_AnErrorComesToTheWriteThatItIsOf) {
  // The merged one fails, and then the second of its three by itself.
  node_->results = {-EIO, 0, -ENOSPC, 0};
  EXPECT_EQ(Multi({Write(2 * kBlock), Write(0), Write(kBlock)}), (Results{0, 0, -ENOSPC}));
  EXPECT_THAT(Seen(), ElementsAre(Place{0, 3 * kBlock}, Place{0, kBlock}, Place{kBlock, kBlock},
                                  Place{2 * kBlock, kBlock}));
}

TEST_F(MultiwriteTest, Row20_OneThatReachesBeyondTheEndSpoilsNoOther) {
  EXPECT_EQ(Multi({Write(kLength), Write(kLength - kBlock)}), (Results{-EIO, 0}));
  EXPECT_THAT(Seen(), ElementsAre(Place{kLength - kBlock, kBlock}));
}

TEST_F(MultiwriteTest, Row20_OverlappingOnesAreMadeInTheOrderGiven) {
  EXPECT_EQ(Multi({Write(kBlock, 2 * kBlock), Write(0, 2 * kBlock), Write(kBlock)}),
            (Results{0, 0, 0}));
  EXPECT_THAT(Seen(),
              ElementsAre(Place{kBlock, 2 * kBlock}, Place{0, 2 * kBlock}, Place{kBlock, kBlock}));
  EXPECT_EQ(backend_->Stats().write.merged, 0u);
}

TEST_F(MultiwriteTest, Row20_NoMoreIsMergedThanTheMediumTakes) {
  node_->SetLimits({.max_iov = 2});
  EXPECT_EQ(Multi({Write(0), Write(kBlock), Write(2 * kBlock)}), (Results{0, 0, 0}));
  EXPECT_THAT(Seen(), ElementsAre(Place{0, 2 * kBlock}, Place{2 * kBlock, kBlock}));
  node_->seen.clear();
  node_->SetLimits({.max_transfer = 3 * kBlock});
  EXPECT_EQ(Multi({Write(0, 2 * kBlock), Write(2 * kBlock, 2 * kBlock)}), (Results{0, 0}));
  EXPECT_EQ(node_->seen.size(), 2u);
}

TEST_F(MultiwriteTest, Row20_NothingAndEmptyWrites) {
  EXPECT_THAT(Multi({}), IsEmpty());
  EXPECT_EQ(Multi({Write(0, 0), Write(0), Write(kBlock, 0)}), (Results{0, 0, 0}));
}

TEST_F(MultiwriteTest, Row20_WithoutAMediumEachOneSaysSo) {
  ASSERT_TRUE(Await(backend_->RemoveRoot()).ok());
  EXPECT_EQ(Multi({Write(0), Write(kBlock)}), (Results{-ENOMEDIUM, -ENOMEDIUM}));
}

}  // namespace
}  // namespace platter

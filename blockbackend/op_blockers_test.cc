// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/op_blockers.h"

#include <cerrno>
#include <memory>
#include <set>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(OpBlockersTest, TheReasonIsWhatTheUserSees) {
  OpBlockers blockers;
  EXPECT_TRUE(blockers.Check(BlockOperation::kResize, "drive 'a'").ok());
  const OpBlocker job(blockers, BlockOperation::kResize, "block job 'job0' is active");
  const absl::Status refused = blockers.Check(BlockOperation::kResize, "drive 'a'");
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrnoOf(refused), EBUSY);
  EXPECT_THAT(MessageOf(refused), AllOf(HasSubstr("drive 'a'"), HasSubstr("resize"),
                                        HasSubstr("block job 'job0' is active")));
  EXPECT_TRUE(blockers.IsBlocked(BlockOperation::kResize));
  EXPECT_FALSE(blockers.IsBlocked(BlockOperation::kEject));
}

TEST(OpBlockersTest, OneOperationMayHaveSeveralBlockers) {
  OpBlockers blockers;
  auto first = std::make_unique<OpBlocker>(blockers, BlockOperationSet::All(), "first");
  OpBlocker second(
      blockers, BlockOperationSet(BlockOperation::kStream).With(BlockOperation::kEject), "second");
  EXPECT_THAT(MessageOf(blockers.Check(BlockOperation::kEject, "d")), HasSubstr("first"));
  first.reset();
  EXPECT_THAT(MessageOf(blockers.Check(BlockOperation::kEject, "d")),
              AllOf(HasSubstr("second"), Not(HasSubstr("first"))));
  EXPECT_FALSE(blockers.IsBlocked(BlockOperation::kResize));
  second.Unblock(BlockOperation::kEject);
  EXPECT_FALSE(blockers.IsBlocked(BlockOperation::kEject));
  EXPECT_TRUE(blockers.IsBlocked(BlockOperation::kStream));
}

TEST(OpBlockersTest, AllButOne) {
  OpBlockers blockers;
  const OpBlocker most(blockers, BlockOperationSet::All().Without(BlockOperation::kDataplane), "x");
  std::set<std::string_view> names;
  for (int i = 0; i < kBlockOperationCount; ++i) {
    const auto operation = static_cast<BlockOperation>(i);
    EXPECT_EQ(blockers.IsBlocked(operation), operation != BlockOperation::kDataplane) << i;
    names.insert(BlockOperationName(operation));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kBlockOperationCount));
}

TEST(OpBlockersTest, TheListMayGoFirst) {
  auto blockers = std::make_unique<OpBlockers>();
  OpBlocker blocker(*blockers, BlockOperation::kChange, "x");
  blockers.reset();
  EXPECT_EQ(blocker.reason(), "x");
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/range_op.h"

#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "drivers/file/file_fixture.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
constexpr int kZero = FALLOC_FL_ZERO_RANGE;

// A call without data, as the tests below list them.
ScriptedCall Call(FileOpKind kind, int mode, uint64_t offset, uint64_t bytes) {
  return {kind, false, false, mode, offset, bytes};
}

class RangeOpTest : public ScriptedNodeTest {
 protected:
  static constexpr uint64_t kLength = 8192;

  void SetUp() override { Fill(kLength); }

  IoResult Run(IoOp op, uint64_t offset, uint64_t bytes, IoFlags flags = IoFlags::kNone) {
    context.io().ClearCalls();
    TestRequest request(context, op, offset, bytes, flags);
    return request.RunOn(*node);
  }
  // Refuses operations for which `refused` holds, as a host that does not have them.
  void Refuse(int error, const std::function<bool(const ScriptedCall&)>& refused) {
    context.io().rule = [=](const ScriptedCall& call) -> std::optional<int64_t> {
      return refused(call) ? std::optional<int64_t>(-error) : std::nullopt;
    };
  }
};

TEST_F(RangeOpTest, DiscardPunchesAHole) {
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(Run(IoOp::kDiscard, 100, 1000), 0);
  EXPECT_THAT(context.io().calls(), ElementsAre(Call(FileOpKind::kAllocate, kPunch, 100, 1000)));
}

TEST_F(RangeOpTest, DiscardOfADeviceIsItsIoctl) {
  ASSERT_TRUE(OpenDevice().ok());
  EXPECT_EQ(Run(IoOp::kDiscard, 512, 1024), 0);
  EXPECT_THAT(context.io().calls(), ElementsAre(Call(FileOpKind::kDiscardDev, 0, 512, 1024)));
}

TEST_F(RangeOpTest, DiscardThatTheHostDoesNotHaveSucceedsAndIsNotTriedAgain) {
  for (const int error : {EOPNOTSUPP, ENOTTY, ENOSYS}) {
    ASSERT_TRUE(Open().ok());
    Refuse(error, [](const ScriptedCall&) { return true; });
    EXPECT_EQ(Run(IoOp::kDiscard, 0, 4096), 0);
    EXPECT_EQ(context.io().calls().size(), 1u);
    EXPECT_EQ(Run(IoOp::kDiscard, 0, 4096), 0);
    EXPECT_THAT(context.io().calls(), IsEmpty());
  }
}

TEST_F(RangeOpTest, R_C39_APositiveResultIsSuccess) {
  ASSERT_TRUE(Open().ok());
  context.io().rule = [](const ScriptedCall&) { return 4096; };
  EXPECT_EQ(Run(IoOp::kDiscard, 0, 4096), 0);
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 0, 4096), 0);
}

TEST_F(RangeOpTest, AnErrorIsTheResult) {
  ASSERT_TRUE(Open().ok());
  for (const int error : {EIO, ENOSPC, EPERM}) {
    Refuse(error, [](const ScriptedCall&) { return true; });
    EXPECT_EQ(Run(IoOp::kDiscard, 0, 4096), -error);
    EXPECT_EQ(Run(IoOp::kWriteZeroes, 0, 4096), -error);
  }
  EXPECT_EQ(context.buffers().outstanding(), 0u);
}

// C-40: after write-zeroes the range reads as zeroes and nothing around it has changed, at every
// alignment and with every way that the host may have.
TEST_F(RangeOpTest, R_C40_ZeroesAreReadBackAtEveryAlignment) {
  const std::vector<std::function<bool(const ScriptedCall&)>> hosts = {
      [](const ScriptedCall&) { return false; },
      [](const ScriptedCall& call) { return call.mode == kZero; },
      [](const ScriptedCall& call) { return call.mode == kPunch; },
  };
  for (const auto& refused : hosts) {
    for (const IoFlags flags : {IoFlags::kNone, IoFlags::kMayUnmap}) {
      for (uint64_t offset = 4000; offset < 4200; offset += 33) {
        for (uint64_t bytes = 1; bytes < 3000; bytes = bytes * 3 + 1) {
          Fill(kLength);
          ASSERT_TRUE(Open().ok());
          Refuse(EOPNOTSUPP, refused);
          ASSERT_EQ(Run(IoOp::kWriteZeroes, offset, bytes, flags), 0);
          std::vector<uint8_t> expected = Pattern(0, kLength);
          std::fill_n(expected.begin() + static_cast<int64_t>(offset), bytes, 0);
          ASSERT_EQ(file->bytes, expected) << offset << "+" << bytes;
        }
      }
    }
  }
}

TEST_F(RangeOpTest, ZeroesAreAllocatedUnlessTheyMayBeUnmapped) {
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 0, 512), 0);
  EXPECT_THAT(context.io().calls(), ElementsAre(Call(FileOpKind::kAllocate, kZero, 0, 512)));
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 0, 512, IoFlags::kMayUnmap), 0);
  EXPECT_THAT(context.io().calls(), ElementsAre(Call(FileOpKind::kAllocate, kPunch, 0, 512)));
}

TEST_F(RangeOpTest, WithoutZeroRangeAHoleIsPunchedAndAllocated) {
  ASSERT_TRUE(Open().ok());
  Refuse(EOPNOTSUPP, [](const ScriptedCall& call) { return call.mode == kZero; });
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 512, 512), 0);
  EXPECT_THAT(context.io().calls(), ElementsAre(Call(FileOpKind::kAllocate, kZero, 512, 512),
                                                Call(FileOpKind::kAllocate, kPunch, 512, 512),
                                                Call(FileOpKind::kAllocate, 0, 512, 512)));
  // What the host does not have is not tried again.
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 512, 512), 0);
  EXPECT_EQ(context.io().calls().size(), 2u);
}

TEST_F(RangeOpTest, WithNoWayToZeroTheEdgeIsToldToWrite) {
  ASSERT_TRUE(Open().ok());
  Refuse(EOPNOTSUPP, [](const ScriptedCall&) { return true; });
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 0, 512, IoFlags::kMayUnmap), -ENOTSUP);
  EXPECT_EQ(context.io().calls().size(), 3u);
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 0, 512, IoFlags::kMayUnmap), -ENOTSUP);
  EXPECT_THAT(context.io().calls(), IsEmpty()) << "known, and said at once";
}

TEST_F(RangeOpTest, ARangeThatIsRefusedSaysNothingAboutOthers) {
  ASSERT_TRUE(Open().ok());
  Refuse(EINVAL, [](const ScriptedCall& call) { return call.offset % 512 != 0; });
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 100, 512), -ENOTSUP);
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 512, 512), 0);
  EXPECT_THAT(context.io().calls(), ElementsAre(Call(FileOpKind::kAllocate, kZero, 512, 512)));
}

// C-40: a device's discard does not promise zeroes.
TEST_F(RangeOpTest, R_C40_ADeviceIsZeroedAndNeverDiscarded) {
  ASSERT_TRUE(OpenDevice().ok());
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 512, 512), 0);
  EXPECT_THAT(context.io().calls(), ElementsAre(Call(FileOpKind::kZeroDev, 0, 512, 512)));
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 512, 512, IoFlags::kMayUnmap), 0);
  EXPECT_THAT(context.io().calls(), ElementsAre(Call(FileOpKind::kAllocate, kPunch, 512, 512)));

  Refuse(EOPNOTSUPP, [](const ScriptedCall& call) { return call.kind == FileOpKind::kAllocate; });
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 512, 512, IoFlags::kMayUnmap), 0);
  EXPECT_THAT(context.io().calls(), ElementsAre(Call(FileOpKind::kAllocate, kPunch, 512, 512),
                                                Call(FileOpKind::kZeroDev, 0, 512, 512)));
}

TEST_F(RangeOpTest, ZeroesBeyondTheEndMakeTheFileLonger) {
  ASSERT_TRUE(Open().ok());
  for (const IoFlags flags : {IoFlags::kNone, IoFlags::kMayUnmap}) {
    const uint64_t end = node->length();
    EXPECT_EQ(Run(IoOp::kWriteZeroes, end - 100, 1000, flags), 0);
    EXPECT_EQ(node->length(), end + 900);
    EXPECT_EQ(file->bytes.size(), end + 900);
  }
  // Without ZERO_RANGE too.
  Refuse(EOPNOTSUPP, [](const ScriptedCall& call) { return call.mode == kZero; });
  const uint64_t end = node->length();
  EXPECT_EQ(Run(IoOp::kWriteZeroes, end - 100, 1000), 0);
  EXPECT_EQ(node->length(), end + 900);
  EXPECT_EQ(file->bytes.size(), end + 900);
}

TEST_F(RangeOpTest, DurableZeroesAreSynced) {
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 0, 512, IoFlags::kFua), 0);
  EXPECT_THAT(context.io().calls(), ElementsAre(Call(FileOpKind::kAllocate, kZero, 0, 512),
                                                Call(FileOpKind::kSync, 0, 0, 0)));
  Refuse(EIO, [](const ScriptedCall& call) { return call.kind == FileOpKind::kSync; });
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 0, 512, IoFlags::kFua), -EIO);
}

TEST_F(RangeOpTest, R_C39_InterruptedOperationsAreMadeAgain) {
  ASSERT_TRUE(Open().ok());
  int calls = 0;
  context.io().rule = [&](const ScriptedCall&) -> std::optional<int64_t> {
    return ++calls <= 3 ? std::optional<int64_t>(-EINTR) : std::nullopt;
  };
  EXPECT_EQ(Run(IoOp::kWriteZeroes, 0, 512), 0);
  EXPECT_EQ(calls, 4);
}

}  // namespace
}  // namespace platter

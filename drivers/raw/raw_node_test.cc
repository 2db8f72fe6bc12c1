// SPDX-License-Identifier: Apache-2.0
#include "drivers/raw/raw_node.h"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/status.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RawNodeTest : public ::testing::Test {
 protected:
  absl::Status Open(const StrictOptions& file, const RawOptions& options) {
    file_ = std::make_shared<StrictNode>(file, "file0");
    auto raw = RawNode::Create("raw0", file_, options);
    if (!raw.ok()) return raw.status();
    raw_ = *raw;
    return root_.Open(raw_);
  }
  IoResult Write(uint64_t offset, std::vector<uint8_t> data) {
    return DiskIo(root_, io_).Transfer(IoOp::kWrite, offset, data).Run();
  }
  std::vector<uint8_t> Read(uint64_t offset, size_t bytes) {
    std::vector<uint8_t> data(bytes);
    EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, offset, data).Run(), 0);
    return data;
  }
  void TearDown() override {
    if (file_ != nullptr) {
      EXPECT_THAT(file_->Complaints(), IsEmpty());
    }
  }

  SimulatedWorld world_{1};
  AioContext& io_ = world_.NewContext("io");
  std::shared_ptr<StrictNode> file_;
  std::shared_ptr<RawNode> raw_;
  TestRoot root_;
};

// A filter keeps the promise of alignment that was made to it: nothing below is tracked, so no
// lock.
TEST_F(RawNodeTest, AlignedRequestsAboveAnAlignedFileTakeNoLock) {
  file_ = std::make_shared<StrictNode>(
      StrictOptions{.size = 65536, .limits = {.request_alignment = 512}}, "file0");
  raw_ = *RawNode::Create("raw0", file_, {.offset = 1024});
  ASSERT_TRUE(root_.Open(raw_, 512).ok());
  EXPECT_EQ(raw_->limits().request_alignment, 512u);
  EXPECT_FALSE(file_->tracks_overlaps());
  // One that may send anything changes that, and its going changes it back.
  {
    TestRoot any("any");
    ASSERT_TRUE(any.Open(file_, 1).ok());
    EXPECT_TRUE(file_->tracks_overlaps());
  }
  EXPECT_FALSE(file_->tracks_overlaps());
}

TEST_F(RawNodeTest, IsItsFileByDefault) {
  ASSERT_TRUE(Open({.size = 10000}, {}).ok());
  EXPECT_EQ(raw_->length(), 10000u);
  EXPECT_EQ(Write(100, {1, 2, 3}), 0);
  EXPECT_EQ(file_->Content()[101], 2);
  EXPECT_EQ(file_->started(), 1u);
}

TEST_F(RawNodeTest, IsAWindow) {
  ASSERT_TRUE(Open({.size = 10000}, {.offset = 1000, .size = 512}).ok());
  EXPECT_EQ(raw_->length(), 512u);
  EXPECT_EQ(Write(511, {7}), 0);
  EXPECT_EQ(file_->Content()[1511], 7);
  EXPECT_EQ(Read(511, 1), std::vector<uint8_t>{7});
  EXPECT_EQ(Write(512, {7}), -EIO);
}

TEST_F(RawNodeTest, SizesThatDoNotFitAreRefusedByName) {
  EXPECT_THAT(MessageOf(Open({.size = 10000}, {.size = 100})),
              HasSubstr("'raw0': size 100 is not a multiple of 512"));
  EXPECT_THAT(MessageOf(Open({.size = 10000}, {.offset = 9800, .size = 512})),
              HasSubstr("beyond the end of node 'file0', which has 10000 bytes"));
  const absl::Status beyond = Open({.size = 10000}, {.offset = 10001});
  EXPECT_EQ(ErrnoOf(beyond), EINVAL);
  EXPECT_THAT(MessageOf(beyond), HasSubstr("offset 10001"));
  EXPECT_EQ(ErrnoOf(Open({}, {.offset = 512, .size = UINT64_MAX - 511})), EINVAL);
  EXPECT_TRUE(file_->parents().empty());
}

// Neither the block that the window starts in nor the one it ends in is the window's alone.
TEST_F(RawNodeTest, AWindowOutOfStepWithTheFilesBlocksLeavesItsNeighboursAlone) {
  for (const RawOptions& options :
       {RawOptions{.offset = 100, .size = 1024}, RawOptions{.offset = 4096, .size = 1024}}) {
    TestRoot root;
    StrictOptions aligned{.size = 16384};
    aligned.limits.request_alignment = 4096;
    const auto file = std::make_shared<StrictNode>(aligned);
    file->SetContent(std::vector<uint8_t>(16384, 9));
    auto raw = RawNode::Create("raw0", file, options);
    ASSERT_TRUE(raw.ok());
    ASSERT_TRUE(root.Open(*raw).ok());
    std::vector<uint8_t> data(1024, 1);
    EXPECT_EQ(DiskIo(root, io_).Transfer(IoOp::kWrite, 0, data).Run(), 0);
    std::vector<uint8_t> expected(16384, 9);
    std::fill_n(expected.begin() + static_cast<ptrdiff_t>(options.offset), 1024, uint8_t{1});
    EXPECT_EQ(file->Content(), expected);
    EXPECT_THAT(file->Complaints(), IsEmpty());
  }
}

TEST_F(RawNodeTest, FollowsItsFilesLength) {
  ASSERT_TRUE(Open({.size = 10000}, {.offset = 1000}).ok());
  EXPECT_EQ(raw_->length(), 9000u);
  EXPECT_TRUE(BlockOn(io_, raw_->Truncate(500)).ok());
  EXPECT_EQ(file_->length(), 1500u);
  EXPECT_EQ(raw_->length(), 500u);
  EXPECT_EQ(root_.changes(), 1);
  EXPECT_TRUE(BlockOn(io_, file_->Truncate(100)).ok());
  EXPECT_EQ(raw_->length(), 0u);
}

TEST_F(RawNodeTest, AFixedSizeDoesNotChange) {
  ASSERT_TRUE(Open({.size = 10000}, {.size = 512}).ok());
  EXPECT_EQ(ErrnoOf(BlockOn(io_, raw_->Truncate(1024))), ENOTSUP);
}

TEST_F(RawNodeTest, GrowsWithItsFile) {
  ASSERT_TRUE(
      Open({.size = 1000, .completion = StrictOptions::Completion::kLaterTurn, .grows = true},
           {.offset = 100})
          .ok());
  EdgeOptions growing = ReadWriteOptions();
  growing.permissions.used = growing.permissions.used | Permission::kResize;
  growing.may_grow = true;
  ASSERT_TRUE(root_.edge().Change(growing).ok());
  EXPECT_EQ(Write(2000, {5}), 0);
  EXPECT_EQ(raw_->length(), 2001u);
  EXPECT_EQ(file_->length(), 2101u);
  EXPECT_EQ(Read(1999, 2), (std::vector<uint8_t>{0, 5}));
  // A write that fails makes nothing longer.
  file_->FailNth(1, -ENOSPC);
  EXPECT_EQ(Write(3000, {5}), -ENOSPC);
  EXPECT_EQ(raw_->length(), 2001u);
}

TEST_F(RawNodeTest, StatusTellsWhereInTheFile) {
  ASSERT_TRUE(Open({.size = 10000}, {.offset = 1000}).ok());
  const auto status = BlockOn(io_, raw_->GetBlockStatus(50, 100));
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->child_offset, 1050u);
}

TEST_F(RawNodeTest, ReadOnlyRefusesWriters) {
  EXPECT_EQ(ErrnoOf(Open({}, {.read_only = true})), EACCES);
}

}  // namespace
}  // namespace platter

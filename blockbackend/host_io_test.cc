// SPDX-License-Identifier: Apache-2.0
//
// The host's own I/O: rows 18, 24, 25.

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <numeric>

#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using Mode = HeldNode::Mode;
constexpr uint64_t kBlock = 512;

class HostIoTest : public BackendFixture {
 public:
  std::array<uint8_t, kBlock> data_{};
};

TEST_F(HostIoTest, Row18_EachOperationReachesTheNode) {
  MakeDisk(io_);
  EXPECT_EQ(Await(backend_->Pread(kBlock, data_)), 0);
  EXPECT_EQ(Await(backend_->Pwrite(2 * kBlock, data_, IoFlags::kFua)), 0);
  EXPECT_EQ(Await(backend_->WriteZeroes(0, kBlock, IoFlags::kMayUnmap)), 0);
  EXPECT_EQ(Await(backend_->Discard(0, kBlock)), 0);
  EXPECT_EQ(Await(backend_->Flush()), 0);
  ASSERT_EQ(node_->seen.size(), 5u);
  EXPECT_EQ(node_->seen[0].op, IoOp::kRead);
  EXPECT_EQ(node_->seen[0].offset, kBlock);
  EXPECT_EQ(node_->seen[1].op, IoOp::kWrite);
  EXPECT_TRUE(Has(node_->seen[1].flags, IoFlags::kFua));
  EXPECT_EQ(node_->seen[2].op, IoOp::kWriteZeroes);
  EXPECT_EQ(node_->seen[3].op, IoOp::kDiscard);
  EXPECT_EQ(node_->seen[4].op, IoOp::kFlush);
}

TEST_F(HostIoTest, Row24_ZeroesDiscardAndTruncateReachTheMedium) {
  MakeBackend();
  Insert();
  EXPECT_EQ(Await(backend_->WriteZeroes(0, kBlock, IoFlags::kMayUnmap)), 0);
  EXPECT_EQ(Await(backend_->WriteZeroes(0, kBlock, IoFlags::kNone)), 0);
  EXPECT_EQ(Await(backend_->Discard(kBlock, kBlock)), 0);
  ASSERT_EQ(node_->seen.size(), 3u);
  EXPECT_TRUE(Has(node_->seen[0].flags, IoFlags::kMayUnmap));
  EXPECT_FALSE(Has(node_->seen[1].flags, IoFlags::kMayUnmap));
  EXPECT_EQ(node_->seen[2].op, IoOp::kDiscard);
  EXPECT_TRUE(Await(backend_->Resize(2 * kLength)).ok());
  EXPECT_EQ(node_->length(), 2 * kLength);
  EXPECT_EQ(Await(backend_->WriteZeroes(2 * kLength, kBlock, IoFlags::kNone)), -EIO);
}

TEST_F(HostIoTest, Row18_RangeAndMedium) {
  MakeBackend();
  EXPECT_EQ(Await(backend_->Pread(0, data_)), -ENOMEDIUM);
  EXPECT_EQ(Await(backend_->Pwrite(0, data_, IoFlags::kNone)), -ENOMEDIUM);
  EXPECT_EQ(Await(backend_->Flush()), -ENOMEDIUM);
  Insert();
  EXPECT_EQ(Await(backend_->Pread(kLength - 1, data_)), -EIO) << "never a partial transfer";
  EXPECT_EQ(Await(backend_->Pwrite(kLength, data_, IoFlags::kNone)), -EIO);
  EXPECT_EQ(Await(backend_->Pread(UINT64_MAX, data_)), -EIO);
  EXPECT_TRUE(node_->seen.empty());
  EXPECT_EQ(Await(backend_->Pread(kLength, {})), 0);
}

TEST_F(HostIoTest, WritesWithoutADevice) {
  MakeBackend();
  Insert();
  EXPECT_EQ(Await(backend_->Pwrite(3, data_, IoFlags::kNone)), 0);
  ASSERT_EQ(node_->seen.size(), 1u);
  EXPECT_EQ(node_->seen[0].offset, 3u);
}

TEST_F(HostIoTest, AWriteThatAnotherUserOfTheNodeForbids) {
  MakeDisk(io_);
  auto other = registry_.Create("drive1", {});
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(Await((*other)->InsertRoot(node_)).ok());
  EXPECT_EQ(Await((*other)->Pwrite(0, data_, IoFlags::kNone)), -EACCES);
  EXPECT_EQ(Await((*other)->Pread(0, data_)), 0);
  EXPECT_TRUE(Await((*other)->RemoveRoot()).ok());
}

TEST_F(HostIoTest, AnyAlignmentBesideADeviceThatPromisedBlocks) {
  MakeBackend();
  Insert({.length = kLength, .request_alignment = kBlock});
  AttachAndOpen(io_);
  EXPECT_EQ(Await(backend_->Pread(1, data_)), 0);
  node_->seen.clear();
  EXPECT_EQ(Await(backend_->Pwrite(1, std::span(data_).first(3), IoFlags::kNone)), 0);
  ASSERT_EQ(node_->seen.size(), 2u) << "read, modify, write";
  EXPECT_EQ(node_->seen[0].op, IoOp::kRead);
  EXPECT_EQ(node_->seen[1].op, IoOp::kWrite);
  EXPECT_EQ(node_->seen[1].bytes, kBlock);
  EXPECT_EQ(node_->parents().front()->options().granularity, kBlock) << "the promise is back";
}

TEST_F(HostIoTest, ZeroesOfAnyAlignmentBesideADeviceThatPromisedBlocks) {
  MakeBackend();
  Insert({.length = kLength, .request_alignment = kBlock, .write_zeroes_alignment = kBlock});
  AttachAndOpen(io_);
  EXPECT_EQ(Await(backend_->WriteZeroes(100, 200, IoFlags::kNone)), 0);
  ASSERT_EQ(node_->seen.size(), 2u) << "read, modify, write";
  EXPECT_EQ(node_->seen[0].op, IoOp::kRead);
  EXPECT_EQ(node_->seen[1].op, IoOp::kWrite);
  EXPECT_EQ(node_->seen[1].bytes, kBlock);
  node_->seen.clear();
  backend_->set_write_cache_enabled(false);
  EXPECT_EQ(Await(backend_->WriteZeroes(kBlock, 2 * kBlock + 1, IoFlags::kMayUnmap)), 0);
  ASSERT_EQ(node_->seen.size(), 3u) << "whole blocks, then read, modify, write";
  EXPECT_EQ(node_->seen[0].op, IoOp::kWriteZeroes);
  EXPECT_EQ(node_->seen[0].bytes, 2 * kBlock);
  EXPECT_EQ(node_->seen[0].flags, IoFlags::kMayUnmap | IoFlags::kFua);
  EXPECT_EQ(node_->seen[2].flags, IoFlags::kFua);
  EXPECT_EQ(Await(backend_->WriteZeroes(kLength - 1, 2, IoFlags::kNone)), -EIO);
  EXPECT_EQ(node_->parents().front()->options().granularity, kBlock) << "the promise is back";
  node_->seen.clear();
  EXPECT_EQ(Await(backend_->Discard(100, 2 * kBlock)), 0);
  EXPECT_EQ(node_->seen.size(), 1u);
}

TEST_F(HostIoTest, TwoWritesOfAnyAlignmentAtOnce) {
  MakeBackend();
  Insert({.length = kLength, .request_alignment = kBlock});
  AttachAndOpen(io_);
  node_->mode = Mode::kHold;
  const auto write = [](HostIoTest* test, uint64_t offset) -> Task<void> {
    const std::span<const uint8_t> data = std::span(test->data_).first(3);
    EXPECT_EQ(co_await test->backend_->Pwrite(offset, data, IoFlags::kNone), 0);
  };
  bool done[2] = {};
  Begin(write(this, 1), &done[0]);
  Begin(write(this, 11), &done[1]);
  EXPECT_EQ(node_->held.size(), 1u) << "one after the other";
  for (int i = 0; i < 4; ++i) {
    node_->FinishAll(0);
    world_.RunUntilIdle();
  }
  EXPECT_TRUE(done[0] && done[1]);
  EXPECT_EQ(node_->seen.size(), 4u);
}

TEST_F(HostIoTest, ReadOnlyRefusesWrites) {
  MakeBackend({.read_only = true});
  Insert();
  EXPECT_EQ(Await(backend_->Pwrite(0, data_, IoFlags::kNone)), -EACCES);
  EXPECT_EQ(Await(backend_->Discard(0, kBlock)), -EACCES);
}

TEST_F(HostIoTest, NotHeldWhileTheMachineIsStopped) {
  MakeDisk(io_);
  Await(machine_.Stop());
  EXPECT_EQ(Await(backend_->Pread(0, data_)), 0);
  machine_.Run();
}

TEST_F(HostIoTest, WaitsWhileOthersDrain) {
  MakeDisk(io_);
  Await(backend_->BeginDrain());
  bool done = false;
  Begin(
      [](HostIoTest* test) -> Task<void> {
        EXPECT_EQ(co_await test->backend_->Pread(0, test->data_), 0);
      }(this),
      &done);
  EXPECT_FALSE(done);
  EXPECT_TRUE(node_->seen.empty());
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_TRUE(done);
}

TEST_F(HostIoTest, ErrorsAreReportedWhateverThePolicy) {
  MakeDisk(io_, {.read_error = OnError::kStop, .write_error = OnError::kIgnore});
  node_->results = {-EIO, -EIO};
  EXPECT_EQ(Await(backend_->Pread(0, data_)), -EIO);
  EXPECT_EQ(Await(backend_->Pwrite(0, data_, IoFlags::kNone)), -EIO);
  EXPECT_TRUE(machine_.log.empty());
}

TEST_F(HostIoTest, WriteThroughAppliesToTheHostToo) {
  MakeDisk(io_);
  backend_->set_write_cache_enabled(false);
  EXPECT_EQ(Await(backend_->Pwrite(0, data_, IoFlags::kNone)), 0);
  EXPECT_TRUE(Has(node_->seen.back().flags, IoFlags::kFua));
}

}  // namespace
}  // namespace platter

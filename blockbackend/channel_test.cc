// SPDX-License-Identifier: Apache-2.0
//
// The sentences of BlockChannel in device_view.h, one by one.

#include "blockbackend/channel.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using Mode = HeldNode::Mode;
constexpr uint64_t kBlock = 512;

class ChannelTest : public BackendFixture {};

TEST_F(ChannelTest, Row19_SubmitNeverCallsBack) {
  MakeDisk(io_);
  Go(IoOp::kRead, 0, kBlock);
  EXPECT_TRUE(client_.ends.empty());
  EXPECT_EQ(channel_->outstanding(), 1u);
  world_.RunUntilIdle();
  ASSERT_EQ(client_.ends.size(), 1u);
  EXPECT_EQ(LastResult(), 0);
  EXPECT_EQ(channel_->outstanding(), 0u);
}

TEST_F(ChannelTest, Row22_ARefusedRequestComesBackLaterToo) {
  MakeDisk(io_);
  Go(IoOp::kRead, kLength, kBlock);
  EXPECT_TRUE(client_.ends.empty());
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), -EIO);
}

TEST_F(ChannelTest, Row27_OutermostUnplugDelivers) {
  MakeDisk(io_);
  channel_->Plug();
  channel_->Plug();
  Go(IoOp::kRead, 0, kBlock);
  channel_->Unplug();
  Go(IoOp::kWrite, 0, kBlock);
  EXPECT_TRUE(client_.ends.empty());
  channel_->Unplug();
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1}));
  EXPECT_EQ(client_.batches, 1) << "OnBatchDone once after each batch";
}

TEST_F(ChannelTest, OnBatchDoneOncePerTurnsCompletions) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  for (uint64_t i = 0; i < 5; ++i) Go(IoOp::kRead, i * kBlock, kBlock);
  node_->FinishAll(0);
  EXPECT_TRUE(client_.ends.empty());
  world_.RunUntilIdle();
  EXPECT_EQ(client_.ends.size(), 5u);
  EXPECT_EQ(client_.batches, 1);
}

TEST_F(ChannelTest, ASubmissionFromOnBlockDoneIsTheNextBatch) {
  MakeDisk(io_);
  int depth = 0;
  bool nested = false;
  client_.on_done = [&](TestRequest& request, IoResult) {
    nested = nested || depth > 0;
    ++depth;
    if (client_.ends.size() < 10) {
      channel_->Plug();
      request.Go(*channel_, IoOp::kRead, 0, kBlock);
      channel_->Unplug();
    }
    --depth;
  };
  channel_->Plug();
  Go(IoOp::kRead, 0, kBlock);
  channel_->Unplug();
  EXPECT_EQ(client_.ends.size(), 1u);
  world_.RunUntilIdle();
  EXPECT_EQ(client_.ends.size(), 10u);
  EXPECT_EQ(client_.batches, 10);
  EXPECT_FALSE(nested) << "a device is never re-entered";
}

TEST_F(ChannelTest, OnBatchDoneMayCloseTheChannel) {
  MakeDisk(io_);
  client_.on_batch = [&] {
    if (channel_->outstanding() == 0) channel_.reset();
  };
  channel_->Plug();
  Go(IoOp::kRead, 0, kBlock);
  channel_->Unplug();
  EXPECT_EQ(channel_, nullptr);
  EXPECT_EQ(backend_->Stats().read.operations, 1u) << "closed channels count";
}

TEST_F(ChannelTest, OnBlockDoneMayFreeTheRequest) {
  MakeDisk(io_);
  client_.on_done = [&](TestRequest& request, IoResult) {
    requests_[static_cast<size_t>(request.id())].reset();
  };
  node_->mode = Mode::kHold;
  Go(IoOp::kRead, 0, kBlock);
  Go(IoOp::kRead, 0, kBlock);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_EQ(client_.ends.size(), 2u);
}

TEST_F(ChannelTest, Row19_CheckedInThisOrderMediumRangeBlockSizeReadOnly) {
  struct Row {
    const char* what;
    IoOp op;
    uint64_t offset;
    uint64_t bytes;
    IoResult inserted;
    IoResult read_only;
  };
  const Row kRows[] = {
      {"in range", IoOp::kRead, 0, kBlock, 0, 0},
      {"zero length at the end is legal", IoOp::kRead, kLength, 0, 0, 0},
      {"zero length behind the end", IoOp::kRead, kLength + kBlock, 0, -EIO, -EIO},
      {"over the end", IoOp::kRead, kLength - kBlock, 2 * kBlock, -EIO, -EIO},
      {"offset wraps", IoOp::kRead, UINT64_MAX - kBlock + 1, kBlock, -EIO, -EIO},
      {"length wraps", IoOp::kWrite, kBlock, UINT64_MAX, -EIO, -EIO},
      {"out of range and misaligned", IoOp::kWrite, kLength + 1, 1, -EIO, -EIO},
      {"misaligned offset", IoOp::kWrite, 1, kBlock, -EINVAL, -EINVAL},
      {"misaligned length", IoOp::kRead, 0, 1, -EINVAL, -EINVAL},
      {"write", IoOp::kWrite, 0, kBlock, 0, -EACCES},
      {"discard", IoOp::kDiscard, 0, kBlock, 0, -EACCES},
      {"zeroes", IoOp::kWriteZeroes, 0, kBlock, 0, -EACCES},
      {"flush", IoOp::kFlush, 0, 0, 0, 0},
  };
  enum class Medium { kNone, kWritable, kReadOnly };
  for (const Medium medium : {Medium::kNone, Medium::kWritable, Medium::kReadOnly}) {
    MakeBackend();
    if (medium != Medium::kNone) {
      Insert({.length = kLength, .read_only = medium == Medium::kReadOnly});
    }
    ASSERT_TRUE(backend_->Attach({.device_id = "cd0"}, drive_.TraylessOps()).ok());
    channel_ = backend_->OpenChannel(io_, client_);
    uint64_t refused = 0;
    for (const Row& row : kRows) {
      Go(row.op, row.offset, row.bytes);
      world_.RunUntilIdle();
      const IoResult expected = medium == Medium::kNone       ? -ENOMEDIUM
                                : medium == Medium::kWritable ? row.inserted
                                                              : row.read_only;
      EXPECT_EQ(LastResult(), expected) << row.what;
      if (expected != 0) ++refused;
    }
    const BlockStats stats = backend_->Stats();
    EXPECT_EQ(stats.read.invalid + stats.write.invalid + stats.flush.invalid + stats.unmap.invalid,
              refused);
    EXPECT_EQ(stats.read.failed + stats.write.failed, 0u);
    EXPECT_TRUE(machine_.log.empty()) << "what the channel refuses is no matter for a policy";
    channel_.reset();
    backend_->Detach();
    backend_.reset();
  }
}

TEST_F(ChannelTest, Row31_WriteThroughAddsFua) {
  MakeDisk(io_);
  backend_->set_write_cache_enabled(false);
  EXPECT_FALSE(backend_->write_cache_enabled());
  Go(IoOp::kWrite, 0, kBlock);
  Go(IoOp::kWriteZeroes, 0, kBlock);
  Go(IoOp::kRead, 0, kBlock);
  Go(IoOp::kFlush, 0, 0);
  backend_->set_write_cache_enabled(true);
  Go(IoOp::kWrite, 0, kBlock);
  world_.RunUntilIdle();
  ASSERT_EQ(node_->seen.size(), 5u);
  EXPECT_TRUE(Has(node_->seen[0].flags, IoFlags::kFua));
  EXPECT_TRUE(Has(node_->seen[1].flags, IoFlags::kFua));
  EXPECT_FALSE(Has(node_->seen[2].flags, IoFlags::kFua));
  EXPECT_FALSE(Has(node_->seen[3].flags, IoFlags::kFua));
  EXPECT_FALSE(Has(node_->seen[4].flags, IoFlags::kFua));
}

// What was begun with the cache on and ends without one is on the medium before it is answered.
TEST_F(ChannelTest, Row31_AWriteInFlightWhenTheCacheGoesIsWrittenThrough) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kWrite, kBlock, kBlock);
  Go(IoOp::kRead, 0, kBlock);
  Go(IoOp::kDiscard, 0, kBlock);
  backend_->set_write_cache_enabled(false);
  while (node_->held.size() > 1) node_->Finish(1, 0);
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{1, 2})) << "these need no cache";
  node_->Finish(0, 0);
  world_.RunUntilIdle();
  EXPECT_EQ(client_.ends.size(), 2u);
  ASSERT_EQ(node_->seen.size(), 4u);
  EXPECT_EQ(node_->seen[3].op, IoOp::kWrite);
  EXPECT_EQ(node_->seen[3].offset, kBlock);
  EXPECT_TRUE(Has(node_->seen[3].flags, IoFlags::kFua));
  node_->Finish(0, 0);
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{1, 2, 0}));
  EXPECT_EQ(backend_->Stats().write.operations, 1u);
  EXPECT_EQ(node_->seen.size(), 4u);
}

// So it is amid a drain, which it does not keep waiting, and before what was parked.
TEST_F(ChannelTest, Row31_AWriteInFlightWhenTheCacheGoesAmidADrain) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kWrite, kBlock, kBlock);
  bool drained = false;
  Begin(backend_->BeginDrain(), &drained);
  world_.RunUntilIdle();
  Go(IoOp::kWrite, 0, kBlock);
  backend_->set_write_cache_enabled(false);
  node_->mode = Mode::kAtOnce;
  node_->Finish(0, 0);
  world_.RunUntilIdle();
  EXPECT_TRUE(drained);
  EXPECT_TRUE(client_.ends.empty());
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1}));
  ASSERT_EQ(node_->seen.size(), 3u);
  EXPECT_EQ(node_->seen[1].offset, kBlock);
  EXPECT_TRUE(Has(node_->seen[1].flags, IoFlags::kFua));
}

// Who has asked for its end gets it.
TEST_F(ChannelTest, Row31_ACancelledWriteIsNotWrittenAgain) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  TestRequest& write = Go(IoOp::kWrite, 0, kBlock);
  channel_->Cancel(write);
  backend_->set_write_cache_enabled(false);
  node_->Finish(0, 0);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
  EXPECT_EQ(node_->seen.size(), 1u);
}

TEST_F(ChannelTest, Row21_CancelOfOneInFlightIsAHint) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  TestRequest& request = Go(IoOp::kRead, 0, kBlock);
  channel_->Cancel(request);
  world_.RunUntilIdle();
  ASSERT_EQ(node_->cancelled.size(), 1u);
  EXPECT_TRUE(client_.ends.empty());
  node_->Finish(0, 0);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0) << "it completes with its own result";
}

TEST_F(ChannelTest, CancelledRequestsAreNoMatterForThePolicy) {
  MakeDisk(io_, {.read_error = OnError::kStop});
  node_->mode = Mode::kHold;
  TestRequest& request = Go(IoOp::kRead, 0, kBlock);
  channel_->Cancel(request);
  node_->Finish(0, -ECANCELED);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), -ECANCELED);
  EXPECT_TRUE(machine_.log.empty());
}

TEST_F(ChannelTest, C_04_EcanceledThatNobodyAskedForIsAnError) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kRead, 0, kBlock);
  node_->Finish(0, -ECANCELED);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), -ECANCELED);
  EXPECT_EQ(machine_.log, (std::vector<std::string>{"BLOCK_IO_ERROR read report"}));
}

TEST_F(ChannelTest, Row21_CancelAllEndsParkedOnesAndHintsTheOthers) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kRead, 0, kBlock);
  Go(IoOp::kWrite, 0, kBlock);
  bool drained = false;
  Begin(backend_->BeginDrain(), &drained);
  Go(IoOp::kRead, kBlock, kBlock);
  Go(IoOp::kRead, 2 * kBlock, kBlock);
  channel_->CancelAll();
  EXPECT_TRUE(client_.ends.empty()) << "never from inside Cancel";
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{2, 3}));
  EXPECT_EQ(LastResult(), -ECANCELED);
  EXPECT_EQ(node_->cancelled.size(), 2u);
  EXPECT_FALSE(drained);
  node_->FinishAll(-ECANCELED);
  world_.RunUntilIdle();
  EXPECT_TRUE(drained);
  EXPECT_EQ(channel_->outstanding(), 0u);
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 2u) << "cancelled parked requests never start";
}

TEST_F(ChannelTest, CountInvalidIsCounted) {
  MakeDisk(io_);
  channel_->CountInvalid(IoOp::kDiscard);
  channel_->CountInvalid(IoOp::kRead);
  EXPECT_EQ(backend_->Stats().unmap.invalid, 1u);
  EXPECT_EQ(backend_->Stats().read.invalid, 1u);
}

TEST_F(ChannelTest, StatsCountOperationsBytesFailuresAndTime) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kRead, 0, 2 * kBlock);
  Go(IoOp::kWrite, 0, kBlock);
  Go(IoOp::kDiscard, 0, 4 * kBlock);
  Go(IoOp::kFlush, 0, 0);
  Go(IoOp::kWrite, 0, kBlock);
  world_.RunFor(Duration(1'000));
  node_->Finish(4, -EIO);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  const BlockStats stats = backend_->Stats();
  EXPECT_EQ(stats.read.operations, 1u);
  EXPECT_EQ(stats.read.bytes, 2 * kBlock);
  EXPECT_EQ(stats.read.total_time_ns, 1'000u);
  EXPECT_EQ(stats.write.operations, 1u);
  EXPECT_EQ(stats.write.failed, 1u);
  EXPECT_EQ(stats.unmap.bytes, 4 * kBlock);
  EXPECT_EQ(stats.flush.operations, 1u);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// Stop, keep and retry: rows 14, 15 and C-16, C-17, C-18.

#include <gtest/gtest.h>

#include <cerrno>

#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using Mode = HeldNode::Mode;
using Log = std::vector<std::string>;
constexpr uint64_t kBlock = 512;

class RunHoldTest : public BackendFixture {
 public:
  void MakeStoppingDisk(AioContext& context) {
    MakeDisk(context, {.read_error = OnError::kStop, .write_error = OnError::kStop});
  }
  std::vector<uint64_t> SeenOffsets(size_t from) const {
    std::vector<uint64_t> offsets;
    for (size_t i = from; i < node_->seen.size(); ++i) offsets.push_back(node_->seen[i].offset);
    return offsets;
  }
};

TEST_F(RunHoldTest, Row15_StopAndRetryOnCont) {
  MakeStoppingDisk(io_);
  node_->results = {-ENOSPC};
  Go(IoOp::kWrite, 0, kBlock);
  world_.RunUntilIdle();
  Await(machine_.Stop());
  EXPECT_EQ(machine_.log, (Log{"BLOCK_IO_ERROR write stop", "REQUEST_STOP", "STOP"}));
  EXPECT_TRUE(client_.ends.empty());
  EXPECT_EQ(channel_->outstanding(), 1u);
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{0}));
  EXPECT_EQ(LastResult(), 0);
  EXPECT_EQ(backend_->Stats().write.operations, 1u);
  EXPECT_EQ(backend_->Stats().write.failed, 0u);
}

TEST_F(RunHoldTest, Row15_StopFailAgainStopCont) {
  MakeStoppingDisk(io_);
  node_->results = {-EIO};
  Go(IoOp::kWrite, 0, kBlock);
  for (int round = 0; round < 2; ++round) {
    world_.RunUntilIdle();
    EXPECT_EQ(machine_.stop_requests, round + 1);
    EXPECT_EQ(backend_->iostatus(), round == 0 ? IoStatus::kFailed : IoStatus::kNospace);
    Await(machine_.Stop());
    if (round == 0) node_->results = {-ENOSPC};
    machine_.Run();
  }
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
  EXPECT_EQ(client_.ends.size(), 1u);
}

TEST_F(RunHoldTest, C_16_KeptOnesRestartInSubmissionOrderThenParkedOnes) {
  MakeStoppingDisk(io_);
  node_->mode = Mode::kHold;
  for (uint64_t i = 0; i < 4; ++i) Go(IoOp::kWrite, i * kBlock, kBlock);
  node_->Finish(2, -EIO);  // The failures come in another order.
  node_->Finish(0, -EIO);
  node_->Finish(1, -EIO);
  node_->Finish(0, 0);
  node_->mode = Mode::kAtOnce;
  world_.RunUntilIdle();
  Await(machine_.Stop());
  Go(IoOp::kWrite, 4 * kBlock, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 5u) << "four writes and the flush of the stop";
  machine_.Run();
  world_.RunUntilIdle();
  // Failed in the order 2, 0, 3; request 1 was done.
  EXPECT_EQ(SeenOffsets(5), (std::vector<uint64_t>{0, 2 * kBlock, 3 * kBlock, 4 * kBlock}));
  EXPECT_EQ(client_.ends.size(), 5u);
}

TEST_F(RunHoldTest, C_16_AWriteIsRetriedAsThatWrite) {
  MakeBackend({.write_error = OnError::kStop});
  Insert({.length = kLength, .fua = false});
  AttachAndOpen(io_);
  backend_->set_write_cache_enabled(false);
  node_->results = {-EIO};
  TestRequest& request = NewRequest();
  request.Go(*channel_, IoOp::kWrite, 3 * kBlock, kBlock);
  world_.RunUntilIdle();
  backend_->set_write_cache_enabled(true);
  Await(machine_.Stop());
  const size_t before = node_->seen.size();
  machine_.Run();
  world_.RunUntilIdle();
  ASSERT_EQ(node_->seen.size(), before + 1) << "the retry has the flags that were submitted";
  EXPECT_EQ(node_->seen.back().op, IoOp::kWrite);
  EXPECT_EQ(node_->seen.back().offset, 3 * kBlock);
  EXPECT_EQ(node_->seen.back().flags, IoFlags::kNone);
}

TEST_F(RunHoldTest, AKeptRequestDoesNotBlockTheStopOrADrain) {
  MakeStoppingDisk(io_);
  node_->results = {-EIO};
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(backend_->in_flight(), 0u);
  Await(backend_->BeginDrain());  // Would hang if a kept request counted.
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 1u) << "the end of a drain is no reason to retry";
  channel_->CancelAll();
}

// The medium goes after the error and before the stop that the error asks for.
TEST_F(RunHoldTest, C_16_AKeptWriteNeverGoesToTheNextMedium) {
  MakeStoppingDisk(io_);
  node_->results = {-EIO};
  Go(IoOp::kWrite, 0, kBlock);
  world_.RunUntilIdle();
  ASSERT_EQ(machine_.stop_requests, 1);
  ASSERT_TRUE(Await(backend_->RemoveRoot()).ok());
  const auto next = std::make_shared<HeldNode>("next", HeldNodeOptions{.length = kLength});
  ASSERT_TRUE(Await(backend_->InsertRoot(next)).ok());
  Await(machine_.Stop());
  machine_.Run();
  world_.RunUntilIdle();
  for (const auto& seen : next->seen) EXPECT_NE(seen.op, IoOp::kWrite);
  EXPECT_EQ(LastResult(), -ENOMEDIUM);
  EXPECT_EQ(channel_->outstanding(), 0u);
}

TEST_F(RunHoldTest, ARunInsideADrainWaitsForItsEnd) {
  MakeStoppingDisk(io_);
  node_->results = {-EIO};
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  Await(machine_.Stop());
  Await(backend_->BeginDrain());
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 2u) << "one read, and the flush of the stop";
  EXPECT_EQ(backend_->in_flight(), 0u);
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
}

TEST_F(RunHoldTest, C_02_AResetDropsKeptOnes) {
  MakeStoppingDisk(io_);
  node_->results = {-EIO};
  TestRequest& request = Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  Await(machine_.Stop());
  channel_->CancelAll();
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), -ECANCELED);
  EXPECT_FALSE(request.outstanding());
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 2u) << "one read, and the flush of the stop";
  EXPECT_EQ(client_.ends.size(), 1u);
}

TEST_F(RunHoldTest, Row21_ASingleKeptRequestIsCancelled) {
  MakeStoppingDisk(io_);
  node_->results = {-EIO, -EIO};
  TestRequest& first = Go(IoOp::kRead, 0, kBlock);
  Go(IoOp::kRead, kBlock, kBlock);
  world_.RunUntilIdle();
  channel_->Cancel(first);
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{0}));
  Await(machine_.Stop());
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1}));
  EXPECT_EQ(LastResult(), 0);
}

TEST_F(RunHoldTest, C_02_UnplugWhileKept) {
  MakeStoppingDisk(io_);
  node_->results = {-EIO};
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  Await(machine_.Stop());
  client_.on_batch = [&] {
    if (channel_->outstanding() == 0) channel_.reset();
  };
  channel_->CancelAll();
  world_.RunUntilIdle();
  ASSERT_EQ(channel_, nullptr);
  backend_->Detach();
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 2u) << "one read, and the flush of the stop";
}

TEST_F(RunHoldTest, OnVmStopWaitsForWhatIsInFlightAndFlushes) {
  MakeStoppingDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kWrite, 0, kBlock);
  bool stopped = false;
  Begin(machine_.Stop(), &stopped);
  EXPECT_FALSE(stopped);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_FALSE(stopped);
  ASSERT_EQ(node_->seen.size(), 2u);
  EXPECT_EQ(node_->seen[1].op, IoOp::kFlush);
  EXPECT_EQ(client_.ends.size(), 1u) << "delivered before the machine has stopped";
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_TRUE(stopped);
  machine_.Run();
}

TEST_F(RunHoldTest, AFailureOnTheWayToTheStopIsToldBeforeIt) {
  MakeStoppingDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kWrite, 0, kBlock);
  bool stopped = false;
  Begin(machine_.Stop(), &stopped);
  node_->Finish(0, -EIO);
  world_.RunUntilIdle();
  node_->FinishAll(0);
  world_.RunUntilIdle();
  ASSERT_TRUE(stopped);
  EXPECT_EQ(machine_.log, (Log{"BLOCK_IO_ERROR write stop", "REQUEST_STOP", "STOP"}));
  machine_.Run();
  world_.RunUntilIdle();
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
}

TEST_F(RunHoldTest, AFailedFlushOfTheStopIsLogged) {
  MakeStoppingDisk(io_);
  node_->results = {-EIO};
  Await(machine_.Stop());
  ASSERT_EQ(log_.Lines().size(), 1u);
  EXPECT_NE(log_.Lines()[0].find("drive0"), std::string::npos);
  machine_.Run();
}

TEST_F(RunHoldTest, ABackendMadeWhileTheMachineIsStoppedHolds) {
  machine_.StartStopped();
  MakeDisk(io_);
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_TRUE(node_->seen.empty());
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
}

TEST_F(RunHoldTest, C_17_TheRestartRunsInTheChannelsContext) {
  MakeStoppingDisk(io_);
  AioContext* done_in = nullptr;
  client_.on_done = [&](TestRequest&, IoResult) { done_in = AioContext::Current(); };
  node_->results = {-EIO};
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  Await(machine_.Stop());
  machine_.Run();
  EXPECT_EQ(node_->seen.size(), 2u) << "not from the control context; the second is the flush";
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 3u);
  EXPECT_EQ(done_in, &io_);
}

TEST_F(RunHoldTest, C_18_NothingRunsAfterTheStop) {
  MakeStoppingDisk(io_);
  node_->mode = Mode::kHold;
  for (uint64_t i = 0; i < 8; ++i) Go(IoOp::kWrite, i * kBlock, kBlock);
  bool stopped = false;
  Begin(machine_.Stop(), &stopped);
  while (!stopped) {
    node_->FinishAll(0);
    world_.RunUntilIdle();
  }
  const size_t ends = client_.ends.size();
  const int batches = client_.batches;
  world_.RunFor(Duration(1'000'000));
  EXPECT_EQ(client_.ends.size(), ends);
  EXPECT_EQ(client_.batches, batches);
  machine_.Run();
}

TEST_F(RunHoldTest, ListenersComeAndGoWithBackends) {
  MakeBackend();
  EXPECT_EQ(machine_.listeners(), 1u);
  backend_.reset();
  EXPECT_EQ(machine_.listeners(), 0u);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// The error policy "stall", and what ends a stall or has to pass by it: rows 12, 15 and 17.

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using Mode = HeldNode::Mode;
using Log = std::vector<std::string>;
constexpr uint64_t kBlock = 512;
constexpr BackendOptions kStalling = {.read_error = OnError::kStall,
                                      .write_error = OnError::kStall};

// With the channel in the control context, or in one of its own.
class StallTest : public BackendFixture, public ::testing::WithParamInterface<const char*> {
 public:
  AioContext& context() { return std::string(GetParam()) == "Control" ? control_ : io_; }

  // A drive whose medium can be changed; its first request has failed.
  void MakeStalled() {
    MakeBackend(kStalling);
    Insert();
    ASSERT_TRUE(backend_->Attach({.device_id = "disk0"}, drive_.TraylessOps()).ok());
    channel_ = backend_->OpenChannel(context(), client_);
    FailOne();
  }
  void FailOne() {
    node_->results = {-EIO};
    Go(IoOp::kWrite, 0, kBlock);
    world_.RunUntilIdle();
    EXPECT_TRUE(backend_->stalled());
  }
  void Resume() {
    backend_->Resume();
    world_.RunUntilIdle();
  }
  std::vector<uint64_t> SeenOffsets(size_t from) const {
    std::vector<uint64_t> offsets;
    for (size_t i = from; i < node_->seen.size(); ++i) offsets.push_back(node_->seen[i].offset);
    return offsets;
  }
};

INSTANTIATE_TEST_SUITE_P(Contexts, StallTest, ::testing::Values("Control", "Io"),
                         [](const auto& param) { return std::string(param.param); });

TEST_P(StallTest, Row15_TheDriveHoldsItsRequestsAndTheMachineRuns) {
  MakeStalled();
  EXPECT_EQ(machine_.log, Log{"BLOCK_IO_ERROR write stall"});
  EXPECT_EQ(machine_.stop_requests, 0);
  EXPECT_EQ(backend_->iostatus(), IoStatus::kFailed);
  Go(IoOp::kRead, kBlock, kBlock);
  world_.RunFor(std::chrono::hours(1));
  EXPECT_EQ(node_->seen.size(), 1u);
  EXPECT_TRUE(client_.ends.empty());
  EXPECT_EQ(channel_->outstanding(), 2u);

  Resume();
  EXPECT_FALSE(backend_->stalled());
  EXPECT_EQ(backend_->iostatus(), IoStatus::kOk);
  EXPECT_EQ(SeenOffsets(1), (std::vector<uint64_t>{0, kBlock}));
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1}));
  EXPECT_EQ(client_.ends[0].result, 0);
  EXPECT_EQ(backend_->Stats().write.failed, 0u);
}

TEST_P(StallTest, Row15_WhatStalledGoesOnInSubmissionOrder) {
  MakeDisk(context(), kStalling);
  node_->mode = Mode::kHold;
  for (uint64_t i = 0; i < 4; ++i) Go(IoOp::kWrite, i * kBlock, kBlock);
  node_->Finish(2, -EIO);
  world_.RunUntilIdle();
  EXPECT_TRUE(backend_->stalled());
  // What is in flight ends, and fails, too.
  node_->Finish(0, -ENOSPC);
  node_->Finish(0, 0);
  node_->Finish(0, -EIO);
  node_->mode = Mode::kAtOnce;
  Go(IoOp::kWrite, 4 * kBlock, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), std::vector<int>{1});
  EXPECT_EQ(backend_->iostatus(), IoStatus::kFailed) << "the first one";
  EXPECT_EQ(node_->seen.size(), 4u);
  Resume();
  EXPECT_EQ(SeenOffsets(4), (std::vector<uint64_t>{0, 2 * kBlock, 3 * kBlock, 4 * kBlock}));
  EXPECT_EQ(client_.ends.size(), 5u);
}

TEST_P(StallTest, Row15_WhatFailsAgainStallsAgain) {
  MakeStalled();
  node_->results = {-ENOSPC};
  Resume();
  EXPECT_TRUE(backend_->stalled());
  EXPECT_EQ(backend_->iostatus(), IoStatus::kNospace);
  EXPECT_EQ(machine_.log, (Log{"BLOCK_IO_ERROR write stall", "BLOCK_IO_ERROR write stall"}));
  EXPECT_TRUE(machine_.last_error.nospace);
  Resume();
  EXPECT_EQ(LastResult(), 0);
}

TEST_P(StallTest, Row15_ContEndsIt) {
  MakeStalled();
  Go(IoOp::kRead, kBlock, kBlock);
  Await(machine_.Stop());
  EXPECT_TRUE(backend_->stalled()) << "a stop alone does not";
  EXPECT_EQ(SeenOffsets(1).size(), 1u) << "the flush of the stop";
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_FALSE(backend_->stalled());
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1}));
  EXPECT_EQ(backend_->iostatus(), IoStatus::kOk);
}

TEST_P(StallTest, AResumeOfAStoppedMachineWaitsForCont) {
  MakeStalled();
  Await(machine_.Stop());
  Resume();
  EXPECT_FALSE(backend_->stalled());
  EXPECT_TRUE(client_.ends.empty());
  EXPECT_EQ(node_->seen.size(), 2u) << "one write, and the flush of the stop";
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
}

TEST_P(StallTest, Row15_AResetDropsWhatIsKeptAndEndsIt) {
  MakeStalled();
  Go(IoOp::kRead, kBlock, kBlock);
  channel_->CancelAll();
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1}));
  EXPECT_EQ(LastResult(), -ECANCELED);
  EXPECT_FALSE(backend_->stalled());
  EXPECT_EQ(backend_->iostatus(), IoStatus::kOk);
  EXPECT_EQ(node_->seen.size(), 1u);
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
}

TEST_P(StallTest, AResetAtOnceAfterTheFailureLeavesNoStall) {
  MakeDisk(context(), kStalling);
  node_->results = {-EIO};
  Go(IoOp::kWrite, 0, kBlock);
  channel_->CancelAll();  // The control context has heard of nothing yet.
  world_.RunUntilIdle();
  EXPECT_EQ(machine_.log, Log{"BLOCK_IO_ERROR write stall"});
  EXPECT_EQ(LastResult(), -ECANCELED);
  EXPECT_FALSE(backend_->stalled());
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
}

TEST_P(StallTest, TheLastKeptOneThatIsCancelledEndsIt) {
  MakeDisk(context(), kStalling);
  node_->results = {-EIO, -EIO};
  TestRequest& first = Go(IoOp::kWrite, 0, kBlock);
  TestRequest& second = Go(IoOp::kWrite, 0, kBlock);
  world_.RunUntilIdle();
  Go(IoOp::kRead, kBlock, kBlock);
  channel_->Cancel(first);
  world_.RunUntilIdle();
  EXPECT_TRUE(backend_->stalled());
  EXPECT_EQ(EndedIds(), std::vector<int>{0});
  channel_->Cancel(second);
  world_.RunUntilIdle();
  EXPECT_FALSE(backend_->stalled());
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(LastResult(), 0);
}

TEST_P(StallTest, AllChannelsHoldAndTheResetOfOneIsNotThatOfAnother) {
  MakeStalled();
  TestClient other_client;
  TestRequest other_request(other_client, 9);
  auto other = backend_->OpenChannel(control_, other_client);
  other_request.Go(*other, IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_TRUE(other_client.ends.empty());
  other->CancelAll();
  world_.RunUntilIdle();
  EXPECT_EQ(other_client.ends.size(), 1u);
  EXPECT_TRUE(backend_->stalled()) << "a request is kept in the first channel";
  other_request.Go(*other, IoOp::kRead, 0, kBlock);
  channel_->CancelAll();
  world_.RunUntilIdle();
  EXPECT_FALSE(backend_->stalled());
  EXPECT_EQ(other_client.ends.back().result, 0);
}

TEST_P(StallTest, ADrainPassesAndDoesNotEndIt) {
  MakeStalled();
  Go(IoOp::kRead, kBlock, kBlock);
  Await(backend_->BeginDrain());
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 1u);
  EXPECT_TRUE(backend_->stalled());
  // Resumed inside one, it waits for its end.
  Await(backend_->BeginDrain());
  Resume();
  EXPECT_EQ(node_->seen.size(), 1u);
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1}));
}

TEST_P(StallTest, TheHostsOwnRequestsAreNotHeld) {
  MakeStalled();
  uint8_t data[kBlock] = {};
  EXPECT_EQ(Await(backend_->Pread(0, data)), 0);
  EXPECT_EQ(Await(backend_->Flush()), 0);
  EXPECT_TRUE(backend_->stalled());
  Resume();
}

TEST_P(StallTest, AnEjectPassesAndWhatWasKeptFindsNoMedium) {
  MakeStalled();
  Go(IoOp::kRead, kBlock, kBlock);
  EXPECT_EQ(MessageOf(Await(backend_->Eject(Force::kNo))), "");
  world_.RunUntilIdle();
  EXPECT_TRUE(client_.ends.empty()) << "as those of a stop: kept until they may go on";
  Resume();
  ASSERT_EQ(EndedIds(), (std::vector<int>{0, 1}));
  EXPECT_EQ(client_.ends[0].result, -ENOMEDIUM);
  EXPECT_EQ(client_.ends[1].result, -ENOMEDIUM);
}

TEST_P(StallTest, AChangePassesAndWhatWasKeptDoesNotMeetTheNewMedium) {
  MakeStalled();
  const auto next = std::make_shared<HeldNode>("node1", HeldNodeOptions{.length = kLength});
  EXPECT_EQ(MessageOf(Await(backend_->ChangeMedium(next, Force::kNo))), "");
  world_.RunUntilIdle();
  EXPECT_TRUE(backend_->stalled());
  Resume();
  EXPECT_EQ(LastResult(), -ENOMEDIUM);
  EXPECT_TRUE(next->seen.empty());
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
  EXPECT_EQ(next->seen.size(), 1u);
}

TEST_P(StallTest, AResizePasses) {
  MakeStalled();
  EXPECT_EQ(MessageOf(Await(backend_->Resize(2 * kLength))), "");
  EXPECT_EQ(backend_->length(), 2 * kLength);
  EXPECT_TRUE(backend_->stalled());
  Resume();
  EXPECT_EQ(LastResult(), 0);
}

TEST_P(StallTest, UnplugEndsItForTheNextDevice) {
  MakeStalled();
  client_.on_batch = [&] {
    if (channel_->outstanding() == 0) channel_.reset();
  };
  channel_->CancelAll();
  world_.RunUntilIdle();
  ASSERT_EQ(channel_, nullptr);
  backend_->Detach();
  EXPECT_FALSE(backend_->stalled());
  client_.on_batch = nullptr;
  AttachAndOpen(context());
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
}

TEST_P(StallTest, DriveDelEndsIt) {
  MakeStalled();
  EXPECT_TRUE(Await(backend_->HideForDriveDel()).ok());
  world_.RunUntilIdle();
  EXPECT_FALSE(backend_->stalled());
  EXPECT_EQ(client_.ends.size(), 1u) << "nobody could resume it";
}

TEST_P(StallTest, ItGoesAlongToAnotherContext) {
  client_.follows = true;
  MakeStalled();
  AioContext& other = world_.NewContext("other");
  EXPECT_TRUE(Await(backend_->SetAioContext(other)).ok());
  EXPECT_TRUE(backend_->stalled());
  EXPECT_EQ(node_->seen.size(), 1u);
  AioContext* done_in = nullptr;
  client_.on_done = [&](TestRequest&, IoResult) { done_in = AioContext::Current(); };
  Resume();
  EXPECT_EQ(done_in, &other);
  EXPECT_EQ(LastResult(), 0);
  EXPECT_TRUE(Await(backend_->SetAioContext(control_)).ok());
}

TEST_P(StallTest, Row12_ANewPolicyMeetsWhatFailsAgain) {
  MakeStalled();
  ASSERT_TRUE(backend_->SetOnError(OnError::kReport, OnError::kReport).ok());
  world_.RunUntilIdle();
  EXPECT_TRUE(backend_->stalled()) << "it is no reason to go on";
  node_->results = {-EIO};
  Resume();
  EXPECT_EQ(LastResult(), -EIO);
  EXPECT_EQ(machine_.log.back(), "BLOCK_IO_ERROR write report");
}

TEST_P(StallTest, ARestoredStallHoldsWhatTheDeviceHasGotBack) {
  MakeBackend(kStalling);
  Insert();
  AttachAndOpen(context());
  Await(machine_.Stop());
  const size_t before = node_->seen.size();
  Go(IoOp::kWrite, 0, kBlock);
  const BlockErrorState state = {
      .changed_policies = {{.read = OnError::kReport, .write = OnError::kStall}},
      .iostatus = IoStatus::kNospace,
      .stalled = true};
  ASSERT_TRUE(backend_->CheckErrorState(state).ok());
  backend_->RestoreErrorState(state);
  world_.RunUntilIdle();
  EXPECT_TRUE(backend_->stalled());
  EXPECT_EQ(backend_->iostatus(), IoStatus::kNospace);
  EXPECT_EQ(backend_->on_read_error(), OnError::kReport);
  const BlockErrorState again = backend_->error_state();
  EXPECT_EQ(again.changed_policies, state.changed_policies);
  EXPECT_EQ(again.iostatus, state.iostatus);
  EXPECT_TRUE(again.stalled);
  EXPECT_EQ(node_->seen.size(), before);
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_FALSE(backend_->stalled());
  EXPECT_EQ(LastResult(), 0);
}

TEST_P(StallTest, AResetEndsARestoredStall) {
  MakeDisk(context(), kStalling);
  Await(machine_.Stop());
  Go(IoOp::kWrite, 0, kBlock);
  backend_->RestoreErrorState({.stalled = true});
  channel_->CancelAll();
  world_.RunUntilIdle();
  EXPECT_FALSE(backend_->stalled());
  EXPECT_EQ(LastResult(), -ECANCELED);
  machine_.Run();
}

TEST_P(StallTest, ADriveWithoutAMachineStallsToo) {
  BackendRegistry alone({.control = &control_, .events = &machine_, .log = &log_});
  auto made = alone.Create("alone", kStalling);
  ASSERT_TRUE(made.ok());
  backend_ = *std::move(made);
  Insert();
  AttachAndOpen(context());
  FailOne();
  Resume();
  EXPECT_EQ(LastResult(), 0);
  channel_.reset();
  backend_->Detach();
  backend_.reset();
  world_.RunUntilIdle();
}

}  // namespace
}  // namespace platter

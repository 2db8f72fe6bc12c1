// SPDX-License-Identifier: Apache-2.0
//
// The error policy "retry", and what comes while a request waits for its next attempt: rows 12, 14,
// 15.

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
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
constexpr Duration kDelay = std::chrono::milliseconds(250);
constexpr Duration kAlmost = kDelay - std::chrono::nanoseconds(1);

// With the channel in the control context, or in one of its own.
class RetryTest : public BackendFixture, public ::testing::WithParamInterface<const char*> {
 public:
  AioContext& context() { return std::string(GetParam()) == "Control" ? control_ : io_; }

  static BackendOptions Retrying(RetryPolicy retry = {.delay = kDelay, .limit = 3}) {
    return {.read_error = OnError::kRetry, .write_error = OnError::kRetry, .retry = retry};
  }
  // A drive whose medium can be changed.
  void MakeRetrying(const RetryPolicy& retry = {.delay = kDelay, .limit = 3}) {
    MakeBackend(Retrying(retry));
    Insert();
    ASSERT_TRUE(backend_->Attach({.device_id = "disk0"}, drive_.TraylessOps()).ok());
    channel_ = backend_->OpenChannel(context(), client_);
  }
  // The next `failures` attempts fail.
  TestRequest& GoFailing(size_t failures, IoResult error = -EIO) {
    node_->results.assign(failures, error);
    TestRequest& request = Go(IoOp::kWrite, 0, kBlock);
    world_.RunUntilIdle();
    return request;
  }
};

INSTANTIATE_TEST_SUITE_P(Contexts, RetryTest, ::testing::Values("Control", "Io"),
                         [](const auto& param) { return std::string(param.param); });

TEST_P(RetryTest, Row15_ItIsTriedAgainAfterTheDelayUntilItSucceeds) {
  MakeRetrying();
  GoFailing(2);
  EXPECT_EQ(node_->seen.size(), 1u);
  world_.RunFor(kAlmost);
  EXPECT_EQ(node_->seen.size(), 1u);
  world_.RunFor(std::chrono::nanoseconds(1));
  EXPECT_EQ(node_->seen.size(), 2u);
  EXPECT_TRUE(client_.ends.empty());
  world_.RunFor(kDelay);
  EXPECT_EQ(node_->seen.size(), 3u);
  EXPECT_EQ(LastResult(), 0);
  EXPECT_EQ(machine_.log, Log{"BLOCK_IO_ERROR write retry"}) << "the first failure is told";
  EXPECT_EQ(machine_.stop_requests, 0);
  EXPECT_FALSE(backend_->stalled());
  EXPECT_EQ(backend_->Stats().write.failed, 0u);
  EXPECT_EQ(backend_->Stats().write.operations, 1u);
  world_.RunFor(10 * kDelay);
  EXPECT_EQ(node_->seen.size(), 3u);
}

TEST_P(RetryTest, Row14_AfterTheLimitComesTheAction) {
  struct Row {
    OnError then;
    int error;
    const char* event;
  };
  const Row kRows[] = {{OnError::kReport, EIO, "report"}, {OnError::kIgnore, EIO, "ignore"},
                       {OnError::kStop, EIO, "stop"},     {OnError::kStall, EIO, "stall"},
                       {OnError::kEnospc, EIO, "report"}, {OnError::kEnospc, ENOSPC, "stop"}};
  MakeRetrying();
  for (const Row& row : kRows) {
    SCOPED_TRACE(std::string(row.event) + " after " + std::to_string(row.error));
    ASSERT_TRUE(backend_
                    ->SetErrorPolicies({.read = OnError::kReport,
                                        .write = OnError::kRetry,
                                        .retry = {.delay = kDelay, .limit = 2, .then = row.then}})
                    .ok());
    machine_.log.clear();
    client_.ends.clear();
    const size_t before = node_->seen.size();
    GoFailing(3, -row.error);
    world_.RunFor(2 * kDelay);
    EXPECT_EQ(node_->seen.size(), before + 3) << "once, and two times again";
    ASSERT_GE(machine_.log.size(), 2u);
    EXPECT_EQ(machine_.log[0], "BLOCK_IO_ERROR write retry");
    EXPECT_EQ(machine_.log[1], std::string("BLOCK_IO_ERROR write ") + row.event);
    const std::string event = row.event;
    if (event == "report" || event == "ignore") {
      EXPECT_EQ(LastResult(), event == "report" ? -row.error : 0);
    } else {
      EXPECT_TRUE(client_.ends.empty());
      EXPECT_EQ(backend_->stalled(), event == "stall");
      EXPECT_EQ(machine_.log.size() > 2, event == "stop") << "REQUEST_STOP";
      channel_->CancelAll();
      world_.RunUntilIdle();
    }
  }
}

TEST_P(RetryTest, WhatIsResumedIsCountedAnew) {
  MakeRetrying({.delay = kDelay, .limit = 1, .then = OnError::kStall});
  GoFailing(3);
  world_.RunFor(kDelay);
  EXPECT_TRUE(backend_->stalled());
  EXPECT_EQ(node_->seen.size(), 2u);
  backend_->Resume();
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 3u);
  EXPECT_FALSE(backend_->stalled()) << "it waits again";
  world_.RunFor(kDelay);
  EXPECT_EQ(LastResult(), 0);
}

TEST_P(RetryTest, WithoutALimitItGoesOn) {
  MakeRetrying({.delay = kDelay, .limit = 0});
  GoFailing(200);
  world_.RunFor(199 * kDelay);
  EXPECT_TRUE(client_.ends.empty());
  EXPECT_EQ(machine_.log.size(), 1u) << "no event each time";
  world_.RunFor(kDelay);
  EXPECT_EQ(node_->seen.size(), 201u);
  EXPECT_EQ(LastResult(), 0);
}

TEST_P(RetryTest, OthersGoOnAndAFlushDoesNotWait) {
  MakeRetrying();
  GoFailing(1);
  Go(IoOp::kWrite, 0, kBlock);
  Go(IoOp::kFlush, 0, 0);
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{1, 2}));
  world_.RunFor(kDelay);
  EXPECT_EQ(EndedIds(), (std::vector<int>{1, 2, 0}));
}

TEST_P(RetryTest, EachWaitsByItself) {
  MakeRetrying();
  GoFailing(1);
  world_.RunFor(kDelay / 2);
  GoFailing(1);
  world_.RunFor(kDelay / 2);
  EXPECT_EQ(EndedIds(), std::vector<int>{0});
  world_.RunFor(kDelay / 2);
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1}));
  // A shorter delay from now on: the later one is due first.
  GoFailing(1);
  ASSERT_TRUE(
      backend_
          ->SetErrorPolicies(
              {.read = OnError::kRetry, .write = OnError::kRetry, .retry = {.delay = kDelay / 5}})
          .ok());
  GoFailing(1);
  world_.RunFor(kDelay / 5);
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1, 3}));
  world_.RunFor(kDelay);
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1, 3, 2}));
}

TEST_P(RetryTest, AWriteIsTriedAgainAsItWasSubmitted) {
  MakeBackend(Retrying());
  Insert({.length = kLength, .fua = false});
  AttachAndOpen(context());
  backend_->set_write_cache_enabled(false);
  node_->results = {-EIO};
  Go(IoOp::kWrite, 3 * kBlock, kBlock);
  world_.RunUntilIdle();
  backend_->set_write_cache_enabled(true);
  const size_t before = node_->seen.size();
  world_.RunFor(kDelay);
  ASSERT_EQ(node_->seen.size(), before + 1);
  EXPECT_EQ(node_->seen.back().offset, 3 * kBlock);
  EXPECT_EQ(node_->seen.back().flags, IoFlags::kNone);
}

TEST_P(RetryTest, ADrainDoesNotWaitForIt) {
  MakeRetrying();
  GoFailing(1);
  const Instant before = control_.Now();
  Await(backend_->BeginDrain());
  EXPECT_LT(control_.Now() - before, kDelay);
  EXPECT_EQ(backend_->in_flight(), 0u);
  world_.RunFor(2 * kDelay);
  EXPECT_EQ(node_->seen.size(), 1u) << "due, and held";
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 2u);
  EXPECT_EQ(LastResult(), 0);
  // The end of a drain does not make it come early.
  GoFailing(1);
  Await(backend_->BeginDrain());
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 3u);
  world_.RunFor(kDelay);
  EXPECT_EQ(node_->seen.size(), 4u);
}

TEST_P(RetryTest, Row15_AStoppedMachineTriesNothingAndContAtOnce) {
  MakeRetrying({.delay = kDelay, .limit = 1});
  GoFailing(1);
  Await(machine_.Stop());
  const size_t stopped = node_->seen.size();
  world_.RunFor(10 * kDelay);
  EXPECT_EQ(node_->seen.size(), stopped);
  node_->results = {-EIO, -EIO};
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), stopped + 1);
  EXPECT_TRUE(client_.ends.empty()) << "its attempts are counted anew";
  world_.RunFor(kDelay);
  EXPECT_EQ(LastResult(), -EIO);
}

TEST_P(RetryTest, ContTriesInSubmissionOrder) {
  MakeRetrying();
  node_->mode = Mode::kHold;
  for (uint64_t i = 0; i < 3; ++i) Go(IoOp::kWrite, i * kBlock, kBlock);
  world_.RunUntilIdle();
  node_->Finish(2, -EIO);
  node_->Finish(0, -EIO);
  node_->Finish(0, -EIO);
  node_->mode = Mode::kAtOnce;
  world_.RunUntilIdle();
  Await(machine_.Stop());
  Go(IoOp::kWrite, 3 * kBlock, kBlock);
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1, 2, 3}));
}

TEST_P(RetryTest, ResumeTriesAtOnce) {
  MakeRetrying();
  GoFailing(1);
  backend_->Resume();
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
  world_.RunFor(2 * kDelay);
  EXPECT_EQ(node_->seen.size(), 2u);
}

TEST_P(RetryTest, Row15_AResetDropsIt) {
  MakeRetrying();
  TestRequest& first = GoFailing(3);
  GoFailing(3);
  Go(IoOp::kWrite, 0, kBlock);
  world_.RunUntilIdle();
  channel_->Cancel(first);
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), std::vector<int>{0});
  channel_->CancelAll();
  world_.RunUntilIdle();
  EXPECT_EQ(channel_->outstanding(), 0u);
  EXPECT_EQ(LastResult(), -ECANCELED);
  const size_t before = node_->seen.size();
  world_.RunFor(10 * kDelay);
  EXPECT_EQ(node_->seen.size(), before);
}

TEST_P(RetryTest, AnEjectEndsItWithNoMedium) {
  MakeRetrying();
  GoFailing(1);
  EXPECT_EQ(MessageOf(Await(backend_->Eject(Force::kNo))), "");
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), -ENOMEDIUM);
  world_.RunFor(2 * kDelay);
  EXPECT_EQ(client_.ends.size(), 1u);
}

TEST_P(RetryTest, AChangeEndsItAndItDoesNotMeetTheNewMedium) {
  MakeRetrying();
  GoFailing(1);
  const auto next = std::make_shared<HeldNode>("node1", HeldNodeOptions{.length = kLength});
  EXPECT_EQ(MessageOf(Await(backend_->ChangeMedium(next, Force::kNo))), "");
  world_.RunFor(2 * kDelay);
  EXPECT_EQ(LastResult(), -ENOMEDIUM);
  EXPECT_TRUE(next->seen.empty());
}

TEST_P(RetryTest, UnplugWhileItWaits) {
  MakeRetrying();
  GoFailing(1);
  client_.on_batch = [&] {
    if (channel_->outstanding() == 0) channel_.reset();
  };
  channel_->CancelAll();
  world_.RunUntilIdle();
  ASSERT_EQ(channel_, nullptr);
  backend_->Detach();
  world_.RunFor(2 * kDelay);
  EXPECT_EQ(node_->seen.size(), 1u);
}

TEST_P(RetryTest, ItGoesAlongToAnotherContextAndIsDueAsBefore) {
  client_.follows = true;
  MakeRetrying();
  GoFailing(1);
  world_.RunFor(kDelay / 2);
  AioContext& other = world_.NewContext("other");
  EXPECT_TRUE(Await(backend_->SetAioContext(other)).ok());
  AioContext* done_in = nullptr;
  client_.on_done = [&](TestRequest&, IoResult) { done_in = AioContext::Current(); };
  EXPECT_EQ(node_->seen.size(), 1u);
  world_.RunFor(kDelay / 2);
  EXPECT_EQ(done_in, &other);
  EXPECT_EQ(LastResult(), 0);
  EXPECT_TRUE(Await(backend_->SetAioContext(control_)).ok());
}

TEST_P(RetryTest, Row12_ANewPolicyMeetsTheNextFailure) {
  MakeRetrying();
  GoFailing(2);
  ASSERT_TRUE(backend_->SetOnError(OnError::kReport, OnError::kReport).ok());
  EXPECT_EQ(backend_->error_policies().retry.delay, kDelay) << "it stays";
  world_.RunUntilIdle();
  EXPECT_TRUE(client_.ends.empty()) << "it waits as it did";
  world_.RunFor(kDelay);
  EXPECT_EQ(LastResult(), -EIO);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/error_action.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>
#include <vector>

namespace platter {
namespace {

using Failure = ErrorActions::Failure;

std::vector<Failure> DeliverAll(ErrorActions& actions, bool* stop = nullptr,
                                bool* stall = nullptr) {
  std::vector<Failure> delivered;
  const ErrorActions::Wanted wanted =
      actions.Deliver([&](const Failure& failure) { delivered.push_back(failure); });
  if (stop != nullptr) *stop = wanted.stop;
  if (stall != nullptr) *stall = wanted.stall;
  return delivered;
}

// As a channel does about a failed request that was tried again so often.
ErrorAction Act(ErrorActions& actions, IoOp op, int error, uint32_t retries = 0) {
  const ErrorAction action = actions.Decide(op, error, retries);
  actions.Tell(op, action, error);
  return action;
}

ErrorPolicies Policies(OnError read, OnError write) { return {.read = read, .write = write}; }

TEST(ErrorAction, Row13_ActionTable) {
  struct Row {
    OnError policy;
    int error;
    ErrorAction expected;
  };
  const Row kRows[] = {
      {OnError::kReport, EIO, ErrorAction::kReport},
      {OnError::kReport, ENOSPC, ErrorAction::kReport},
      {OnError::kIgnore, EIO, ErrorAction::kIgnore},
      {OnError::kIgnore, ENOSPC, ErrorAction::kIgnore},
      {OnError::kEnospc, EIO, ErrorAction::kReport},
      {OnError::kEnospc, ENOSPC, ErrorAction::kStop},
      {OnError::kStop, EIO, ErrorAction::kStop},
      {OnError::kStop, ENOSPC, ErrorAction::kStop},
      {OnError::kStall, EIO, ErrorAction::kStall},
      {OnError::kStall, ENOSPC, ErrorAction::kStall},
      {OnError::kRetry, EIO, ErrorAction::kRetry},
      {OnError::kRetry, ENOSPC, ErrorAction::kRetry},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(DecideErrorAction(row.policy, row.error), row.expected)
        << static_cast<int>(row.policy) << " errno " << row.error;
  }
}

TEST(ErrorAction, ReadsAndWritesHavePoliciesOfTheirOwn) {
  ErrorActions actions(StopSupport::kYes);
  actions.SetPolicies(Policies(OnError::kIgnore, OnError::kStop));
  EXPECT_EQ(Act(actions, IoOp::kRead, EIO), ErrorAction::kIgnore);
  for (const IoOp op : {IoOp::kWrite, IoOp::kFlush, IoOp::kDiscard, IoOp::kWriteZeroes}) {
    EXPECT_EQ(Act(actions, op, EIO), ErrorAction::kStop);
  }
  bool stop = false;
  const std::vector<Failure> events = DeliverAll(actions, &stop);
  ASSERT_EQ(events.size(), 5u);
  EXPECT_TRUE(stop);
  EXPECT_EQ(events[0].direction, IoDirection::kRead);
  for (size_t i = 1; i < events.size(); ++i) EXPECT_EQ(events[i].direction, IoDirection::kWrite);
}

TEST(ErrorAction, StopWithoutARunStateReports) {
  ErrorActions actions(StopSupport::kNo);
  actions.SetPolicies(Policies(OnError::kStop, OnError::kStop));
  EXPECT_EQ(Act(actions, IoOp::kWrite, EIO), ErrorAction::kReport);
  bool stop = true;
  EXPECT_EQ(DeliverAll(actions, &stop).size(), 1u);
  EXPECT_FALSE(stop);
}

TEST(ErrorAction, ARetryEndsInItsAction) {
  ErrorActions actions(StopSupport::kYes);
  RetryPolicy retry = {.limit = 2, .then = OnError::kEnospc};
  actions.SetPolicies({.read = OnError::kReport, .write = OnError::kRetry, .retry = retry});
  EXPECT_EQ(actions.Decide(IoOp::kRead, EIO, 0), ErrorAction::kReport);
  for (const IoOp op : {IoOp::kWrite, IoOp::kFlush, IoOp::kDiscard, IoOp::kWriteZeroes}) {
    EXPECT_EQ(actions.Decide(op, EIO, 0), ErrorAction::kRetry);
    EXPECT_EQ(actions.Decide(op, EIO, 1), ErrorAction::kRetry);
    EXPECT_EQ(actions.Decide(op, EIO, 2), ErrorAction::kReport);
    EXPECT_EQ(actions.Decide(op, ENOSPC, 2), ErrorAction::kStop);
  }
  retry = {.limit = 0, .then = OnError::kStall};
  actions.SetPolicies({.read = OnError::kRetry, .write = OnError::kStall, .retry = retry});
  EXPECT_EQ(actions.Decide(IoOp::kRead, EIO, 4'000'000'000), ErrorAction::kRetry) << "without end";
  EXPECT_EQ(actions.policies().retry, retry);
  EXPECT_EQ(actions.retry_delay(), retry.delay);
}

TEST(ErrorAction, AStallIsNoStop) {
  // Nor does it need a machine.
  ErrorActions actions(StopSupport::kNo);
  actions.SetPolicies(Policies(OnError::kStall, OnError::kReport));
  actions.SetIostatusSupport(ErrorActions::Iostatus::kOn);
  EXPECT_EQ(Act(actions, IoOp::kRead, EIO), ErrorAction::kStall);
  EXPECT_EQ(actions.iostatus(), IoStatus::kFailed);
  bool stop = true;
  bool stall = false;
  EXPECT_EQ(DeliverAll(actions, &stop, &stall).size(), 1u);
  EXPECT_FALSE(stop);
  EXPECT_TRUE(stall);
}

TEST(ErrorAction, WhatWasDroppedIsNotedOnce) {
  ErrorActions actions(StopSupport::kYes);
  EXPECT_FALSE(actions.TakeDropped());
  actions.NoteDropped();
  EXPECT_TRUE(actions.TakeDropped());
  EXPECT_FALSE(actions.TakeDropped());
}

TEST(ErrorAction, Row16_IostatusNeedsSupportAndAPolicy) {
  ErrorActions actions(StopSupport::kYes);
  actions.SetPolicies(Policies(OnError::kReport, OnError::kReport));
  EXPECT_FALSE(actions.iostatus_enabled());
  actions.SetIostatusSupport(ErrorActions::Iostatus::kOn);
  EXPECT_FALSE(actions.iostatus_enabled());
  actions.SetPolicies(Policies(OnError::kReport, OnError::kEnospc));
  EXPECT_TRUE(actions.iostatus_enabled());
  actions.SetPolicies(Policies(OnError::kStop, OnError::kReport));
  EXPECT_TRUE(actions.iostatus_enabled());
  actions.SetPolicies(Policies(OnError::kStall, OnError::kReport));
  EXPECT_TRUE(actions.iostatus_enabled());
  ErrorPolicies retry = Policies(OnError::kReport, OnError::kRetry);
  actions.SetPolicies(retry);
  EXPECT_FALSE(actions.iostatus_enabled()) << "it ends in a report";
  retry.retry.then = OnError::kStall;
  actions.SetPolicies(retry);
  EXPECT_TRUE(actions.iostatus_enabled());
  actions.SetIostatusSupport(ErrorActions::Iostatus::kOff);
  EXPECT_FALSE(actions.iostatus_enabled());
  Act(actions, IoOp::kRead, EIO);
  EXPECT_EQ(actions.iostatus(), IoStatus::kOk);
}

TEST(ErrorAction, Row17_FirstErrorSticksUntilReset) {
  ErrorActions actions(StopSupport::kYes);
  actions.SetPolicies(Policies(OnError::kReport, OnError::kStop));
  actions.SetIostatusSupport(ErrorActions::Iostatus::kOn);
  Act(actions, IoOp::kRead, EIO);
  EXPECT_EQ(actions.iostatus(), IoStatus::kOk) << "reported errors are no status";
  Act(actions, IoOp::kWrite, ENOSPC);
  EXPECT_EQ(actions.iostatus(), IoStatus::kNospace);
  Act(actions, IoOp::kWrite, EIO);
  EXPECT_EQ(actions.iostatus(), IoStatus::kNospace);
  actions.ResetIostatus();
  Act(actions, IoOp::kWrite, EIO);
  EXPECT_EQ(actions.iostatus(), IoStatus::kFailed);
}

TEST(ErrorAction, AFloodDropsReportsButNeverAStop) {
  ErrorActions actions(StopSupport::kYes);
  actions.SetPolicies(Policies(OnError::kReport, OnError::kStop));
  for (size_t i = 0; i < ErrorActions::kMaxPending + 10; ++i) Act(actions, IoOp::kRead, EIO);
  EXPECT_EQ(actions.dropped(), 10u);
  Act(actions, IoOp::kWrite, ENOSPC);
  bool stop = false;
  const std::vector<Failure> events = DeliverAll(actions, &stop);
  ASSERT_EQ(events.size(), ErrorActions::kMaxPending + 1);
  EXPECT_TRUE(stop);
  EXPECT_EQ(events.back().action, ErrorAction::kStop);
  EXPECT_EQ(events.back().error, ENOSPC);
  EXPECT_EQ(events.back().direction, IoDirection::kWrite);
  // Nor a stall.
  for (size_t i = 0; i < ErrorActions::kMaxPending; ++i) Act(actions, IoOp::kRead, EIO);
  actions.SetPolicies(Policies(OnError::kStall, OnError::kStop));
  Act(actions, IoOp::kRead, EIO);
  bool stall = false;
  EXPECT_EQ(DeliverAll(actions, &stop, &stall).back().action, ErrorAction::kStall);
  EXPECT_TRUE(stall);
  EXPECT_FALSE(stop);
  // The records are free again.
  Act(actions, IoOp::kRead, EIO);
  EXPECT_EQ(DeliverAll(actions).size(), 1u);
}

TEST(ErrorAction, ThreadsQueueWhileControlDelivers) {
  constexpr int kPerThread = 2'000;
  ErrorActions actions(StopSupport::kYes);
  actions.SetPolicies(Policies(OnError::kReport, OnError::kIgnore));
  std::vector<std::thread> threads;
  for (const IoOp op : {IoOp::kRead, IoOp::kWrite}) {
    threads.emplace_back([&actions, op] {
      for (int i = 1; i <= kPerThread; ++i) Act(actions, op, i);
    });
  }
  // Of one thread, what is not dropped comes in order.
  int last[2] = {0, 0};
  uint64_t delivered = 0;
  const auto emit = [&](const Failure& failure) {
    int& newest = last[failure.direction == IoDirection::kRead ? 0 : 1];
    EXPECT_GT(failure.error, newest);
    newest = failure.error;
    ++delivered;
  };
  while (delivered + actions.dropped() < uint64_t{2} * kPerThread) actions.Deliver(emit);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(delivered + actions.dropped(), uint64_t{2} * kPerThread);
}

}  // namespace
}  // namespace platter

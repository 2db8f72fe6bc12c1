// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/error_action.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>
#include <vector>

namespace platter {
namespace {

using Failure = ErrorActions::Failure;

std::vector<Failure> DeliverAll(ErrorActions& actions, bool* stop = nullptr) {
  std::vector<Failure> delivered;
  const bool stops = actions.Deliver([&](const Failure& failure) { delivered.push_back(failure); });
  if (stop != nullptr) *stop = stops;
  return delivered;
}

TEST(ErrorAction, ApiRow13ActionTable) {
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
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(DecideErrorAction(row.policy, row.error), row.expected)
        << static_cast<int>(row.policy) << " errno " << row.error;
  }
}

TEST(ErrorAction, ReadsAndWritesHavePoliciesOfTheirOwn) {
  ErrorActions actions(StopSupport::kYes);
  actions.SetPolicy(OnError::kIgnore, OnError::kStop);
  EXPECT_EQ(actions.Act(IoOp::kRead, EIO), ErrorAction::kIgnore);
  for (const IoOp op : {IoOp::kWrite, IoOp::kFlush, IoOp::kDiscard, IoOp::kWriteZeroes}) {
    EXPECT_EQ(actions.Act(op, EIO), ErrorAction::kStop);
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
  actions.SetPolicy(OnError::kStop, OnError::kStop);
  EXPECT_EQ(actions.Act(IoOp::kWrite, EIO), ErrorAction::kReport);
  bool stop = true;
  EXPECT_EQ(DeliverAll(actions, &stop).size(), 1u);
  EXPECT_FALSE(stop);
}

TEST(ErrorAction, ApiRow16IostatusNeedsSupportAndAPolicy) {
  ErrorActions actions(StopSupport::kYes);
  actions.SetPolicy(OnError::kReport, OnError::kReport);
  EXPECT_FALSE(actions.iostatus_enabled());
  actions.SetIostatusSupport(ErrorActions::Iostatus::kOn);
  EXPECT_FALSE(actions.iostatus_enabled());
  actions.SetPolicy(OnError::kReport, OnError::kEnospc);
  EXPECT_TRUE(actions.iostatus_enabled());
  actions.SetPolicy(OnError::kStop, OnError::kReport);
  EXPECT_TRUE(actions.iostatus_enabled());
  actions.SetIostatusSupport(ErrorActions::Iostatus::kOff);
  EXPECT_FALSE(actions.iostatus_enabled());
  actions.Act(IoOp::kRead, EIO);
  EXPECT_EQ(actions.iostatus(), IoStatus::kOk);
}

TEST(ErrorAction, ApiRow17FirstErrorSticksUntilReset) {
  ErrorActions actions(StopSupport::kYes);
  actions.SetPolicy(OnError::kReport, OnError::kStop);
  actions.SetIostatusSupport(ErrorActions::Iostatus::kOn);
  actions.Act(IoOp::kRead, EIO);
  EXPECT_EQ(actions.iostatus(), IoStatus::kOk) << "reported errors are no status";
  actions.Act(IoOp::kWrite, ENOSPC);
  EXPECT_EQ(actions.iostatus(), IoStatus::kNospace);
  actions.Act(IoOp::kWrite, EIO);
  EXPECT_EQ(actions.iostatus(), IoStatus::kNospace);
  actions.ResetIostatus();
  actions.Act(IoOp::kWrite, EIO);
  EXPECT_EQ(actions.iostatus(), IoStatus::kFailed);
}

TEST(ErrorAction, AFloodDropsReportsButNeverAStop) {
  ErrorActions actions(StopSupport::kYes);
  actions.SetPolicy(OnError::kReport, OnError::kStop);
  for (size_t i = 0; i < ErrorActions::kMaxPending + 10; ++i) actions.Act(IoOp::kRead, EIO);
  EXPECT_EQ(actions.dropped(), 10u);
  actions.Act(IoOp::kWrite, ENOSPC);
  bool stop = false;
  const std::vector<Failure> events = DeliverAll(actions, &stop);
  ASSERT_EQ(events.size(), ErrorActions::kMaxPending + 1);
  EXPECT_TRUE(stop);
  EXPECT_EQ(events.back().action, ErrorAction::kStop);
  EXPECT_EQ(events.back().error, ENOSPC);
  EXPECT_EQ(events.back().direction, IoDirection::kWrite);
  // The records are free again.
  actions.Act(IoOp::kRead, EIO);
  EXPECT_EQ(DeliverAll(actions).size(), 1u);
}

TEST(ErrorAction, ThreadsQueueWhileControlDelivers) {
  constexpr int kPerThread = 2'000;
  ErrorActions actions(StopSupport::kYes);
  actions.SetPolicy(OnError::kReport, OnError::kIgnore);
  std::vector<std::thread> threads;
  for (const IoOp op : {IoOp::kRead, IoOp::kWrite}) {
    threads.emplace_back([&actions, op] {
      for (int i = 1; i <= kPerThread; ++i) actions.Act(op, i);
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

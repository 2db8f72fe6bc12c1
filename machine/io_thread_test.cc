// SPDX-License-Identifier: Apache-2.0

#include "machine/io_thread.h"

#include <atomic>
#include <memory>
#include <thread>

#include "gtest/gtest.h"

#include "aio/await.h"
#include "aio/task.h"

namespace platter {
namespace {

TEST(IoThreadTest, RunsWhatIsPostedOnItsOwnThread) {
  absl::StatusOr<std::unique_ptr<IoThread>> io = IoThread::Start({.kind = AioKind::kThreads});
  ASSERT_TRUE(io.ok()) << io.status();
  std::atomic<bool> ran{false};
  std::thread::id id;
  (*io)->context().Post([&] {
    id = std::this_thread::get_id();
    ran.store(true);
    ran.notify_one();
  });
  ran.wait(false);
  EXPECT_NE(id, std::this_thread::get_id());
}

TEST(IoThreadTest, WhatWasPostedBeforeTheEndStillRuns) {
  std::atomic<int> ran{0};
  {
    absl::StatusOr<std::unique_ptr<IoThread>> io = IoThread::Start({.kind = AioKind::kThreads});
    ASSERT_TRUE(io.ok());
    for (int i = 0; i < 100; ++i) (*io)->context().Post([&] { ++ran; });
  }
  EXPECT_EQ(ran.load(), 100);
}

TEST(IoThreadTest, TwoThreadsPassATaskToAndFro) {
  absl::StatusOr<std::unique_ptr<AioContext>> home =
      CreateAioContext({.kind = AioKind::kThreads, .name = "home"});
  ASSERT_TRUE(home.ok());
  ThreadContextProvider provider(AioKind::kThreads);
  absl::StatusOr<AioContext*> a = provider.MakeIoContext("a", {});
  absl::StatusOr<AioContext*> b = provider.MakeIoContext("b", {});
  ASSERT_TRUE(a.ok() && b.ok());
  constexpr auto kRoam = [](AioContext& x, AioContext& y, AioContext& end) -> Task<int> {
    int hops = 0;
    for (; hops < 100; ++hops) {
      co_await MoveTo(x);
      co_await MoveTo(y);
    }
    co_await MoveTo(end);
    co_return hops;
  };
  EXPECT_EQ(BlockOn(**home, kRoam(**a, **b, **home)), 100);
}

TEST(IoThreadTest, ADroppedThreadEndsAndTheOthersGoOn) {
  ThreadContextProvider provider(AioKind::kThreads);
  absl::StatusOr<AioContext*> a = provider.MakeIoContext("a", {});
  absl::StatusOr<AioContext*> b = provider.MakeIoContext("b", {});
  ASSERT_TRUE(a.ok() && b.ok());
  std::atomic<int> ran{0};
  for (int i = 0; i < 100; ++i) (*a)->Post([&] { ++ran; });
  provider.DropIoContext(**a);
  EXPECT_EQ(ran.load(), 100) << "it ended, and what was posted to it before ran";
  std::atomic<bool> b_ran{false};
  (*b)->Post([&] {
    b_ran.store(true);
    b_ran.notify_one();
  });
  b_ran.wait(false);
}

}  // namespace
}  // namespace platter

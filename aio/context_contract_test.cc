// SPDX-License-Identifier: Apache-2.0
//
// The sentences of aio_context.h, timer.h, work_item.h and file_io.h, on every kind of context.

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/aio_context.h"
#include "aio/context_fixture.h"
#include "aio/timer.h"

namespace platter {
namespace {

using ContextContractTest = ContextFixture;

INSTANTIATE_TEST_SUITE_P(Kinds, ContextContractTest,
                         testing::Values(Kind::kUring, Kind::kThreads, Kind::kSimulated), KindName);

// --- Work. ---

TEST_P(ContextContractTest, PostedThenDeferredThenTimersThenDescriptorsInOneTurn) {
  std::string log;
  EventFd event;
  event.Signal();
  CallingWatch watch([&](uint32_t) {
    event.Clear();
    log += 'w';
  });
  context().Watch(watch, event.fd(), EPOLLIN);
  RunReadyUntilIdle();  // The kernel knows the watch; it has fired once.
  EXPECT_EQ(log, "w");
  log.clear();
  event.Signal();
  Timer timer(context(), [&] { log += 't'; });
  timer.ArmAt(context().Now());
  Item deferred([&] { log += 'd'; });
  Item posted([&] { log += 'p'; });
  context().Defer(deferred);
  context().Post(posted);
  context().RunReady();
  EXPECT_EQ(log, "pdtw");
  context().Unwatch(watch);
}

TEST_P(ContextContractTest, WorkQueuedInATurnRunsInTheNext) {
  std::string log;
  Item deferred_later([&] { log += 'D'; });
  Item posted_later([&] { log += 'P'; });
  Item first([&] {
    log += 'a';
    context().Defer(deferred_later);
    context().Post(posted_later);
  });
  Item second([&] { log += 'b'; });
  context().Post(first);
  context().Defer(second);
  EXPECT_TRUE(context().RunReady());
  EXPECT_EQ(log, "ab");
  RunReadyUntilIdle();
  EXPECT_EQ(log, "abPD");
}

TEST_P(ContextContractTest, AnItemMayQueueItselfAgain) {
  int runs = 0;
  Item* self = nullptr;
  Item item([&] {
    if (++runs < 5) context().Defer(*self);
  });
  self = &item;
  context().Defer(item);
  RunReadyUntilIdle();
  EXPECT_EQ(runs, 5);
}

TEST_P(ContextContractTest, CancelledWorkDoesNotRun) {
  std::string log;
  Item deferred([&] { log += 'd'; });
  Item posted([&] { log += 'p'; });
  context().Defer(deferred);
  EXPECT_TRUE(context().CancelDeferred(deferred));
  EXPECT_FALSE(context().CancelDeferred(deferred));
  context().Post(posted);
  EXPECT_TRUE(context().CancelPosted(posted));
  RunReadyUntilIdle();
  EXPECT_EQ(log, "");
  // Also from inside the turn in which it would have run.
  Item canceller([&] {
    EXPECT_TRUE(context().CancelDeferred(deferred));
    EXPECT_TRUE(context().CancelPosted(posted));
  });
  context().Post(canceller);
  context().Post(posted);
  context().Defer(deferred);
  RunReadyUntilIdle();
  EXPECT_EQ(log, "");
}

TEST_P(ContextContractTest, CurrentAndInContext) {
  EXPECT_EQ(AioContext::Current(), nullptr);
  EXPECT_TRUE(context().InContext());
  bool ran = false;
  context().Post([&] {
    EXPECT_EQ(AioContext::Current(), &context());
    EXPECT_TRUE(context().InContext());
    ran = true;
  });
  RunReadyUntilIdle();
  EXPECT_TRUE(ran);
  EXPECT_EQ(AioContext::Current(), nullptr);
  std::thread([&] { EXPECT_FALSE(context().InContext()); }).join();
}

TEST_P(ContextContractTest, R_C33_PostsOfAThreadRunInOrderAndWakeASleeper) {
  constexpr int kThreads = 3;
  constexpr int kPosts = 2'000;
  const auto hold = HoldClock();
  std::array<int, kThreads> seen{};
  int total = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        context().Post([&, t, i] {
          EXPECT_EQ(seen[static_cast<size_t>(t)]++, i);
          ++total;
        });
      }
    });
  }
  context().RunUntil([&] { return total == kThreads * kPosts; });
  for (std::thread& thread : threads) thread.join();
}

TEST_P(ContextContractTest, MillionPostsFromThreeThreads) {
  constexpr int kThreads = 3;
  constexpr uint64_t kRounds = 3'334;
  constexpr uint64_t kItems = 100;
  struct Counter final : WorkItem {
    void Run() override {
      ++*total;
      pending.store(false, std::memory_order_release);
    }
    std::atomic<bool> pending{false};
    uint64_t* total = nullptr;
  };
  const auto hold = HoldClock();
  uint64_t total = 0;
  std::array<std::array<Counter, kItems>, kThreads> counters;
  std::vector<std::thread> threads;
  for (auto& mine : counters) {
    for (Counter& counter : mine) counter.total = &total;
    threads.emplace_back([&] {
      for (uint64_t round = 0; round < kRounds; ++round) {
        for (Counter& counter : mine) {
          while (counter.pending.load(std::memory_order_acquire)) std::this_thread::yield();
          counter.pending.store(true, std::memory_order_relaxed);
          context().Post(counter);
        }
      }
    });
  }
  context().RunUntil([&] { return total == kThreads * kRounds * kItems; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(total, 1'000'200u);
}

TEST_P(ContextContractTest, BottomHalfRunsOncePerRoundOfScheduling) {
  int runs = 0;
  BottomHalf half(context(), [&] { ++runs; });
  half.Schedule();
  half.Schedule();
  EXPECT_TRUE(half.scheduled());
  RunReadyUntilIdle();
  EXPECT_EQ(runs, 1);
  half.Schedule();
  RunReadyUntilIdle();
  EXPECT_EQ(runs, 2);
}

TEST_P(ContextContractTest, R_C35_BottomHalfFromManyThreadsLosesNothing) {
  constexpr int kThreads = 4;
  constexpr int kIncrements = 20'000;
  const auto hold = HoldClock();
  std::atomic<int> produced{0};
  int consumed = 0;
  BottomHalf half(context(), [&] { consumed = produced.load(); });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kIncrements; ++i) {
        produced.fetch_add(1);
        half.Schedule();
      }
    });
  }
  context().RunUntil([&] { return consumed == kThreads * kIncrements; });
  for (std::thread& thread : threads) thread.join();
  RunReadyUntilIdle();
}

// --- Timers. ---

TEST_P(ContextContractTest, TimersRunInOrderOfDeadline) {
  std::string log;
  const Instant start = context().Now();
  Timer c(context(), [&] { log += 'c'; });
  Timer a(context(), [&] { log += 'a'; });
  Timer b(context(), [&] { log += 'b'; });
  Timer cancelled(context(), [&] { log += 'x'; });
  c.ArmAt(start + Duration(3'000'000));
  a.ArmAt(start + Duration(1'000'000));
  b.ArmAt(start + Duration(2'000'000));
  cancelled.ArmAt(start + Duration(1'500'000));
  cancelled.Cancel();
  context().RunUntil([&] { return log.size() == 3; });
  EXPECT_EQ(log, "abc");
  EXPECT_GE(context().Now(), start + Duration(3'000'000));
}

TEST_P(ContextContractTest, ATimerMayArmItselfAgain) {
  int runs = 0;
  std::optional<Timer> timer;
  timer.emplace(context(), [&] {
    if (++runs < 10) timer->ArmAt(context().turn_time());  // Due at once: still the next turn.
  });
  timer->ArmAt(context().Now());
  context().RunReady();
  EXPECT_EQ(runs, 1);
  context().RunUntil([&] { return runs == 10; });
  EXPECT_FALSE(timer->armed());
}

TEST_P(ContextContractTest, NextDeadlineIsTheEarliestTimer) {
  RunReadyUntilIdle();
  EXPECT_EQ(context().NextDeadline(), std::nullopt);
  const Instant soon = context().Now() + std::chrono::hours(1);
  int fired = 0;
  Timer timer(context(), [&] { ++fired; });
  timer.ArmAt(soon);
  EXPECT_EQ(context().NextDeadline(), soon);
  Item item([] {});
  context().Defer(item);
  EXPECT_LT(*context().NextDeadline(), soon);
  RunReadyUntilIdle();
  EXPECT_EQ(context().NextDeadline(), soon);
  EXPECT_EQ(fired, 0);
}

// --- Descriptors. ---

TEST_P(ContextContractTest, WatchIsLevelTriggered) {
  EventFd event;
  int calls = 0;
  CallingWatch watch([&](uint32_t events) {
    EXPECT_EQ(events & EPOLLIN, static_cast<uint32_t>(EPOLLIN));
    if (++calls == 3) event.Clear();
  });
  context().Watch(watch, event.fd(), EPOLLIN);
  event.Signal();
  context().RunUntil([&] { return calls == 3; });
  RunReadyUntilIdle();
  EXPECT_EQ(calls, 3);
  context().Unwatch(watch);
  event.Signal();
  RunReadyUntilIdle();
  EXPECT_EQ(calls, 3);
}

TEST_P(ContextContractTest, UnwatchAndFreeInsideTheCallback) {
  EventFd event;
  event.Signal();
  int calls = 0;
  std::unique_ptr<CallingWatch> watch;
  watch = std::make_unique<CallingWatch>([&](uint32_t) {
    ++calls;
    // The function dies with the watch: keep what is needed after.
    AioContext& loop = context();
    auto* freed = &watch;
    loop.Unwatch(**freed);
    freed->reset();
  });
  context().Watch(*watch, event.fd(), EPOLLIN);
  context().RunUntil([&] { return calls == 1; });
  EXPECT_EQ(watch, nullptr);
  RunReadyUntilIdle();
  EXPECT_EQ(calls, 1);
}

TEST_P(ContextContractTest, AWatchMayRemoveAnotherThatIsReadyToo) {
  EventFd one;
  EventFd two;
  one.Signal();
  two.Signal();
  int calls = 0;
  std::optional<CallingWatch> a;
  std::optional<CallingWatch> b;
  a.emplace([&](uint32_t) {
    ++calls;
    context().Unwatch(*b);
    one.Clear();
  });
  b.emplace([&](uint32_t) {
    ++calls;
    context().Unwatch(*a);
    two.Clear();
  });
  context().Watch(*a, one.fd(), EPOLLIN);
  context().Watch(*b, two.fd(), EPOLLIN);
  context().RunUntil([&] { return calls > 0; });
  RunReadyUntilIdle();
  EXPECT_EQ(calls, 1);
  context().Unwatch(a->fd >= 0 ? *a : *b);
}

TEST_P(ContextContractTest, ADescriptorMayBeWatchedAgainAtOnce) {
  EventFd event;
  int old_calls = 0;
  int new_calls = 0;
  CallingWatch before([&](uint32_t) { ++old_calls; });
  CallingWatch after([&](uint32_t) {
    ++new_calls;
    event.Clear();
  });
  context().Watch(before, event.fd(), EPOLLIN);
  RunReadyUntilIdle();
  context().Unwatch(before);
  context().Watch(after, event.fd(), EPOLLIN);
  event.Signal();
  context().RunUntil([&] { return new_calls == 1; });
  EXPECT_EQ(old_calls, 0);
  context().Unwatch(after);
}

TEST_P(ContextContractTest, EndOfAPipeIsReported) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  uint32_t seen = 0;
  CallingWatch watch([&](uint32_t events) { seen = events; });
  context().Watch(watch, ends[0], EPOLLIN);
  close(ends[1]);
  context().RunUntil([&] { return seen != 0; });
  EXPECT_NE(seen & EPOLLHUP, 0u);
  context().Unwatch(watch);
  close(ends[0]);
}

// --- Files. ---

TEST_P(ContextContractTest, FileOperationsReturnWhatTheSystemCallReturns) {
  FileIo& io = context().file_io();
  CallingFileOp op;
  op.fd = OpenFile(8192);
  std::string text = "platter";
  iovec iov{text.data(), text.size()};
  op.kind = FileOpKind::kWrite;
  op.iov = &iov;
  op.iov_count = 1;
  op.offset = 8189;
  const auto run = [&] {
    const int before = op.calls;
    io.Submit(op);
    EXPECT_EQ(op.calls, before);  // Never from inside Submit.
    context().RunUntil([&] { return op.calls == before + 1; });
    EXPECT_EQ(io.outstanding(), 0u);
    return op.last;
  };
  EXPECT_EQ(run(), 7);
  op.dsync = true;
  EXPECT_EQ(run(), 7);
  op.kind = FileOpKind::kSync;
  EXPECT_EQ(run(), 0);
  op.kind = FileOpKind::kRead;
  std::string back(10, '?');
  iov = {back.data(), back.size()};
  EXPECT_EQ(run(), 7);  // Short at the end of the file.
  EXPECT_EQ(back, "platter???");
  op.kind = FileOpKind::kAllocate;
  op.mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  op.offset = 4096;
  op.bytes = 8192;
  EXPECT_EQ(run(), 0);
  op.kind = FileOpKind::kRead;
  op.offset = 8189;
  EXPECT_EQ(run(), 7);
  EXPECT_EQ(back.substr(0, 7), std::string(7, '\0'));
  op.kind = FileOpKind::kDiscardDev;  // Not a block device.
  EXPECT_EQ(run(), -ENOTTY);
  op.kind = FileOpKind::kIoctl;
  op.bytes = 0;  // No request of anything.
  EXPECT_EQ(run(), -ENOTTY);
  op.kind = FileOpKind::kRead;
  op.fd = -1;
  EXPECT_EQ(run(), -EBADF);
}

TEST_P(ContextContractTest, VectorsScatterAndGather) {
  CallingFileOp op;
  std::array<char, 6> first = {'p', 'l', 'a', 't', 't', 'e'};
  std::array<char, 1> second = {'r'};
  std::array<iovec, 2> vectors = {iovec{first.data(), first.size()},
                                  iovec{second.data(), second.size()}};
  op.fd = OpenFile(4096);
  op.iov = vectors.data();
  op.iov_count = 2;
  op.offset = 100;
  for (const bool dsync : {false, true}) {
    op.kind = FileOpKind::kWrite;
    op.dsync = dsync;
    context().file_io().Submit(op);
    context().RunUntil([&] { return op.calls % 2 == 1; });
    EXPECT_EQ(op.last, 7);
    op.kind = FileOpKind::kRead;
    op.dsync = false;
    std::swap(vectors[0], vectors[1]);  // One byte, then six.
    context().file_io().Submit(op);
    context().RunUntil([&] { return op.calls % 2 == 0; });
    EXPECT_EQ(op.last, 7);
    EXPECT_EQ(second[0], 'p');
    EXPECT_EQ(std::string(first.data(), first.size()), "latter");
    std::swap(vectors[0], vectors[1]);
    first = {'p', 'l', 'a', 't', 't', 'e'};
    second = {'r'};
  }
}

TEST_P(ContextContractTest, AnOffsetOfMinusOneIsNotTheFilesPosition) {
  CallingFileOp op;
  std::array<char, 16> buffer{};
  iovec iov{buffer.data(), buffer.size()};
  op.fd = OpenFile(4096);
  op.iov = &iov;
  op.iov_count = 1;
  op.offset = UINT64_MAX;
  op.kind = FileOpKind::kWrite;
  context().file_io().Submit(op);
  context().RunUntil([&] { return op.calls == 1; });
  EXPECT_LT(op.last, 0);
}

TEST_P(ContextContractTest, OpenOfAMissingFileNamesTheError) {
  EXPECT_EQ(context().file_io().Open("/no/such/file", O_RDONLY, 0), -ENOENT);
}

TEST_P(ContextContractTest, ManyOperationsOverflowNoQueue) {
  constexpr size_t kOps = 3'000;  // More than the ring and the queue of the pool hold.
  FileIo& io = context().file_io();
  const int fd = OpenFile(1 << 20);
  std::vector<std::unique_ptr<CallingFileOp>> ops;
  std::vector<std::array<char, 16>> buffers(kOps);
  std::vector<iovec> iovs(kOps);
  size_t done = 0;
  context().Post([&] {
    for (size_t i = 0; i < kOps; ++i) {
      auto& op = *ops.emplace_back(std::make_unique<CallingFileOp>());
      iovs[i] = {buffers[i].data(), buffers[i].size()};
      op.fd = fd;
      op.iov = &iovs[i];
      op.iov_count = 1;
      op.offset = i * 16;
      op.then = [&] { ++done; };
      io.Submit(op);
      if (i == kOps / 2) io.Flush();
    }
    EXPECT_EQ(io.outstanding(), kOps);
  });
  context().RunUntil([&] { return done == kOps; });
  for (const auto& op : ops) {
    EXPECT_EQ(op->calls, 1);
    EXPECT_EQ(op->last, 16);
  }
  EXPECT_EQ(io.outstanding(), 0u);
}

TEST_P(ContextContractTest, ACompletionMaySubmitAgain) {
  CallingFileOp op;
  std::array<char, 64> buffer{};
  iovec iov{buffer.data(), buffer.size()};
  op.fd = OpenFile(4096);
  op.iov = &iov;
  op.iov_count = 1;
  op.then = [&] {
    if (op.calls < 50) context().file_io().Submit(op);
  };
  context().file_io().Submit(op);
  context().RunUntil([&] { return op.calls == 50; });
}

// --- Pollers. ---

class CountingPoller final : public Poller {
 public:
  bool Poll() override {
    EXPECT_TRUE(polling_);
    ++polls;
    if (work == 0) return false;
    --work;
    ++found;
    return true;
  }
  void OnPollStart() override {
    EXPECT_FALSE(polling_);
    polling_ = true;
    ++starts;
  }
  bool OnPollEnd() override {
    EXPECT_TRUE(polling_);
    polling_ = false;
    ++ends;
    return work_at_end && std::exchange(work_at_end, false);
  }

  int work = 0;
  bool work_at_end = false;
  int polls = 0;
  int found = 0;
  int starts = 0;
  int ends = 0;

 private:
  bool polling_ = false;
};

// Fires a timer `times` times, each `interval` after the last.
void RunTimerRounds(AioContext& context, int times, Duration interval) {
  int runs = 0;
  Timer timer(context, [&] { ++runs; });
  for (int i = 0; i < times; ++i) {
    timer.ArmAfter(interval);
    context.RunUntil([&] { return runs == i + 1; });
  }
}

TEST_P(ContextContractTest, PollingIsOffByDefault) {
  CountingPoller poller;
  context().AddPoller(poller);
  RunTimerRounds(context(), 20, Duration(1'000));
  EXPECT_EQ(poller.starts, 0);
  EXPECT_EQ(poller.polls, 0);
  EXPECT_EQ(context().stats().poll_windows, 0u);
  context().RemovePoller(poller);
}

// So large that every wait of these tests makes polling pay, however slow the machine is.
constexpr Duration kLargeWindow = std::chrono::seconds(10);

// Rounds of a millisecond until `reached`; false when it is not reached in a thousand of them.
bool RunRoundsUntil(AioContext& context, const std::function<bool()>& reached) {
  for (int round = 0; round < 1'000 && !reached(); ++round) {
    RunTimerRounds(context, 1, Duration(1'000'000));
  }
  return reached();
}

TEST_P(ContextContractTest, PollStartsAndEndsArePaired) {
  CountingPoller poller;  // Checks the order of its calls.
  context().AddPoller(poller);
  context().SetPollOptions({.max = kLargeWindow});
  // The first windows are short: they end before the timer does, and the context sleeps.
  EXPECT_TRUE(RunRoundsUntil(context(), [&] { return poller.ends > 0; }));
  EXPECT_GT(context().stats().poll_windows, 0u);
  EXPECT_GT(context().stats().sleeps, 0u);
  EXPECT_GT(poller.polls, 0);
  EXPECT_LE(poller.starts - poller.ends, 1);
  const int starts = poller.starts;
  context().RemovePoller(poller);  // Ends what is open.
  EXPECT_EQ(poller.starts, starts);
  EXPECT_EQ(poller.ends, starts);
}

TEST_P(ContextContractTest, WorkThatComesAtThePollsEndIsNotSleptOver) {
  CountingPoller poller;
  poller.work_at_end = true;
  context().AddPoller(poller);
  context().SetPollOptions({.max = kLargeWindow});
  EXPECT_TRUE(RunRoundsUntil(context(), [&] { return !poller.work_at_end; }));
  // It polls again rather than sleep.
  EXPECT_TRUE(RunRoundsUntil(context(), [&] { return poller.starts > 1; }));
  context().RemovePoller(poller);
}

TEST_P(ContextContractTest, LongWaitsTurnPollingOff) {
  CountingPoller poller;
  context().AddPoller(poller);
  context().SetPollOptions({.max = Duration(100'000)});
  RunTimerRounds(context(), 10, Duration(30'000));
  RunTimerRounds(context(), 12, Duration(2'000'000));  // The window shrinks to nothing.
  const uint64_t windows = context().stats().poll_windows;
  const int polls = poller.polls;
  const uint64_t turns = context().stats().turns;
  RunTimerRounds(context(), 1, Duration(5'000'000));
  EXPECT_EQ(context().stats().poll_windows, windows);
  EXPECT_EQ(poller.polls, polls);
  EXPECT_LE(context().stats().turns, turns + 10);  // Slept, did not spin.
  context().RemovePoller(poller);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/world.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/timer.h"

namespace platter {
namespace {

class Op final : public FileOp {
 public:
  void OnFileDone(int64_t done_result) override {
    ++calls;
    last = done_result;
  }

  int calls = 0;
  int64_t last = INT64_MIN;
};

// A world with one context and one open file.
class WorldTest : public testing::Test {
 protected:
  WorldTest() {
    world_.disk().Create("/disk", 1 << 20);
    fd_ = io_.file_io().Open("/disk", O_RDWR, 0);
  }

  void Prepare(Op& op, FileOpKind kind, uint64_t offset, iovec& iov) {
    op.fd = fd_;
    op.kind = kind;
    op.offset = offset;
    op.iov = &iov;
    op.iov_count = 1;
  }
  int64_t Run(FileOpKind kind, uint64_t offset, std::string& text) {
    Op op;
    iovec iov{text.data(), text.size()};
    Prepare(op, kind, offset, iov);
    io_.file_io().Submit(op);
    io_.RunUntil([&] { return op.calls == 1; });
    return op.last;
  }

  SimulatedWorld world_{42};
  AioContext& io_ = world_.NewContext("io");
  int fd_ = -1;
};

std::string OrderOfTurns(uint64_t seed) {
  SimulatedWorld world(seed);
  std::string log;
  std::vector<AioContext*> contexts;
  for (char name = 'a'; name < 'e'; ++name) {
    contexts.push_back(&world.NewContext(std::string(1, name)));
  }
  for (int round = 0; round < 5; ++round) {
    for (AioContext* context : contexts) {
      context->Post([&log, context] { log += context->name(); });
      context->Post(
          [context, &log] { context->Post([&log, context] { log += context->name(); }); });
    }
    world.RunUntilIdle();
  }
  return log;
}

TEST(WorldSeedTest, TheSeedDecidesWhoTurnsNext) {
  std::set<std::string> orders;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const std::string order = OrderOfTurns(seed);
    EXPECT_EQ(order, OrderOfTurns(seed));
    EXPECT_EQ(order.size(), 40u);
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 15u);
}

TEST_F(WorldTest, TheClockMovesOnlyWhenNothingIsReady) {
  const Instant start = io_.Now();
  int turns = 0;
  Timer timer(io_, [&] { EXPECT_EQ(turns, 100); });
  timer.ArmAfter(std::chrono::hours(24));
  std::function<void()> step = [&] {
    EXPECT_EQ(io_.Now(), start);
    if (++turns < 100) io_.Post([&] { step(); });
  };
  io_.Post([&] { step(); });
  io_.RunUntil([&] { return !timer.armed(); });
  EXPECT_EQ(io_.Now(), start + std::chrono::hours(24));
}

TEST_F(WorldTest, DrivingOneContextLetsTheOthersProgress) {
  AioContext& other = world_.NewContext("other");
  int rallies = 0;
  std::function<void()> ping = [&] {
    if (++rallies == 50) return;
    AioContext& to = AioContext::Current() == &io_ ? other : io_;
    to.Post([&] { ping(); });
  };
  io_.Post([&] { ping(); });
  io_.RunUntil([&] { return rallies == 50; });
}

TEST_F(WorldTest, InContextIsTrueOfTheTurningContextOnly) {
  AioContext& other = world_.NewContext("other");
  EXPECT_TRUE(io_.InContext());
  EXPECT_TRUE(other.InContext());
  bool ran = false;
  io_.Post([&] {
    EXPECT_TRUE(io_.InContext());
    EXPECT_FALSE(other.InContext());
    ran = true;
  });
  world_.RunUntilIdle();
  EXPECT_TRUE(ran);
}

TEST_F(WorldTest, RunUntilIdleFinishesFilesAndLeavesTimers) {
  Timer timer(io_, [] { FAIL(); });
  timer.ArmAfter(std::chrono::hours(1));
  std::string text = "abc";
  iovec iov{text.data(), text.size()};
  Op op;
  Prepare(op, FileOpKind::kWrite, 0, iov);
  io_.file_io().Submit(op);
  EXPECT_TRUE(world_.RunUntilIdle());
  EXPECT_EQ(op.calls, 1);
  EXPECT_FALSE(world_.RunUntilIdle());
  timer.Cancel();
}

TEST_F(WorldTest, OperationsTakeTimeBetweenTheLimits) {
  world_.disk().options().min_latency = Duration(1'000);
  world_.disk().options().max_latency = Duration(2'000);
  std::string text = "abc";
  std::set<int64_t> times;
  for (int i = 0; i < 20; ++i) {
    const Instant start = io_.Now();
    EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), 3);
    const Duration took = io_.Now() - start;
    EXPECT_GE(took, Duration(1'000));
    EXPECT_LE(took, Duration(2'000));
    times.insert(took.count());
  }
  EXPECT_GT(times.size(), 5u);
}

TEST_F(WorldTest, TheKthOperationFailsOnce) {
  std::string text = "abc";
  const uint64_t before = world_.disk().operations();
  world_.disk().FailOperation(2, EIO);
  EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), 3);
  EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), -EIO);
  EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), 3);
  EXPECT_EQ(world_.disk().operations(), before + 3);
}

TEST_F(WorldTest, ShortTransfersAndInterruptions) {
  world_.disk().options().short_percent = 50;
  world_.disk().options().interrupted_percent = 20;
  int whole = 0;
  int shorter = 0;
  int interrupted = 0;
  for (int i = 0; i < 200; ++i) {
    std::string text(100, 'x');
    const int64_t result = Run(FileOpKind::kWrite, 0, text);
    if (result == 100) {
      ++whole;
    } else if (result == -EINTR) {
      ++interrupted;
    } else {
      EXPECT_GT(result, 0);
      EXPECT_LT(result, 100);
      ++shorter;
    }
  }
  EXPECT_GT(whole, 20);
  EXPECT_GT(shorter, 20);
  EXPECT_GT(interrupted, 5);
}

TEST_F(WorldTest, CapacityGivesNoSpaceAndMayBeRaised) {
  std::string text(4096, 'x');
  world_.disk().SetCapacity(4096);
  EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), 4096);
  EXPECT_EQ(Run(FileOpKind::kWrite, 4096, text), -ENOSPC);
  world_.disk().SetCapacity(8192);
  EXPECT_EQ(Run(FileOpKind::kWrite, 4096, text), 4096);
}

TEST_F(WorldTest, ACrashFailsWhatIsInFlightAndForgetsWhatIsNotSynced) {
  std::string text = "durable";
  Run(FileOpKind::kWrite, 0, text);
  Run(FileOpKind::kSync, 0, text);
  text = "changed";
  Run(FileOpKind::kWrite, 0, text);
  Op op;
  iovec iov{text.data(), text.size()};
  Prepare(op, FileOpKind::kWrite, 512, iov);
  io_.file_io().Submit(op);
  io_.RunReady();  // On its way.
  world_.disk().Crash(CrashMode::kForget);
  EXPECT_EQ(op.calls, 0);
  io_.RunUntil([&] { return op.calls == 1; });
  EXPECT_EQ(op.last, -EIO);
  std::string back(7, '?');
  EXPECT_EQ(Run(FileOpKind::kRead, 0, back), 7);
  EXPECT_EQ(back, "durable");
  EXPECT_EQ(Run(FileOpKind::kRead, 512, back), 7);
  EXPECT_EQ(back, std::string(7, '\0'));
}

TEST_F(WorldTest, InlineTransfersAreRefusedUnlessAllowed) {
  std::string text = "abc";
  iovec iov{text.data(), text.size()};
  EXPECT_EQ(io_.file_io().InlineWrite(fd_, &iov, 1, 0, 0), -EOPNOTSUPP);
  world_.disk().options().inline_transfers = SimulatedInline::kAllowed;
  EXPECT_EQ(io_.file_io().InlineWrite(fd_, &iov, 1, 0, 0), 3);
  text = "???";
  EXPECT_EQ(io_.file_io().InlineRead(fd_, &iov, 1, 0, 0), 3);
  EXPECT_EQ(text, "abc");
}

TEST_F(WorldTest, OpenChecksLikeTheSystemCall) {
  FileIo& io = io_.file_io();
  EXPECT_EQ(io.Open("/missing", O_RDWR, 0), -ENOENT);
  EXPECT_EQ(io.Open("/disk", O_RDWR | O_CREAT | O_EXCL, 0), -EEXIST);
  const int read_only = io.Open("/disk", O_RDONLY, 0);
  EXPECT_GE(read_only, SimulatedDisk::kFirstFd);
  fd_ = read_only;
  std::string text = "abc";
  EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), -EBADF);
  EXPECT_EQ(io.Close(read_only), 0);
  EXPECT_EQ(io.Close(read_only), -EBADF);
  EXPECT_EQ(Run(FileOpKind::kRead, 0, text), -EBADF);
}

TEST_F(WorldTest, AHeldClockWaitsForRealDescriptors) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  struct PipeWatch final : FdWatch {
    void OnFdReady(uint32_t) override {
      char byte = 0;
      EXPECT_EQ(read(fd, &byte, 1), 1);
      ++bytes;
    }
    int bytes = 0;
  } watch;
  io_.Watch(watch, ends[0], EPOLLIN);
  int fired = 0;
  Timer timer(io_, [&] { ++fired; });
  timer.ArmAfter(Duration(1));
  {
    const SimulatedWorld::RealIoHold hold(world_);
    std::thread writer([&] { EXPECT_EQ(write(ends[1], "x", 1), 1); });
    io_.RunUntil([&] { return watch.bytes == 1; });
    writer.join();
    EXPECT_EQ(fired, 0);  // The answer came before any virtual time had passed.
  }
  io_.RunUntil([&] { return fired == 1; });
  io_.Unwatch(watch);
  close(ends[0]);
  close(ends[1]);
}

TEST(WorldDeathTest, AWaitThatCannotEndPrintsTheSeed) {
  EXPECT_DEATH(
      {
        SimulatedWorld world(4711);
        world.NewContext("stuck").RunUntil([] { return false; });
      },
      "seed 4711");
}

// A queue in memory with a notification, as a virtqueue has.
class QueuePoller final : public Poller {
 public:
  bool Poll() override {
    const bool any = items > 0;
    taken += items;
    items = 0;
    return any;
  }
  void OnPollStart() override { armed = false; }
  bool OnPollEnd() override {
    armed = true;
    return Poll();
  }

  int items = 0;
  int taken = 0;
  bool armed = true;
};

TEST(WorldPollingTest, WorkFoundWhilePollingNeedsNoNotification) {
  SimulatedWorld world(3);
  AioContext& producer = world.NewContext("producer");
  AioContext& consumer = world.NewContext("consumer");
  QueuePoller queue;
  consumer.AddPoller(queue);
  consumer.SetPollOptions({.max = Duration(100'000)});
  int notifications = 0;
  BottomHalf kick(consumer, [&] { queue.Poll(); });
  Timer produce(producer, [&] {
    ++queue.items;
    if (queue.armed) {
      ++notifications;
      kick.Schedule();
    }
  });
  constexpr int kItems = 100;
  for (int i = 1; i <= kItems; ++i) {
    produce.ArmAfter(Duration(20'000));
    world.RunUntil([&] { return queue.taken == i; });
  }
  EXPECT_LT(notifications, 10);  // Only until polling had begun to pay.
  EXPECT_GT(consumer.stats().poll_hits, 80u);
  // Idle: the notification is armed and nothing turns, however much time passes.
  world.RunFor(std::chrono::seconds(1));
  EXPECT_TRUE(queue.armed);
  const uint64_t turns = consumer.stats().turns;
  world.RunFor(std::chrono::hours(1));
  EXPECT_EQ(consumer.stats().turns, turns);
  consumer.RemovePoller(queue);
}

}  // namespace
}  // namespace platter

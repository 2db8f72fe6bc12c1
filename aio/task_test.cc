// SPDX-License-Identifier: Apache-2.0
#include "aio/task.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/await.h"
#include "aio/await_io.h"
#include "aio/simulated/world.h"

namespace platter {
namespace {

Task<int> Give(int value) { co_return value; }

Task<uint64_t> SumOfImmediateChildren(int count) {
  uint64_t sum = 0;
  for (int i = 0; i < count; ++i) sum += static_cast<uint64_t>(co_await Give(i));
  co_return sum;
}

TEST(TaskTest, MillionSynchronousCompletionsSuspendNothing) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  EXPECT_EQ(BlockOn(context, SumOfImmediateChildren(1'000'000)), 499'999'500'000u);
  EXPECT_LE(context.stats().turns, 3u);
}

Task<int> Nested(int depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await Nested(depth - 1);
}

TEST(TaskTest, DeepNestingUsesBoundedStack) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  EXPECT_EQ(BlockOn(context, Nested(100'000)), 100'000);
  EXPECT_EQ(context.buffers().outstanding(), 0u);
}

Task<void> NestedSleep(int depth) {
  if (depth == 0) co_await SleepFor(std::chrono::hours(1));
  if (depth > 0) co_await NestedSleep(depth - 1);
}

// Sets a flag when it dies.
struct Note {
  bool& to;
  ~Note() { to = true; }
};

Task<void> NestedSleepWithNote(bool& destroyed) {
  Note note{destroyed};
  co_await NestedSleep(100'000);
}

TEST(TaskTest, DeepChainThatWaitsIsDestroyedWithoutRecursion) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  bool destroyed = false;
  Task<void> root = NestedSleepWithNote(destroyed);
  StartOwned(context, root);
  world.RunFor(Duration(1'000'000));
  EXPECT_FALSE(root.done());
  EXPECT_FALSE(destroyed);
  root.Reset();
  EXPECT_TRUE(destroyed);
  EXPECT_FALSE(world.RunUntilIdle());
}

Task<void> AppendAfterYield(std::string& to, char what) {
  co_await Yield();
  to += what;
}

TEST(TaskTest, DestroyedInTheReadyListIsTakenOut) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  std::string log;
  Task<void> first = AppendAfterYield(log, 'a');
  Task<void> second = AppendAfterYield(log, 'b');
  StartOwned(context, first);
  StartOwned(context, second);
  ASSERT_TRUE(context.RunReady());  // Both wait for their turn.
  first.Reset();
  world.RunUntilIdle();
  EXPECT_EQ(log, "b");
  EXPECT_TRUE(second.done());
}

TEST(TaskTest, NeverStartedIsDestroyed) {
  std::string log;
  Task<void> task = AppendAfterYield(log, 'a');
  task.Reset();
  EXPECT_EQ(log, "");
}

Task<std::unique_ptr<int>> GiveMoveOnly() {
  co_await Yield();
  co_return std::make_unique<int>(7);
}

TEST(TaskTest, ResultsMayBeMoveOnly) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  EXPECT_EQ(*BlockOn(context, GiveMoveOnly()), 7);
}

Task<Duration> SleepTwice(AioContext& context) {
  const Instant start = context.Now();
  co_await SleepFor(Duration(1'000));
  co_await SleepUntil(start + Duration(5'000));
  co_await SleepUntil(start);  // Past: does not wait.
  co_return context.Now() - start;
}

TEST(AwaitTest, SleepsInVirtualTime) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  EXPECT_EQ(BlockOn(context, SleepTwice(context)), Duration(5'000));
}

Task<void> WaitAndAppend(AsyncEvent& event, std::string& to, char what) {
  co_await event.Wait();
  to += what;
}

TEST(AwaitTest, EventResumesAllWaitersInOrder) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  AsyncEvent event;
  std::string log;
  Spawn(context, WaitAndAppend(event, log, 'a'));
  Spawn(context, WaitAndAppend(event, log, 'b'));
  Task<void> destroyed = WaitAndAppend(event, log, 'x');
  StartOwned(context, destroyed);
  Spawn(context, WaitAndAppend(event, log, 'c'));
  world.RunUntilIdle();
  EXPECT_EQ(log, "");
  destroyed.Reset();
  event.Set();
  EXPECT_EQ(log, "");  // By the ready list, not from inside Set.
  world.RunUntilIdle();
  EXPECT_EQ(log, "abc");
  BlockOn(context, WaitAndAppend(event, log, 'd'));  // Set already.
  EXPECT_EQ(log, "abcd");
}

Task<int> AwaitCompletion(Completion<int>& completion) { co_return co_await completion; }

TEST(AwaitTest, CompletionGivesItsValueEarlyOrLate) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  Completion<int> early;
  early.Complete(3);
  EXPECT_EQ(BlockOn(context, AwaitCompletion(early)), 3);
  Completion<int> late;
  context.Post([&] { late.Complete(4); });
  EXPECT_EQ(BlockOn(context, AwaitCompletion(late)), 4);
}

Task<std::string> NameAfterMove(AioContext& there) {
  co_await MoveTo(there);
  const std::string name = AioContext::Current()->name();
  co_await MoveTo(there);  // Already there.
  co_return name;
}

Task<std::string> NamesOfChildAndParent(AioContext& there) {
  const std::string child = co_await NameAfterMove(there);
  co_return child + "," + AioContext::Current()->name();
}

TEST(AwaitTest, ChildMovesAndParentStays) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    SimulatedWorld world(seed);
    AioContext& here = world.NewContext("here");
    AioContext& there = world.NewContext("there");
    EXPECT_EQ(BlockOn(here, NamesOfChildAndParent(there)), "there,here");
    world.RunUntilIdle();
    EXPECT_EQ(here.buffers().outstanding(), 0u);
    EXPECT_EQ(there.buffers().outstanding(), 0u);
  }
}

// Answers at once, or keeps the request.
class FakeNode {
 public:
  IoResult Start(IoRequest& request) {
    last_bytes = request.bytes;
    if (keep) {
      kept = &request;
      return kIoPending;
    }
    return -ENOSPC;
  }

  bool keep = false;
  uint64_t last_bytes = 0;
  IoRequest* kept = nullptr;
};

Task<IoResult> ReadFrom(FakeNode& node) {
  char buffer[512];
  iovec iov{buffer, sizeof(buffer)};
  co_return co_await AwaitIo(node, {.op = IoOp::kRead, .offset = 0, .iov = {&iov, 1}});
}

Task<void> ReadAndIgnore(FakeNode& node) { co_await ReadFrom(node); }

TEST(AwaitIoTest, ResultAtOnceAndLater) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  FakeNode node;
  EXPECT_EQ(BlockOn(context, ReadFrom(node)), -ENOSPC);
  EXPECT_EQ(node.last_bytes, 512u);
  node.keep = true;
  context.Post([&] { context.Post([&] { node.kept->OnIoDone(-EIO); }); });
  EXPECT_EQ(BlockOn(context, ReadFrom(node)), -EIO);
  EXPECT_EQ(context.buffers().outstanding(), 0u);
}

TEST(AwaitIoTest, RequestOutlivesADestroyedTask) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  FakeNode node;
  node.keep = true;
  Task<void> task = ReadAndIgnore(node);
  StartOwned(context, task);
  world.RunUntilIdle();
  ASSERT_NE(node.kept, nullptr);
  task.Reset();
  EXPECT_EQ(context.buffers().outstanding(), 1u);  // The request.
  node.kept->OnIoDone(0);
  EXPECT_EQ(context.buffers().outstanding(), 0u);
}

Task<int64_t> WriteThenRead(int fd, std::string& text) {
  iovec iov{text.data(), text.size()};
  int64_t result =
      co_await AwaitFile({.fd = fd, .kind = FileOpKind::kWrite, .offset = 100, .iov = {&iov, 1}});
  if (result < 0) co_return result;
  std::memset(text.data(), 0, text.size());
  co_return co_await AwaitFile({.fd = fd, .offset = 100, .iov = {&iov, 1}});
}

TEST(AwaitIoTest, FileOperations) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("main");
  world.disk().Create("/f", 4096);
  const int fd = context.file_io().Open("/f", O_RDWR, 0);
  std::string text = "hello";
  EXPECT_EQ(BlockOn(context, WriteThenRead(fd, text)), 5);
  EXPECT_EQ(text, "hello");
}

}  // namespace
}  // namespace platter

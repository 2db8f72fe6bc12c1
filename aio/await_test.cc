// SPDX-License-Identifier: Apache-2.0
#include "aio/await.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/await_io.h"
#include "aio/create.h"
#include "aio/simulated/world.h"
#include "aio/task.h"

namespace platter {
namespace {

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

// --- Threads of the kernel's kinds. ---

// A context on a thread of its own.
class ThreadedContext {
 public:
  explicit ThreadedContext(AioKind kind) {
    auto made = CreateAioContext({.kind = kind, .name = "threaded"});
    EXPECT_TRUE(made.ok()) << made.status();
    context_ = *std::move(made);
    thread_ = std::thread([this] {
      context_->BindToThisThread();
      context_->RunUntil([this] { return stop_; });
    });
  }
  ~ThreadedContext() {
    context_->Post([this] { stop_ = true; });
    thread_.join();
  }

  AioContext& context() { return *context_; }

 private:
  std::unique_ptr<AioContext> context_;
  bool stop_ = false;
  std::thread thread_;
};

class AwaitThreadsTest : public testing::TestWithParam<AioKind> {};

INSTANTIATE_TEST_SUITE_P(Kinds, AwaitThreadsTest,
                         testing::Values(AioKind::kUring, AioKind::kThreads),
                         [](const testing::TestParamInfo<AioKind>& kind) {
                           return kind.param == AioKind::kUring ? "Uring" : "Threads";
                         });

// Ends in `there`, or here again when `back`.
Task<int> Visit(AioContext& here, AioContext& there, int back) {
  co_await MoveTo(there);
  EXPECT_TRUE(there.InContext());
  if (back != 0) co_await MoveTo(here);
  co_return 1;
}

Task<int> VisitOften(AioContext& here, AioContext& there, int times) {
  int visits = 0;
  for (int i = 0; i < times; ++i) {
    visits += co_await Visit(here, there, i % 2);
    EXPECT_TRUE(here.InContext());
  }
  co_return visits;
}

TEST_P(AwaitThreadsTest, CoroutinesMoveBetweenThreads) {
  auto here = CreateAioContext({.kind = GetParam(), .name = "here"});
  ASSERT_TRUE(here.ok());
  ThreadedContext there(GetParam());  // Ends before `here`, to which it posts.
  EXPECT_EQ(BlockOn(**here, VisitOften(**here, there.context(), 2'000)), 2'000);
  // Frames that died in the other context come back by a post.
  while ((*here)->buffers().outstanding() > 0) (*here)->RunOnce();
}

Task<int> SumOf(std::vector<std::unique_ptr<Completion<int>>>& completions) {
  int sum = 0;
  for (auto& completion : completions) sum += co_await *completion;
  co_return sum;
}

TEST_P(AwaitThreadsTest, AnotherThreadCompletes) {
  constexpr int kCompletions = 2'000;
  auto context = CreateAioContext({.kind = GetParam(), .name = "here"});
  ASSERT_TRUE(context.ok());
  std::vector<std::unique_ptr<Completion<int>>> completions;
  for (int i = 0; i < kCompletions; ++i) completions.push_back(std::make_unique<Completion<int>>());
  std::thread other([&] {
    for (auto& completion : completions) completion->Complete(2);
  });
  EXPECT_EQ(BlockOn(**context, SumOf(completions)), 2 * kCompletions);
  other.join();
}

}  // namespace
}  // namespace platter

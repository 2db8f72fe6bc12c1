// SPDX-License-Identifier: Apache-2.0
//
// Once warm, the data plane of the contexts allocates nothing and takes no lock, on any thread.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/aio_context.h"
#include "aio/await.h"
#include "aio/create.h"
#include "aio/task.h"
#include "aio/timer.h"
#include "base/mutex.h"
#include "testing/alloc_counter/alloc_counter.h"

namespace platter {
namespace {

constexpr int kDepth = 32;

uint64_t Rounds() { return AllocationsAreCounted() ? 100'000 : 2'000; }

class AllocationTest : public testing::TestWithParam<AioKind> {
 protected:
  void SetUp() override {
    ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
    auto made = CreateAioContext({.kind = GetParam(), .name = "test"});
    ASSERT_TRUE(made.ok()) << made.status();
    context_ = *std::move(made);
  }

  AioContext& context() { return *context_; }

  // Runs `work(rounds)` for warming up, then counted.
  template <typename Work>
  void ExpectNoAllocation(Work work) {
    const uint64_t rounds = Rounds();  // Allocates to find out.
    work(rounds / 10);
    const uint64_t locks = Mutex::TotalAcquisitions();
    const AllocationWindow window;
    work(rounds);
    EXPECT_EQ(window.count(), 0u);
    EXPECT_EQ(Mutex::TotalAcquisitions(), locks);
  }

 private:
  std::unique_ptr<AioContext> context_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, AllocationTest, testing::Values(AioKind::kUring, AioKind::kThreads),
                         [](const testing::TestParamInfo<AioKind>& kind) {
                           return kind.param == AioKind::kUring ? "Uring" : "Threads";
                         });

struct CountingItem final : WorkItem {
  void Run() override {
    ++*runs;
    pending.store(false, std::memory_order_release);
  }
  uint64_t* runs = nullptr;
  std::atomic<bool> pending{false};
};

TEST_P(AllocationTest, PostsFromAnotherThread) {
  uint64_t runs = 0;
  std::vector<CountingItem> items(kDepth);
  for (CountingItem& item : items) item.runs = &runs;
  std::atomic<uint64_t> wanted{0};
  std::atomic<bool> stop{false};
  std::thread poster([&] {
    uint64_t posted = 0;
    while (!stop.load()) {
      wanted.wait(posted);
      for (; posted < wanted.load(); ++posted) {
        CountingItem& item = items[posted % kDepth];
        while (item.pending.load(std::memory_order_acquire)) std::this_thread::yield();
        item.pending.store(true, std::memory_order_relaxed);
        context().Post(item);
      }
    }
  });
  ExpectNoAllocation([&](uint64_t rounds) {
    const uint64_t end = runs + rounds;
    wanted.store(end);
    wanted.notify_one();
    context().RunUntil([&] { return runs == end; });
  });
  stop.store(true);
  wanted.fetch_add(1);
  wanted.notify_one();
  poster.join();
  while (context().RunReady()) {
  }
}

TEST_P(AllocationTest, Timers) {
  uint64_t fired = 0;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < kDepth; ++i) {
    timers.push_back(std::make_unique<Timer>(context(), [&fired] { ++fired; }));
  }
  ExpectNoAllocation([&](uint64_t rounds) {
    for (uint64_t done = 0; done < rounds; done += kDepth) {
      const uint64_t end = fired + kDepth;
      for (auto& timer : timers) timer->ArmAt(context().turn_time());
      context().RunUntil([&] { return fired == end; });
    }
  });
}

struct ReadingOp final : FileOp {
  void OnFileDone(int64_t done_result) override {
    EXPECT_EQ(done_result, 512);
    ++*completed;
    if (*to_submit == 0) return;
    --*to_submit;
    io->Submit(*this);
  }
  FileIo* io = nullptr;
  uint64_t* completed = nullptr;
  uint64_t* to_submit = nullptr;
  std::array<char, 512> buffer{};
  iovec vector{buffer.data(), buffer.size()};
};

TEST_P(AllocationTest, FileReads) {
  std::string path = testing::TempDir() + "/reads-XXXXXX";
  const int fd = mkstemp(path.data());
  ASSERT_GE(fd, 0);
  unlink(path.c_str());
  ASSERT_EQ(ftruncate(fd, 1 << 20), 0);
  uint64_t completed = 0;
  uint64_t to_submit = 0;
  std::vector<std::unique_ptr<ReadingOp>> ops;
  for (int i = 0; i < kDepth; ++i) {
    auto op = std::make_unique<ReadingOp>();
    op->io = &context().file_io();
    op->completed = &completed;
    op->to_submit = &to_submit;
    op->fd = fd;
    op->iov = &op->vector;
    op->iov_count = 1;
    op->offset = static_cast<uint64_t>(i) * 4096;
    ops.push_back(std::move(op));
  }
  ExpectNoAllocation([&](uint64_t rounds) {
    const uint64_t end = completed + rounds;
    to_submit = rounds - kDepth;
    for (auto& op : ops) context().file_io().Submit(*op);
    context().RunUntil([&] { return completed == end; });
  });
  EXPECT_EQ(context().file_io().outstanding(), 0u);
  close(fd);
}

Task<int> GiveAfterYield(int value) {
  co_await Yield();
  co_return value;
}

Task<uint64_t> AwaitChildren(uint64_t count, uint64_t& allocations) {
  uint64_t sum = 0;
  co_await GiveAfterYield(0);  // Warm.
  const AllocationWindow window;
  for (uint64_t i = 0; i < count; ++i) sum += static_cast<uint64_t>(co_await GiveAfterYield(1));
  allocations = window.count();
  co_return sum;
}

TEST_P(AllocationTest, Coroutines) {
  uint64_t allocations = 1;
  EXPECT_EQ(BlockOn(context(), AwaitChildren(Rounds(), allocations)), Rounds());
  EXPECT_EQ(allocations, 0u);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// What the parts of aio/ cost: one iteration is one post, timer, await or file operation.

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

#include "benchmark/benchmark.h"

#include "aio/aio_context.h"
#include "aio/await.h"
#include "aio/create.h"
#include "aio/task.h"
#include "aio/timer.h"
#include "base/check.h"

namespace platter {
namespace {

constexpr int64_t kBatch = 32;

std::unique_ptr<AioContext> MakeContext(const benchmark::State& state, const char* name) {
  auto made = CreateAioContext(
      {.kind = state.range(0) == 0 ? AioKind::kUring : AioKind::kThreads, .name = name});
  PLATTER_CHECK(made.ok());
  return *std::move(made);
}

void BothKinds(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("threads")->Arg(0)->Arg(1);
}

// Posts itself until it has run often enough.
struct CountingItem final : WorkItem {
  void Run() override { ++*runs; }
  int64_t* runs = nullptr;
};

// Batches of 32 items posted and run by one thread.
void BM_PostSameThread(benchmark::State& state) {
  const auto context = MakeContext(state, "post");
  int64_t runs = 0;
  std::vector<CountingItem> items(kBatch);
  for (CountingItem& item : items) item.runs = &runs;
  for ([[maybe_unused]] auto _ : state) {
    for (CountingItem& item : items) context->Post(item);
    context->RunOnce();
  }
  PLATTER_CHECK(runs == kBatch * static_cast<int64_t>(state.iterations()));
  state.SetItemsProcessed(runs);
}
BENCHMARK(BM_PostSameThread)->Apply(BothKinds);

void BM_Defer(benchmark::State& state) {
  const auto context = MakeContext(state, "defer");
  int64_t runs = 0;
  std::vector<CountingItem> items(kBatch);
  for (CountingItem& item : items) item.runs = &runs;
  for ([[maybe_unused]] auto _ : state) {
    for (CountingItem& item : items) context->Defer(item);
    context->RunOnce();
  }
  state.SetItemsProcessed(runs);
}
BENCHMARK(BM_Defer)->Apply(BothKinds);

// An item that goes to and fro between two contexts, each on its own thread and asleep in between.
struct PingPongItem final : WorkItem {
  void Run() override {
    if (AioContext::Current() == here) ++*rounds;
    AioContext* next_context = AioContext::Current() == here ? there : here;
    if (AioContext::Current() == here && *rounds == *wanted) return;
    next_context->Post(*this);
  }
  AioContext* here = nullptr;
  AioContext* there = nullptr;
  int64_t* rounds = nullptr;
  const int64_t* wanted = nullptr;
};

void BM_PingPongAcrossThreads(benchmark::State& state) {
  const auto here = MakeContext(state, "here");
  const auto there = MakeContext(state, "there");
  std::atomic<bool> stop{false};
  std::thread thread([&] {
    there->BindToThisThread();
    there->RunUntil([&] { return stop.load(); });
  });
  int64_t rounds = 0;
  int64_t wanted = 0;
  PingPongItem item;
  item.here = here.get();
  item.there = there.get();
  item.rounds = &rounds;
  item.wanted = &wanted;
  for ([[maybe_unused]] auto _ : state) {
    ++wanted;
    there->Post(item);
    here->RunUntil([&] { return rounds == wanted; });
  }
  there->Post([&] { stop.store(true); });
  thread.join();
}
BENCHMARK(BM_PingPongAcrossThreads)->Apply(BothKinds)->UseRealTime();

// 32 timers armed among 1000 others, and fired.
void BM_TimerArmAndFire(benchmark::State& state) {
  const auto context = MakeContext(state, "timer");
  int64_t fired = 0;
  std::vector<std::unique_ptr<Timer>> others;
  for (int i = 0; i < 1'000; ++i) {
    others.push_back(std::make_unique<Timer>(*context, [&fired] { ++fired; }));
    others.back()->ArmAfter(std::chrono::hours(i + 1));
  }
  std::vector<std::unique_ptr<Timer>> timers;
  for (int64_t i = 0; i < kBatch; ++i) {
    timers.push_back(std::make_unique<Timer>(*context, [&fired] { ++fired; }));
  }
  for ([[maybe_unused]] auto _ : state) {
    for (auto& timer : timers) timer->ArmAt(context->turn_time());
    context->RunOnce();
  }
  state.SetItemsProcessed(fired);
}
BENCHMARK(BM_TimerArmAndFire)->Apply(BothKinds);

Task<int64_t> Give(int64_t value) { co_return value; }

Task<void> AwaitImmediate(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(co_await Give(1));
}

// A child that finishes at once: frame, start, result.
void BM_AwaitImmediateChild(benchmark::State& state) {
  const auto context = MakeContext(state, "task");
  BlockOn(*context, AwaitImmediate(state));
}
BENCHMARK(BM_AwaitImmediateChild)->Apply(BothKinds);

Task<void> YieldAgainAndAgain(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) co_await Yield();
}

// One coroutine through the ready list: a whole turn each.
void BM_Yield(benchmark::State& state) {
  const auto context = MakeContext(state, "task");
  BlockOn(*context, YieldAgainAndAgain(state));
}
BENCHMARK(BM_Yield)->Apply(BothKinds);

struct ReadOp final : FileOp {
  void OnFileDone(int64_t done_result) override {
    PLATTER_CHECK(done_result >= 0);
    ++*completed;
  }
  int64_t* completed = nullptr;
  std::array<char, 4096> buffer{};
  iovec vector{buffer.data(), buffer.size()};
};

// Batches of file operations in the page cache, each batch submitted at once and waited for.
void RunFileBatches(benchmark::State& state, FileOpKind kind) {
  const auto context = MakeContext(state, "file");
  std::string path = "/tmp/aio-benchmark-XXXXXX";
  const int fd = mkstemp(path.data());
  PLATTER_CHECK(fd >= 0);
  unlink(path.c_str());
  const auto depth = static_cast<size_t>(state.range(1));
  PLATTER_CHECK(ftruncate(fd, static_cast<off_t>(depth * 4096)) == 0);
  int64_t completed = 0;
  std::vector<std::unique_ptr<ReadOp>> ops;
  for (size_t i = 0; i < depth; ++i) {
    auto op = std::make_unique<ReadOp>();
    op->completed = &completed;
    op->fd = fd;
    op->kind = kind;
    op->iov = &op->vector;
    op->iov_count = kind == FileOpKind::kRead ? 1 : 0;
    op->offset = i * 4096;
    ops.push_back(std::move(op));
  }
  int64_t wanted = 0;
  for ([[maybe_unused]] auto _ : state) {
    wanted += static_cast<int64_t>(depth);
    for (auto& op : ops) context->file_io().Submit(*op);
    context->RunUntil([&] { return completed == wanted; });
  }
  state.SetItemsProcessed(completed);
  close(fd);
}

void BM_FileReadBatch(benchmark::State& state) { RunFileBatches(state, FileOpKind::kRead); }
BENCHMARK(BM_FileReadBatch)
    ->ArgNames({"threads", "depth"})
    ->ArgsProduct({{0, 1}, {1, 32}})
    ->UseRealTime();

// Hardly any work in the kernel: the cost of the way there and back.
void BM_FileSyncBatch(benchmark::State& state) { RunFileBatches(state, FileOpKind::kSync); }
BENCHMARK(BM_FileSyncBatch)
    ->ArgNames({"threads", "depth"})
    ->ArgsProduct({{0, 1}, {1, 32}})
    ->UseRealTime();

}  // namespace
}  // namespace platter

BENCHMARK_MAIN();

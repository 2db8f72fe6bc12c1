// SPDX-License-Identifier: Apache-2.0
//
// C-36 with threads: two backends of one group, each with channels on two threads, while the
// control context changes limits, drains, and lets one of them leave the group and come back. Every
// queue gets on after each change. For ThreadSanitizer.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aio/await.h"
#include "aio/create.h"
#include "aio/task.h"
#include "base/arith.h"
#include "base/log.h"
#include "blockbackend/block_backend.h"
#include "blockbackend/testing/driver_nodes.h"

namespace platter {
namespace {

constexpr uint64_t kBlock = 512;
constexpr uint64_t kSize = kMiB;
constexpr int kDepth = 4;
constexpr int kRounds = 60;

// A device's queue on a thread of its own: keeps reads or writes going.
class Queue final : public ChannelClient {
 public:
  Queue(AioKind kind, std::string name, BlockBackend& backend, IoOp op) {
    auto made = CreateAioContext({.kind = kind, .name = std::move(name)});
    EXPECT_TRUE(made.ok()) << made.status();
    context_ = *std::move(made);
    channel_ = backend.OpenChannel(*context_, *this);
    for (int i = 0; i < kDepth; ++i) requests_.push_back(std::make_unique<Request>(*this, op));
    thread_ = std::thread([this] { Run(); });
  }

  AioContext& context() { return *context_; }
  uint64_t transfers() const { return transfers_.load(std::memory_order_relaxed); }
  // Stops when what waits has been served, closes the channel in its thread.
  void Stop() {
    context_->Post([this] { stopping_ = true; });
    thread_.join();
    context_->BindToThisThread();
  }

 private:
  class Request final : public BlockRequest {
   public:
    Request(Queue& queue, IoOp operation) : queue_(queue), wanted_(operation) {}
    void Go() {
      op = wanted_;
      flags = IoFlags::kNone;
      offset = 0;
      bytes = kBlock;
      part_ = {.iov_base = data_, .iov_len = kBlock};
      iov = &part_;
      iov_count = 1;
      queue_.channel_->Submit(*this);
    }
    void OnBlockDone(IoResult result) override {
      EXPECT_EQ(result, 0);
      queue_.transfers_.fetch_add(1, std::memory_order_relaxed);
      if (!queue_.stopping_) Go();
    }

   private:
    Queue& queue_;
    const IoOp wanted_;
    iovec part_{};
    uint8_t data_[kBlock] = {};
  };

  void OnBatchDone() override {}
  void Run() {
    context_->BindToThisThread();
    for (const auto& request : requests_) request->Go();
    context_->RunUntil([this] { return stopping_ && channel_->outstanding() == 0; });
    channel_.reset();
  }

  std::unique_ptr<AioContext> context_;
  std::unique_ptr<BlockChannel> channel_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::thread thread_;
  bool stopping_ = false;  // Of the thread.
  std::atomic<uint64_t> transfers_{0};
};

using Queues = std::vector<std::unique_ptr<Queue>>;

// There and back as often as it takes, at the pace of the queues' threads.
Task<void> AwaitProgress(AioContext& control, Queues& queues) {
  std::vector<uint64_t> before;
  for (const auto& queue : queues) before.push_back(queue->transfers());
  for (size_t i = 0; i < queues.size(); ++i) {
    while (queues[i]->transfers() == before[i]) {
      co_await MoveTo(queues[i]->context());
      co_await MoveTo(control);
    }
  }
}

Task<void> ChangeOften(AioContext& control, BlockBackend& first, BlockBackend& second,
                       Queues& queues) {
  constexpr ThrottleConfig kConfigs[] = {
      {.iops_total = {.average = 20'000}},
      {.bps_total = {.average = 100 * kMiB}},
      {.iops_read = {.average = 5'000}, .iops_write = {.average = 8'000, .burst = 9'000}},
      {.bps_write = {.average = 4 * kMiB}, .iops_total = {.average = 50'000}},
  };
  for (int round = 0; round < kRounds; ++round) {
    EXPECT_TRUE((co_await first.SetIoThrottle(kConfigs[round % 4], "shared")).ok());
    EXPECT_TRUE((co_await second.SetIoThrottle(kConfigs[(round + 1) % 4], "shared")).ok());
    co_await AwaitProgress(control, queues);
    co_await first.BeginDrain();
    EXPECT_EQ(first.in_flight(), 0u);
    first.EndDrain();
    co_await AwaitProgress(control, queues);
    EXPECT_TRUE((co_await (round % 2 == 0 ? first : second).SetIoThrottle({}, "")).ok());
    co_await AwaitProgress(control, queues);
  }
}

class IoThrottleThreads : public ::testing::TestWithParam<AioKind> {};

TEST_P(IoThrottleThreads, C_36_AGroupOnFourThreadsBesideChangesAndDrains) {
  auto control = CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  ASSERT_TRUE(control.ok()) << control.status();
  const ScratchFile scratch(kSize);
  MemoryLog log;
  BackendRegistry registry({.control = control->get(), .log = &log});
  std::vector<BlockBackendRef> backends;
  Queues queues;
  for (const char* const name : {"drive0", "drive1"}) {
    backends.push_back(*registry.Create(name, {}));
    const NodeRef node = MakeDriverNode(TestDriver::kNullLater, kSize, **control, log, scratch);
    ASSERT_TRUE(BlockOn(**control, backends.back()->InsertRoot(node)).ok());
    ASSERT_TRUE(backends.back()->Attach({.device_id = name}, {}).ok());
    for (const IoOp op : {IoOp::kRead, IoOp::kWrite}) {
      queues.push_back(std::make_unique<Queue>(GetParam(), "io", *backends.back(), op));
    }
  }
  BlockOn(**control, ChangeOften(**control, *backends[0], *backends[1], queues));
  for (const auto& queue : queues) {
    queue->Stop();
    EXPECT_GE(queue->transfers(), 3u * kRounds);
  }
  while ((*control)->RunReady()) {
  }
  for (BlockBackendRef& backend : backends) {
    backend->Detach();
    backend.reset();
  }
  backends.clear();
  while ((*control)->RunReady()) {
  }
}

INSTANTIATE_TEST_SUITE_P(All, IoThrottleThreads,
                         ::testing::Values(AioKind::kUring, AioKind::kThreads),
                         [](const ::testing::TestParamInfo<AioKind>& param) {
                           return param.param == AioKind::kUring ? "Uring" : "Threads";
                         });

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// Two channels on two threads of real contexts, while the control context drains 1,000 times, with
// traffic of both all along: data verified, nothing in flight in a drained section. For
// ThreadSanitizer.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "aio/await.h"
#include "aio/create.h"
#include "aio/task.h"
#include "base/arith.h"
#include "blockbackend/block_backend.h"
#include "blockbackend/testing/driver_nodes.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kBlock = 512;
constexpr uint64_t kSize = 4 * kMiB;
constexpr int kDepth = 8;
// Each time after as many drains both queues transfer something before the next one. With traffic
// the processors are busy, and waiting for it takes some milliseconds.
constexpr int kDrainsPerTransfer = 5;

enum class Verify { kNo, kYes };

// A device's queue: writes a pattern, reads it back, compares, goes on with the next place.
class Queue final : public ChannelClient {
 public:
  Queue(AioKind kind, std::string name, uint64_t first, uint64_t bytes, Verify verify)
      : first_(first), bytes_(bytes), verify_(verify) {
    auto made = CreateAioContext({.kind = kind, .name = std::move(name)});
    EXPECT_TRUE(made.ok()) << made.status();
    context_ = *std::move(made);
    for (int i = 0; i < kDepth; ++i) requests_.push_back(std::make_unique<Request>(*this, i));
  }

  AioContext& context() { return *context_; }
  void Open(BlockBackend& backend) { channel_ = backend.OpenChannel(*context_, *this); }
  void Start() {
    thread_ = std::thread([this] { Run(); });
  }
  // Stops, closes the channel in its thread and waits for the end.
  void Stop() {
    context_->Post([this] { stopping_ = true; });
    thread_.join();
    context_->BindToThisThread();
  }
  uint64_t transfers() const { return transfers_.load(std::memory_order_relaxed); }

 private:
  class Request final : public BlockRequest {
   public:
    Request(Queue& queue, int index) : queue_(queue), index_(index) {}

    void Next() {
      if (op == IoOp::kWrite) {
        op = IoOp::kRead;
        if (queue_.verify_ == Verify::kYes) std::fill(data_, data_ + kBlock, uint8_t{0});
      } else {
        op = IoOp::kWrite;
        ++generation_;
        const uint64_t places = queue_.bytes_ / kBlock / kDepth;
        place_ = queue_.first_ + (index_ + kDepth * (generation_ % places)) * kBlock;
        if (queue_.verify_ == Verify::kYes) FillPattern(generation_, place_, data_);
      }
      offset = place_;
      bytes = kBlock;
      flags = IoFlags::kNone;
      part_ = {.iov_base = data_, .iov_len = kBlock};
      iov = &part_;
      iov_count = 1;
      queue_.channel_->Submit(*this);
    }
    void OnBlockDone(IoResult result) override {
      EXPECT_EQ(result, 0);
      if (op == IoOp::kRead && queue_.verify_ == Verify::kYes) {
        EXPECT_EQ(FindPatternMismatch(generation_, place_, data_), std::nullopt);
      }
      queue_.transfers_.fetch_add(1, std::memory_order_relaxed);
      if (!queue_.stopping_) Next();
    }

   private:
    Queue& queue_;
    const uint64_t index_;
    uint64_t generation_ = 0;
    uint64_t place_ = 0;
    iovec part_{};
    uint8_t data_[kBlock] = {};
  };

  void OnBatchDone() override {}

  void Run() {
    context_->BindToThisThread();
    channel_->Plug();
    for (const auto& request : requests_) request->Next();
    channel_->Unplug();
    context_->RunUntil([this] { return stopping_ && channel_->outstanding() == 0; });
    channel_.reset();
  }

  const uint64_t first_;
  const uint64_t bytes_;
  const Verify verify_;
  std::unique_ptr<AioContext> context_;
  std::unique_ptr<BlockChannel> channel_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::thread thread_;
  bool stopping_ = false;  // Of the thread.
  std::atomic<uint64_t> transfers_{0};
};

struct DrainCounts {
  int drains = 0;
  int broken = 0;  // Drained sections with something in flight.
};

// Goes on when the queue has got further than `before`: there and back as often as that takes, at
// the pace of its thread.
Task<void> AwaitProgress(AioContext& control, Queue& queue, uint64_t before) {
  while (queue.transfers() == before) {
    co_await MoveTo(queue.context());
    co_await MoveTo(control);
  }
}

Task<void> DrainOften(AioContext& control, BlockBackend& backend, Queue& first, Queue& second,
                      int times, DrainCounts& counts) {
  for (int i = 0; i < times; ++i) {
    co_await backend.BeginDrain();
    if (backend.in_flight() != 0) ++counts.broken;
    const uint64_t first_before = first.transfers();
    const uint64_t second_before = second.transfers();
    backend.EndDrain();
    if (i % kDrainsPerTransfer == 0) {
      co_await AwaitProgress(control, first, first_before);
      co_await AwaitProgress(control, second, second_before);
    }
    ++counts.drains;
  }
}

class ChannelThreads : public ::testing::TestWithParam<DriverCase> {};

TEST_P(ChannelThreads, C_30_TwoChannelsOnTwoThreadsBesideAThousandDrains) {
  constexpr int kDrains = 1'000;
  auto control = CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  ASSERT_TRUE(control.ok()) << control.status();
  const ScratchFile scratch(kSize);
  MemoryLog log;
  BackendRegistry registry({.control = control->get(), .log = &log});
  BlockBackendRef backend = *registry.Create("drive0", {});
  const NodeRef node = MakeDriverNode(GetParam().driver, kSize, **control, log, scratch);
  ASSERT_TRUE(BlockOn(**control, backend->InsertRoot(node)).ok());
  ASSERT_TRUE(backend->Attach({.device_id = "disk0"}, {}).ok());

  const Verify verify = KeepsData(GetParam().driver) ? Verify::kYes : Verify::kNo;
  Queue first(GetParam().kind, "io0", 0, kSize / 2, verify);
  Queue second(GetParam().kind, "io1", kSize / 2, kSize / 2, verify);
  for (Queue* const queue : {&first, &second}) {
    queue->Open(*backend);
    queue->Start();
  }
  const auto drain = [&](int times, DrainCounts& counts) {
    return DrainOften(**control, *backend, first, second, times, counts);
  };
  // Two parties, so that drains nest and meet.
  DrainCounts alone;
  DrainCounts one;
  DrainCounts other;
  BlockOn(**control, drain(kDrains / 2, alone));
  Spawn(**control, drain(kDrains / 4, one));
  BlockOn(**control, drain(kDrains / 4, other));
  (*control)->RunUntil([&one] { return one.drains == kDrains / 4; });
  for (Queue* const queue : {&first, &second}) queue->Stop();
  BlockOn(**control, backend->BeginDrain());
  EXPECT_EQ(alone.broken + one.broken + other.broken, 0);
  EXPECT_EQ(backend->in_flight(), 0u);
  backend->EndDrain();
  // One at least for each time that a party alone waited for one.
  constexpr uint64_t kLeast = kDrains / 2 / kDrainsPerTransfer;
  EXPECT_GE(first.transfers(), kLeast);
  EXPECT_GE(second.transfers(), kLeast);
  const BlockStats stats = backend->Stats();
  EXPECT_EQ(stats.read.operations + stats.write.operations, first.transfers() + second.transfers());
  while ((*control)->RunReady()) {
  }
  backend->Detach();
  backend.reset();
}

INSTANTIATE_TEST_SUITE_P(All, ChannelThreads, ::testing::ValuesIn(kDriverCases), DriverCaseName);

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// A backend that is moved between three event loops on threads of their own, over and over, while
// its device and its host write and read: nothing is lost, and what is read is what was written.
// For ThreadSanitizer.

#include <gtest/gtest.h>

#include <array>
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
constexpr uint64_t kSize = kMiB;
constexpr uint64_t kDeviceBytes = kSize / 2;
constexpr int kDepth = 8;
constexpr int kMoves = 300;
// After as many moves the device transfers something before the next one.
constexpr int kMovesPerTransfer = 4;

// A loop on a thread of its own.
class Loop {
 public:
  Loop(AioKind kind, std::string name) {
    auto made = CreateAioContext({.kind = kind, .name = std::move(name)});
    EXPECT_TRUE(made.ok()) << made.status();
    context_ = *std::move(made);
    thread_ = std::thread([this] {
      context_->BindToThisThread();
      context_->RunUntil([this] { return stopping_; });
    });
  }
  ~Loop() {
    context_->Post([this] { stopping_ = true; });
    thread_.join();
    context_->BindToThisThread();
  }
  AioContext& context() { return *context_; }

 private:
  std::unique_ptr<AioContext> context_;
  bool stopping_ = false;  // Of the thread.
  std::thread thread_;
};

// A device that goes where its backend goes: each request writes a pattern, reads it back,
// compares, and goes on with its next place.
class MovingDevice final : public ChannelClient {
 public:
  MovingDevice() {
    for (uint64_t i = 0; i < kDepth; ++i) requests_.push_back(std::make_unique<Request>(*this, i));
  }

  void Open(BlockBackend& backend, AioContext& context) {
    channel_ = backend.OpenChannel(context, *this);
    context.Post([this] {
      channel_->Plug();
      for (const auto& request : requests_) request->Next();
      channel_->Unplug();
    });
  }
  // In the channel's context.
  void Stop() { stopping_ = true; }
  bool quiet() const { return channel_->outstanding() == 0; }
  void Close() { channel_.reset(); }

  uint64_t transfers() const { return transfers_.load(std::memory_order_relaxed); }
  int moves() const { return moves_.load(std::memory_order_relaxed); }
  // What each place that was written holds now.
  std::optional<uint64_t> GenerationAt(uint64_t place) const {
    const Request& request = *requests_[place / kBlock % kDepth];
    return request.GenerationAt(place);
  }

 private:
  class Request final : public BlockRequest {
   public:
    Request(MovingDevice& device, uint64_t index) : device_(device), index_(index) {}

    void Next() {
      if (op == IoOp::kWrite) {
        op = IoOp::kRead;
        std::fill(data_.begin(), data_.end(), uint8_t{0});
      } else {
        op = IoOp::kWrite;
        ++generation_;
        place_ = PlaceOf(generation_);
        FillPattern(generation_, place_, data_);
      }
      offset = place_;
      bytes = kBlock;
      flags = IoFlags::kNone;
      part_ = {.iov_base = data_.data(), .iov_len = kBlock};
      iov = &part_;
      iov_count = 1;
      device_.channel_->Submit(*this);
    }
    void OnBlockDone(IoResult result) override {
      EXPECT_EQ(result, 0);
      EXPECT_TRUE(device_.channel_->context().InContext());
      if (op == IoOp::kRead) {
        EXPECT_EQ(FindPatternMismatch(generation_, place_, data_), std::nullopt);
      }
      device_.transfers_.fetch_add(1, std::memory_order_relaxed);
      // A round is whole: what was written last is known.
      if (!device_.stopping_ || op == IoOp::kWrite) Next();
    }
    std::optional<uint64_t> GenerationAt(uint64_t place) const {
      for (uint64_t back = 0; back < kPlaces && back < generation_; ++back) {
        if (PlaceOf(generation_ - back) == place) return generation_ - back;
      }
      return std::nullopt;
    }

   private:
    static constexpr uint64_t kPlaces = kDeviceBytes / kBlock / kDepth;
    uint64_t PlaceOf(uint64_t generation) const {
      return (index_ + kDepth * (generation % kPlaces)) * kBlock;
    }

    MovingDevice& device_;
    const uint64_t index_;
    uint64_t generation_ = 0;
    uint64_t place_ = 0;
    iovec part_{};
    alignas(512) std::array<uint8_t, kBlock> data_{};
  };

  void OnBatchDone() override {}
  bool FollowsBackend() const override { return true; }
  void OnLeaveContext() override { EXPECT_TRUE(channel_->context().InContext()); }
  void OnEnterContext() override {
    EXPECT_TRUE(channel_->context().InContext());
    moves_.fetch_add(1, std::memory_order_relaxed);
  }

  std::unique_ptr<BlockChannel> channel_;
  std::vector<std::unique_ptr<Request>> requests_;
  bool stopping_ = false;
  std::atomic<uint64_t> transfers_{0};
  std::atomic<int> moves_{0};
};

struct HostWork {
  bool stopping = false;
  bool ended = false;
  uint64_t rounds = 0;
};

// The host's own writes and reads, behind the device's part of the disk.
Task<void> WorkOfHost(BlockBackendRef backend, HostWork* work) {
  std::array<uint8_t, kBlock> data{};
  while (!work->stopping) {
    const uint64_t generation = ++work->rounds;
    const uint64_t place = kDeviceBytes + generation % (kDeviceBytes / kBlock) * kBlock;
    FillPattern(generation, place, data);
    EXPECT_EQ(co_await backend->Pwrite(place, data, IoFlags::kNone), 0);
    std::fill(data.begin(), data.end(), uint8_t{0});
    EXPECT_EQ(co_await backend->Pread(place, data), 0);
    EXPECT_EQ(FindPatternMismatch(generation, place, data), std::nullopt);
  }
  work->ended = true;
}

// Goes on when the device has got further, there and back as often as that takes.
Task<void> AwaitProgress(AioContext& control, AioContext& io, MovingDevice& device,
                         uint64_t before) {
  while (device.transfers() == before) {
    co_await MoveTo(io);
    co_await Yield();
    co_await MoveTo(control);
  }
}

enum class Home : uint8_t { kAny, kFollows };

struct MoveCase {
  const char* name;
  AioKind kind;
  TestDriver driver;
  Home home = Home::kAny;
};

class ContextsThreads : public ::testing::TestWithParam<MoveCase> {
 protected:
  NodeRef MakeNode(AioContext& control, LogSink& log, const ScratchFile& scratch) {
    if (GetParam().home == Home::kFollows) {
      return *MemoryNode::Create("node0", {.size = kSize, .home_context = &control});
    }
    return MakeDriverNode(GetParam().driver, kSize, control, log, scratch);
  }
};

// Every byte of the device's part that was written, read by the host.
Task<void> CheckDisk(BlockBackendRef backend, const MovingDevice* device) {
  std::array<uint8_t, kBlock> data{};
  for (uint64_t place = 0; place < kDeviceBytes; place += kBlock) {
    const std::optional<uint64_t> generation = device->GenerationAt(place);
    if (!generation) continue;
    EXPECT_EQ(co_await backend->Pread(place, data), 0);
    EXPECT_EQ(FindPatternMismatch(*generation, place, data), std::nullopt) << place;
  }
}

TEST_P(ContextsThreads, Row39_MovingUnderLoadLosesNothing) {
  auto control = CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  ASSERT_TRUE(control.ok()) << control.status();
  const ScratchFile scratch(kSize);
  MemoryLog log;
  {
    Loop first(GetParam().kind, "io0");
    Loop second(GetParam().kind, "io1");
    BackendRegistry registry({.control = control->get(), .log = &log});
    BlockBackendRef backend = *registry.Create("drive0", {});
    ASSERT_TRUE(BlockOn(**control, backend->InsertRoot(MakeNode(**control, log, scratch))).ok());
    ASSERT_TRUE(backend->Attach({.device_id = "disk0"}, {}).ok());
    MovingDevice device;
    device.Open(*backend, first.context());
    HostWork host;
    Spawn(**control, WorkOfHost(backend, &host));

    const std::array<AioContext*, 3> places = {&second.context(), &first.context(), control->get()};
    for (int i = 0; i < kMoves; ++i) {
      AioContext& to = *places[i % places.size()];
      const uint64_t before = device.transfers();
      const absl::Status moved = BlockOn(**control, backend->SetAioContext(to));
      ASSERT_TRUE(moved.ok()) << moved;
      if (i % kMovesPerTransfer == 0) {
        BlockOn(**control, AwaitProgress(**control, to, device, before));
      }
    }
    EXPECT_TRUE(BlockOn(**control, backend->SetAioContext(**control)).ok());
    EXPECT_EQ(device.moves(), kMoves);
    device.Stop();
    host.stopping = true;
    (*control)->RunUntil([&] { return device.quiet() && host.ended; });
    EXPECT_GE(device.transfers(), static_cast<uint64_t>(kMoves / kMovesPerTransfer));
    EXPECT_GT(host.rounds, 0u);
    const BlockStats stats = backend->Stats();
    EXPECT_EQ(stats.read.operations + stats.write.operations, device.transfers() + 2 * host.rounds);
    device.Close();
    BlockOn(**control, CheckDisk(backend, &device));
    backend->Detach();
    while ((*control)->RunReady()) {
    }
    backend.reset();
    while ((*control)->RunReady()) {
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ContextsThreads,
    ::testing::Values(MoveCase{"UringMemory", AioKind::kUring, TestDriver::kMemory},
                      MoveCase{"UringHome", AioKind::kUring, TestDriver::kMemory, Home::kFollows},
                      MoveCase{"UringFile", AioKind::kUring, TestDriver::kFile},
                      MoveCase{"ThreadsMemory", AioKind::kThreads, TestDriver::kMemory},
                      MoveCase{"ThreadsHome", AioKind::kThreads, TestDriver::kMemory,
                               Home::kFollows},
                      MoveCase{"ThreadsFile", AioKind::kThreads, TestDriver::kFile}),
    [](const ::testing::TestParamInfo<MoveCase>& param) { return param.param.name; });

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// What blockbackend/ costs: one iteration is a plugged batch of `depth` reads, from Submit to
// OnBlockDone, on null-co. The time of items_per_second is that of a request.

#include <cstdint>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"

#include "aio/create.h"
#include "base/check.h"
#include "blockbackend/block_backend.h"
#include "drivers/null/null_node.h"

namespace platter {
namespace {

constexpr uint64_t kBlock = 4096;

class Client final : public ChannelClient {
 public:
  void OnBatchDone() override { ++batches; }
  int64_t batches = 0;
};

class Request final : public BlockRequest {
 public:
  void OnBlockDone(IoResult result) override { ended += result == 0 ? 1 : 0; }
  int64_t ended = 0;
};

// A backend on a null node, with a channel in one context.
class Disk {
 public:
  explicit Disk(NullOptions::Completion completion) {
    auto made = CreateAioContext({.kind = AioKind::kThreads, .name = "bench"});
    PLATTER_CHECK(made.ok());
    context_ = *std::move(made);
    registry_ = std::make_unique<BackendRegistry>(BackendServices{.control = context_.get()});
    backend_ = *registry_->Create("drive0", {});
    const auto node = std::make_shared<NullNode>("node0", NullOptions{.completion = completion});
    PLATTER_CHECK(BlockOn(*context_, backend_->InsertRoot(node)).ok());
    PLATTER_CHECK(backend_->Attach({.device_id = "disk0"}, {}).ok());
    channel_ = backend_->OpenChannel(*context_, client_);
  }
  ~Disk() {
    channel_.reset();
    while (context_->RunReady()) {
    }
    backend_->Detach();
    backend_.reset();
  }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  AioContext& context() { return *context_; }
  BlockChannel& channel() { return *channel_; }

 private:
  std::unique_ptr<AioContext> context_;
  std::unique_ptr<BackendRegistry> registry_;
  BlockBackendRef backend_;
  Client client_;
  std::unique_ptr<BlockChannel> channel_;
};

void Batch(BlockChannel& channel, std::vector<Request>& requests, const iovec& part) {
  channel.Plug();
  uint64_t offset = 0;
  for (Request& request : requests) {
    request.op = IoOp::kRead;
    request.flags = IoFlags::kNone;
    request.offset = offset += kBlock;
    request.bytes = kBlock;
    request.iov = &part;
    request.iov_count = 1;
    channel.Submit(request);
  }
  channel.Unplug();
}

// null-co: every request ends inside Submit and is delivered by Unplug.
void BM_ChannelInline(benchmark::State& state) {
  Disk disk(NullOptions::Completion::kAtOnce);
  std::vector<Request> requests(static_cast<size_t>(state.range(0)));
  std::vector<uint8_t> data(kBlock);
  const iovec part = {.iov_base = data.data(), .iov_len = kBlock};
  for ([[maybe_unused]] auto _ : state) Batch(disk.channel(), requests, part);
  PLATTER_CHECK(requests.front().ended == static_cast<int64_t>(state.iterations()));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(BM_ChannelInline)->ArgName("depth")->Arg(1)->Arg(32);

// null-aio: the requests end in the next turn and are delivered in the one after.
void BM_ChannelLaterTurn(benchmark::State& state) {
  Disk disk(NullOptions::Completion::kLaterTurn);
  std::vector<Request> requests(static_cast<size_t>(state.range(0)));
  std::vector<uint8_t> data(kBlock);
  const iovec part = {.iov_base = data.data(), .iov_len = kBlock};
  for ([[maybe_unused]] auto _ : state) {
    Batch(disk.channel(), requests, part);
    while (disk.channel().outstanding() > 0) disk.context().RunReady();
  }
  PLATTER_CHECK(requests.front().ended == static_cast<int64_t>(state.iterations()));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(BM_ChannelLaterTurn)->ArgName("depth")->Arg(1)->Arg(32);

}  // namespace
}  // namespace platter

BENCHMARK_MAIN();

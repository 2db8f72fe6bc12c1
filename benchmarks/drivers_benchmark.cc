// SPDX-License-Identifier: Apache-2.0
//
// What a request costs below the block backend: an Edge, and drivers that do no I/O.

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "benchmark/benchmark.h"

#include "aio/simulated/world.h"
#include "base/check.h"
#include "drivers/blkdebug/blkdebug_node.h"
#include "drivers/edge.h"
#include "drivers/memory/memory_node.h"
#include "drivers/null/null_node.h"
#include "drivers/raw/raw_node.h"

namespace platter {
namespace {

class Root final : public EdgeParent {
 public:
  explicit Root(NodeRef node) {
    EdgeOptions options;
    options.permissions.used = Permission::kConsistentRead | Permission::kWrite;
    options.granularity = 512;
    PLATTER_CHECK(edge_.Attach(std::move(node), options).ok());
  }
  std::string Describe() const override { return "benchmark"; }
  Edge& edge() { return edge_; }

 private:
  Edge edge_{*this, "root"};
};

class Request final : public IoRequest {
 public:
  void OnIoDone(IoResult) override { done = true; }
  bool done = false;
};

constexpr uint64_t kBlock = 4096;
constexpr uint64_t kSize = uint64_t{1} << 26;

// Blocks in turn; each request completes before the next.
void Run(benchmark::State& state, NodeRef node, IoOp op) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  Root root(std::move(node));
  alignas(4096) static uint8_t memory[kBlock];
  const iovec piece = {memory, kBlock};
  Request request;
  request.context = &io;
  request.op = op;
  request.iov = &piece;
  request.iov_count = 1;
  request.bytes = kBlock;
  uint64_t offset = 0;
  for ([[maybe_unused]] auto _ : state) {
    request.offset = offset;
    request.flags = IoFlags::kNone;
    request.done = false;
    if (root.edge().Start(request) == kIoPending) io.RunUntil([&] { return request.done; });
    offset = (offset + kBlock) % kSize;
  }
  state.SetItemsProcessed(state.iterations());
}

NodeRef NewNull(NullOptions::Completion completion = NullOptions::Completion::kAtOnce) {
  return std::make_shared<NullNode>("null", NullOptions{.completion = completion, .size = kSize});
}

void BM_NullCo(benchmark::State& state) { Run(state, NewNull(), IoOp::kRead); }
BENCHMARK(BM_NullCo);

void BM_NullAio(benchmark::State& state) {
  Run(state, NewNull(NullOptions::Completion::kLaterTurn), IoOp::kRead);
}
BENCHMARK(BM_NullAio);

void BM_MemoryRead4K(benchmark::State& state) {
  Run(state, *MemoryNode::Create("memory", {.size = kSize}), IoOp::kRead);
}
BENCHMARK(BM_MemoryRead4K);

void BM_MemoryWrite4K(benchmark::State& state) {
  Run(state, *MemoryNode::Create("memory", {.size = kSize}), IoOp::kWrite);
}
BENCHMARK(BM_MemoryWrite4K);

void BM_RawOverNull(benchmark::State& state) {
  Run(state, *RawNode::Create("raw", NewNull(), {}), IoOp::kRead);
}
BENCHMARK(BM_RawOverNull);

void BM_BlkdebugWithoutRules(benchmark::State& state) {
  Run(state, *BlkdebugNode::Create("debug", NewNull(), {}), IoOp::kRead);
}
BENCHMARK(BM_BlkdebugWithoutRules);

// The slow way: two pieces, as the child takes no more at once.
void BM_Split4K(benchmark::State& state) {
  Run(state, *BlkdebugNode::Create("debug", NewNull(), {.max_transfer = 2048}), IoOp::kRead);
}
BENCHMARK(BM_Split4K);

}  // namespace
}  // namespace platter

BENCHMARK_MAIN();

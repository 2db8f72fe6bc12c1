// SPDX-License-Identifier: Apache-2.0
//
// What a request costs, counted: no allocation and no Mutex over 100,000 requests.

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "aio/create.h"
#include "base/arith.h"
#include "base/mutex.h"
#include "blockbackend/block_backend.h"
#include "drivers/memory/memory_node.h"
#include "drivers/null/null_node.h"
#include "testing/alloc_counter/alloc_counter.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint64_t kSize = 16 * kMiB;
constexpr uint64_t kSegment = 512;
constexpr uint32_t kMaxSegments = 32;
constexpr int kDepth = 32;

class CountingClient final : public ChannelClient {
 public:
  void OnBatchDone() override {}
};

// A read, write or flush of 1 to 32 segments.
class MixedRequest final : public BlockRequest {
 public:
  MixedRequest() {
    for (iovec& part : parts_) part = {.iov_base = data_.data(), .iov_len = kSegment};
  }

  void Go(BlockChannel& channel, Random& random) {
    static constexpr std::array<IoOp, 3> kOps = {IoOp::kRead, IoOp::kWrite, IoOp::kFlush};
    op = kOps[random.Below(kOps.size())];
    flags = IoFlags::kNone;
    const auto segments = static_cast<uint32_t>(random.Between(1, kMaxSegments));
    iov_count = op == IoOp::kFlush ? 0 : segments;
    iov = op == IoOp::kFlush ? nullptr : parts_.data();
    bytes = iov_count * kSegment;
    offset = random.Below((kSize - bytes) / kSegment) * kSegment;
    ended = false;
    channel.Submit(*this);
  }
  void OnBlockDone(IoResult result) override {
    EXPECT_EQ(result, 0);
    ended = true;
  }

  bool ended = false;

 private:
  std::array<iovec, kMaxSegments> parts_;
  std::array<uint8_t, kSegment> data_{};
};

struct Case {
  enum class Node : uint8_t { kNullAtOnce, kNullLater, kMemory };

  const char* name;
  AioKind kind;
  Node node;
};

NodeRef MakeNode(Case::Node node) {
  switch (node) {
    case Case::Node::kNullAtOnce:
      return std::make_shared<NullNode>("node0", NullOptions{.size = kSize});
    case Case::Node::kNullLater:
      return std::make_shared<NullNode>(
          "node0", NullOptions{.completion = NullOptions::Completion::kLaterTurn, .size = kSize});
    case Case::Node::kMemory:
      return *MemoryNode::Create("node0", {.size = kSize});
  }
  return nullptr;
}

class ChannelCost : public ::testing::TestWithParam<Case> {};

TEST_P(ChannelCost, ApiRow23NoAllocationAndNoLockOverManyRequests) {
  const bool counted = AllocationsAreCounted();
  ASSERT_EQ(counted, !kBuiltWithSanitizer);
  auto made = CreateAioContext({.kind = GetParam().kind, .name = "io"});
  ASSERT_TRUE(made.ok()) << made.status();
  AioContext& context = **made;
  BackendRegistry registry({.control = &context});
  BlockBackendRef backend = *registry.Create("drive0", {});
  ASSERT_TRUE(BlockOn(context, backend->InsertRoot(MakeNode(GetParam().node))).ok());
  ASSERT_TRUE(backend->Attach({.device_id = "disk0"}, {}).ok());
  CountingClient client;
  auto channel = backend->OpenChannel(context, client);
  std::vector<MixedRequest> requests(kDepth);
  Random random(1);
  const auto run = [&](int count) {
    for (int done = 0; done < count; done += kDepth) {
      channel->Plug();
      for (MixedRequest& request : requests) request.Go(*channel, random);
      channel->Unplug();
      while (channel->outstanding() > 0) context.RunOnce();
    }
  };
  run(1'000);
  const uint64_t locks = Mutex::TotalAcquisitions();
  const AllocationWindow window;
  run(counted ? 100'000 : 1'000);
  EXPECT_EQ(window.count(), 0u);
  EXPECT_EQ(Mutex::TotalAcquisitions() - locks, 0u);
  for (const MixedRequest& request : requests) EXPECT_TRUE(request.ended);

  channel.reset();
  while (context.RunReady()) {
  }
  backend->Detach();
  backend.reset();
}

INSTANTIATE_TEST_SUITE_P(
    All, ChannelCost,
    ::testing::Values(Case{"UringNull", AioKind::kUring, Case::Node::kNullAtOnce},
                      Case{"UringNullLater", AioKind::kUring, Case::Node::kNullLater},
                      Case{"UringMemory", AioKind::kUring, Case::Node::kMemory},
                      Case{"ThreadsNull", AioKind::kThreads, Case::Node::kNullAtOnce},
                      Case{"ThreadsNullLater", AioKind::kThreads, Case::Node::kNullLater},
                      Case{"ThreadsMemory", AioKind::kThreads, Case::Node::kMemory}),
    [](const ::testing::TestParamInfo<Case>& param) { return param.param.name; });

}  // namespace
}  // namespace platter

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
#include "blockbackend/testing/driver_nodes.h"
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

  static constexpr std::array<IoOp, 3> kOps = {IoOp::kRead, IoOp::kWrite, IoOp::kFlush};

  void Go(BlockChannel& channel, Random& random, IoOp wanted) {
    op = wanted;
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

// blkdebug with rules locks and allocates: it is for tests.
std::vector<DriverCase> CountedCases() {
  std::vector<DriverCase> cases(std::begin(kDriverCases), std::end(kDriverCases));
  std::erase_if(cases, [](const DriverCase& one) { return one.driver == TestDriver::kBlkdebug; });
  return cases;
}

class ChannelCost : public ::testing::TestWithParam<DriverCase> {};

TEST_P(ChannelCost, Row23_NoAllocationAndNoLockOverManyRequests) {
  const bool counted = AllocationsAreCounted();
  ASSERT_EQ(counted, !kBuiltWithSanitizer);
  auto made = CreateAioContext({.kind = GetParam().kind, .name = "io"});
  ASSERT_TRUE(made.ok()) << made.status();
  AioContext& context = **made;
  const ScratchFile scratch(kSize);
  MemoryLog log;
  BackendRegistry registry({.control = &context, .log = &log});
  BlockBackendRef backend = *registry.Create("drive0", {});
  const NodeRef node = MakeDriverNode(GetParam().driver, kSize, context, log, scratch);
  ASSERT_TRUE(BlockOn(context, backend->InsertRoot(node)).ok());
  ASSERT_TRUE(backend->Attach({.device_id = "disk0"}, {}).ok());
  CountingClient client;
  auto channel = backend->OpenChannel(context, client);
  std::vector<MixedRequest> requests(kDepth);
  Random random(1);
  const auto run = [&](int count) {
    for (int done = 0; done < count; done += kDepth) {
      channel->Plug();
      for (MixedRequest& request : requests) {
        request.Go(*channel, random, MixedRequest::kOps[random.Below(MixedRequest::kOps.size())]);
      }
      channel->Unplug();
      while (channel->outstanding() > 0) context.RunOnce();
    }
  };
  // The most of each operation that can be in flight at once, and then the mix.
  for (const IoOp op : MixedRequest::kOps) {
    for (int round = 0; round < 20; ++round) {
      channel->Plug();
      for (MixedRequest& request : requests) request.Go(*channel, random, op);
      channel->Unplug();
      while (channel->outstanding() > 0) context.RunOnce();
    }
  }
  run(5'000);
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

TEST(ChannelCostTest, Row45_NoAllocationForWhatTheLimitsHoldUp) {
  const bool counted = AllocationsAreCounted();
  auto made = CreateAioContext({.name = "io"});
  ASSERT_TRUE(made.ok()) << made.status();
  AioContext& context = **made;
  const ScratchFile scratch(kSize);
  MemoryLog log;
  BackendRegistry registry({.control = &context, .log = &log});
  BlockBackendRef backend = *registry.Create("drive0", {});
  const NodeRef node = MakeDriverNode(TestDriver::kNullAtOnce, kSize, context, log, scratch);
  ASSERT_TRUE(BlockOn(context, backend->InsertRoot(node)).ok());
  ASSERT_TRUE(backend->Attach({.device_id = "disk0"}, {}).ok());
  const ThrottleConfig limits = {.iops_total = {.average = 20'000}, .iops_size = 4096};
  ASSERT_TRUE(BlockOn(context, backend->SetIoThrottle(limits, "")).ok());
  CountingClient client;
  auto channel = backend->OpenChannel(context, client);
  std::vector<MixedRequest> requests(kDepth);
  Random random(1);
  int held_up = 0;
  const auto run = [&](int count) {
    for (int done = 0; done < count; done += kDepth) {
      channel->Plug();
      for (MixedRequest& request : requests) {
        request.Go(*channel, random, random.OneIn(2) ? IoOp::kRead : IoOp::kWrite);
      }
      channel->Unplug();
      // The node answers at once.
      held_up += static_cast<int>(channel->outstanding());
      while (channel->outstanding() > 0) context.RunOnce();
    }
  };
  run(4'000);
  held_up = 0;
  const AllocationWindow window;
  run(counted ? 4'000 : 500);
  EXPECT_EQ(window.count(), 0u);
  EXPECT_GT(held_up, 0);

  channel.reset();
  while (context.RunReady()) {
  }
  backend->Detach();
  backend.reset();
}

INSTANTIATE_TEST_SUITE_P(All, ChannelCost, ::testing::ValuesIn(CountedCases()), DriverCaseName);

}  // namespace
}  // namespace platter

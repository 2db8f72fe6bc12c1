// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/load_queue.h"

#include <chrono>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "testing/guest/in_process_bus.h"

namespace platter {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using std::chrono_literals::operator""us;

Workload Of(LoadOp op, uint32_t block, uint32_t depth, uint32_t queues) {
  Workload workload;
  workload.op = op;
  workload.block_size = block;
  workload.queue_depth = depth;
  workload.queues = queues;
  return workload;
}

TEST(LoadOffsetsTest, OneAfterAnotherAndRoundAgain) {
  LoadOffsets offsets(Of(LoadOp::kSeqRead, 4096, 1, 1), 0, 3 * 4096 + 511);
  std::vector<uint64_t> seen;
  for (int i = 0; i < 5; ++i) seen.push_back(offsets.Next());
  EXPECT_THAT(seen, ElementsAre(0, 4096, 8192, 0, 4096));
}

TEST(LoadOffsetsTest, QueuesBeginApart) {
  const Workload workload = Of(LoadOp::kSeqWrite, 512, 1, 2);
  EXPECT_EQ(LoadOffsets(workload, 0, 8 * 512).Next(), 0u);
  EXPECT_EQ(LoadOffsets(workload, 1, 8 * 512).Next(), 4u * 512);
}

TEST(LoadOffsetsTest, RandomOnesAreBlocksOfTheMediumAndAllOfThem) {
  LoadOffsets offsets(Of(LoadOp::kRandRead, 4096, 1, 1), 0, 8 * 4096 + 4095);
  std::vector<int> counts(8);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t offset = offsets.Next();
    ASSERT_EQ(offset % 4096, 0u);
    ASSERT_LT(offset, 8u * 4096);
    ++counts[offset / 4096];
  }
  EXPECT_THAT(counts, Each(testing::Gt(60)));
}

// What a port was asked, and what it will say is done.
struct FakeDevice {
  std::vector<uint64_t> submitted;
  std::vector<uint64_t> done;
  uint32_t room = 4;
  uint32_t in_flight = 0;
  int published = 0;
  bool ok = true;
};

class FakePort {
 public:
  explicit FakePort(FakeDevice& device) : device_(&device) {}
  bool Submit(LoadOp, uint64_t, const GuestSegment& data, uint64_t token) {
    if (device_->in_flight == device_->room || data.address == 0) return false;
    ++device_->in_flight;
    device_->submitted.push_back(token);
    return true;
  }
  void Publish() { ++device_->published; }
  template <typename Done>
  uint32_t Reap(Done done) {
    const std::vector<uint64_t> tokens = std::exchange(device_->done, {});
    for (const uint64_t token : tokens) {
      --device_->in_flight;
      done(token, device_->ok);
    }
    return static_cast<uint32_t>(tokens.size());
  }
  uint32_t in_flight() const { return device_->in_flight; }

 private:
  FakeDevice* device_;
};

class SlotQueueTest : public testing::Test {
 protected:
  SlotQueueTest() { EXPECT_TRUE(queue_.Allocate(bus_).ok()); }

  const Workload workload_ = Of(LoadOp::kSeqRead, 4096, 3, 1);
  SimulatedWorld world_{1};
  InProcessBus bus_{world_.NewContext("guest"), InProcessBus::Options{}};
  FakeDevice device_;
  SlotQueue<FakePort> queue_{FakePort(device_), workload_, LoadOffsets(workload_, 0, 1 << 20)};
};

TEST_F(SlotQueueTest, WhatIsDoneIsSubmittedAgain) {
  ASSERT_TRUE(queue_.Start(Instant()));
  EXPECT_THAT(device_.submitted, ElementsAre(0, 1, 2));
  EXPECT_EQ(device_.published, 1);
  EXPECT_EQ(queue_.Turn(Instant() + 5us, /*stopping=*/false), 0u);
  EXPECT_EQ(device_.published, 1);
  device_.done = {2, 0};
  EXPECT_EQ(queue_.Turn(Instant() + 10us, /*stopping=*/false), 2u);
  EXPECT_THAT(device_.submitted, ElementsAre(0, 1, 2, 2, 0));
  EXPECT_EQ(device_.published, 2);
  EXPECT_EQ(queue_.requests(), 2u);
  EXPECT_EQ(queue_.errors(), 0u);
  EXPECT_EQ(queue_.latency().total(), 2u);
  EXPECT_NEAR(static_cast<double>(queue_.latency().Percentile(0.5)), 10'000, 700);
}

TEST_F(SlotQueueTest, StoppingSubmitsNothingAndErrorsCount) {
  ASSERT_TRUE(queue_.Start(Instant()));
  device_.done = {0, 1, 2};
  device_.ok = false;
  EXPECT_EQ(queue_.Turn(Instant(), /*stopping=*/true), 3u);
  EXPECT_EQ(queue_.in_flight(), 0u);
  EXPECT_EQ(device_.published, 1);
  EXPECT_EQ(queue_.requests(), 3u);
  EXPECT_EQ(queue_.errors(), 3u);
}

TEST_F(SlotQueueTest, TooLittleRoomIsSaid) {
  device_.room = 2;
  EXPECT_FALSE(queue_.Start(Instant()));
}

}  // namespace
}  // namespace platter

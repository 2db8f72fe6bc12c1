// SPDX-License-Identifier: Apache-2.0
//
// I/O limits of backends: rows 18 and 45, C-36, C-37.

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using Mode = HeldNode::Mode;
constexpr uint64_t kBlock = 512;
constexpr Duration kSecond{1'000'000'000};
constexpr Duration kTenth = kSecond / 10;

// Two at once (the bucket's tenth of a second, and one on top), then one every tenth of a second.
constexpr ThrottleConfig kTenOps = {.iops_total = {.average = 10}};

class IoThrottleTest : public BackendFixture {
 public:
  void SetLimits(BlockBackend& backend, const ThrottleConfig& config,
                 const std::string& group = "") {
    const absl::Status set = Await(backend.SetIoThrottle(config, group));
    EXPECT_TRUE(set.ok()) << set;
    world_.RunUntilIdle();
  }
  // A disk at ten operations a second with `count` reads submitted, of which two are through.
  void MakeBusyDisk(int count) {
    MakeDisk(io_);
    SetLimits(*backend_, kTenOps);
    for (int i = 0; i < count; ++i) Go(IoOp::kRead, static_cast<uint64_t>(i) * kBlock, kBlock);
    world_.RunUntilIdle();
    ASSERT_EQ(client_.ends.size(), 2u);
  }
  std::vector<uint64_t> SeenOffsets() const {
    std::vector<uint64_t> offsets;
    for (const HeldNode::Seen& seen : node_->seen) offsets.push_back(seen.offset / kBlock);
    return offsets;
  }

  std::array<uint8_t, kBlock> data_{};
};

TEST_F(IoThrottleTest, Row45_LimitsHoldRequestsUpInOrder) {
  MakeBusyDisk(5);
  EXPECT_EQ(channel_->outstanding(), 3u);
  EXPECT_EQ(backend_->in_flight(), 0u) << "what is held up is not in flight";
  world_.RunFor(kTenth);
  EXPECT_EQ(client_.ends.size(), 3u);
  world_.RunFor(2 * kTenth);
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(backend_->Stats().read.operations, 5u);
  EXPECT_EQ(backend_->Stats().read.total_time_ns, static_cast<uint64_t>(6 * kTenth.count()))
      << "waiting is part of a request's time";
}

TEST_F(IoThrottleTest, Row45_TenSecondsGiveTheRate) {
  MakeDisk(io_);
  SetLimits(*backend_, {.bps_total = {.average = 1 << 20}});
  client_.on_done = [&](TestRequest& request, IoResult) {
    request.Go(*channel_, request.op, 0, kBlock * (1 + request.offset % 8));
  };
  for (int i = 0; i < 8; ++i) Go(i % 2 == 0 ? IoOp::kRead : IoOp::kWrite, 0, 8 * kBlock);
  world_.RunFor(10 * kSecond);
  const BlockStats stats = backend_->Stats();
  const uint64_t served = stats.read.bytes + stats.write.bytes;
  EXPECT_GE(served, (10u << 20) * 98 / 100);
  EXPECT_LE(served, (10u << 20) * 102 / 100);
  client_.on_done = nullptr;
  SetLimits(*backend_, {});
}

TEST_F(IoThrottleTest, Row45_WhatIsSetIsTold) {
  MakeDisk(io_);
  EXPECT_EQ(backend_->io_throttle(), ThrottleConfig());
  EXPECT_EQ(backend_->throttle_group(), std::nullopt);
  SetLimits(*backend_, kTenOps);
  EXPECT_EQ(backend_->io_throttle(), kTenOps);
  EXPECT_EQ(backend_->throttle_group(), "drive0");
  SetLimits(*backend_, kTenOps, "other");
  EXPECT_EQ(backend_->throttle_group(), "other");
  const ThrottleConfig faster = {.iops_total = {.average = 20, .burst = 40, .burst_seconds = 2}};
  SetLimits(*backend_, faster);
  EXPECT_EQ(backend_->io_throttle(), faster);
  EXPECT_EQ(backend_->throttle_group(), "other") << "no name: the group that it is in";
  SetLimits(*backend_, {});
  EXPECT_EQ(backend_->io_throttle(), ThrottleConfig());
  EXPECT_EQ(backend_->throttle_group(), std::nullopt);
}

TEST_F(IoThrottleTest, Row45_BadLimitsChangeNothing) {
  MakeDisk(io_);
  SetLimits(*backend_, kTenOps);
  const absl::Status bad =
      Await(backend_->SetIoThrottle({.bps_total = {.average = 2, .burst = 1}}, ""));
  EXPECT_EQ(bad.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MessageOf(bad),
            "block backend 'drive0': I/O limits: bps-total-max = 1 is below bps-total = 2");
  EXPECT_EQ(backend_->io_throttle(), kTenOps);
}

TEST_F(IoThrottleTest, Row45_LimitsChangeForRequestsThatWait) {
  MakeBusyDisk(100);
  SetLimits(*backend_, {.iops_total = {.average = 1000}});
  world_.RunFor(kTenth);
  EXPECT_EQ(client_.ends.size(), 100u);
}

TEST_F(IoThrottleTest, Row45_WithoutLimitsWhatWaitsGoesAtOnce) {
  MakeBusyDisk(100);
  SetLimits(*backend_, {});
  EXPECT_EQ(client_.ends.size(), 100u);
  EXPECT_EQ(world_.clock().Now(), Instant{});
}

TEST_F(IoThrottleTest, Row45_BackendsOfAGroupShareItsLimits) {
  MakeDisk(io_);
  BlockBackendRef second = *registry_.Create("drive1", {});
  ASSERT_TRUE(
      Await(second->InsertRoot(std::make_shared<HeldNode>("node1", HeldNodeOptions{}))).ok());
  SetLimits(*backend_, kTenOps, "shared");
  SetLimits(*second, {.iops_total = {.average = 20}}, "shared");
  EXPECT_EQ(backend_->io_throttle().iops_total.average, 20u) << "the limits are the group's";
  int host_reads = 0;
  constexpr auto kReads = [](BlockBackendRef backend, uint8_t* data, int* count) -> Task<void> {
    for (int i = 0; i < 1000; ++i) {
      if (co_await backend->Pread(0, {data, kBlock}) != 0) co_return;
      ++*count;
    }
  };
  Spawn(control_, kReads(second, data_.data(), &host_reads));
  for (int i = 0; i < 1000; ++i) Go(IoOp::kRead, 0, kBlock);
  world_.RunFor(10 * kSecond);
  EXPECT_NEAR(static_cast<double>(client_.ends.size()) + host_reads, 200, 4);
  EXPECT_NEAR(host_reads, 100, 4) << "in turns, however much the other asks for";
  // One leaves: the group's limits stay for the other.
  SetLimits(*second, {});
  world_.RunUntilIdle();
  EXPECT_EQ(host_reads, 1000);
  EXPECT_EQ(backend_->io_throttle().iops_total.average, 20u);
  SetLimits(*backend_, {});
}

TEST_F(IoThrottleTest, Row45_OnlyWhatMovesDataIsHeldUp) {
  MakeBusyDisk(3);
  Go(IoOp::kWriteZeroes, 0, kBlock);
  Go(IoOp::kFlush, 0, 0);
  Go(IoOp::kDiscard, 0, kBlock);
  Go(IoOp::kRead, kLength, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1, 4, 5, 6}))
      << "refusing needs no turn, either, and counts for nothing";
  channel_->CancelAll();
}

TEST_F(IoThrottleTest, C_37_ARequestLargerThanTheBurstIsServed) {
  MakeDisk(io_);
  SetLimits(*backend_, {.bps_total = {.average = 1000}});
  for (int i = 0; i < 2; ++i) Go(IoOp::kWrite, 0, 8 * kBlock);
  world_.RunFor(5 * kSecond);
  EXPECT_EQ(client_.ends.size(), 2u);
}

TEST_F(IoThrottleTest, Row18_UnthrottledReadsPassTheLimits) {
  MakeDisk(io_);
  SetLimits(*backend_, {.iops_total = {.average = 1}});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Await(backend_->PreadUnthrottled(0, data_)), 0);
  EXPECT_EQ(world_.clock().Now(), Instant{});
  EXPECT_EQ(Await(backend_->Pread(0, data_)), 0);
  EXPECT_EQ(world_.clock().Now(), Instant{}) << "they are not counted, either";
  EXPECT_EQ(Await(backend_->Pread(0, data_)), 0);
  EXPECT_EQ(world_.clock().Now(), Instant{kSecond * 9 / 10});
}

TEST_F(IoThrottleTest, Row18_UnthrottledReadsPassTheLimitsAfterADrainToo) {
  MakeDisk(control_);
  SetLimits(*backend_, {.iops_total = {.average = 1}});
  EXPECT_EQ(Await(backend_->Pread(0, data_)), 0);
  Await(backend_->BeginDrain());
  bool read = false;
  Begin(
      [](BlockBackendRef backend, std::span<uint8_t> data) -> Task<void> {
        EXPECT_EQ(co_await backend->PreadUnthrottled(0, data), 0);
      }(backend_, data_),
      &read);
  EXPECT_FALSE(read);
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_TRUE(read);
}

TEST_F(IoThrottleTest, C_36_ADrainParksWhatIsHeldUpAndDoesNotWaitForIt) {
  MakeBusyDisk(4);
  Go(IoOp::kWrite, 4 * kBlock, kBlock);
  Go(IoOp::kRead, 5 * kBlock, kBlock);
  world_.RunUntilIdle();
  Await(backend_->BeginDrain());
  EXPECT_EQ(world_.clock().Now(), Instant{});
  Go(IoOp::kRead, 6 * kBlock, kBlock);
  world_.RunFor(10 * kSecond);
  EXPECT_EQ(client_.ends.size(), 2u);
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(SeenOffsets(), (std::vector<uint64_t>{0, 1, 2, 3})) << "a new second has begun";
  world_.RunFor(kSecond);
  EXPECT_EQ(client_.ends.size(), 7u);
}

TEST_F(IoThrottleTest, C_36_ADrainedBackendDoesNotHoldUpItsGroup) {
  MakeBusyDisk(10);
  BlockBackendRef second = *registry_.Create("drive1", {});
  ASSERT_TRUE(
      Await(second->InsertRoot(std::make_shared<HeldNode>("node1", HeldNodeOptions{}))).ok());
  SetLimits(*second, kTenOps, "drive0");
  Await(backend_->BeginDrain());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Await(second->Pread(0, data_)), 0);
  EXPECT_EQ(client_.ends.size(), 2u);
  backend_->EndDrain();
  channel_->CancelAll();
}

TEST_F(IoThrottleTest, Row45_AStoppedMachineHoldsWhatWaits) {
  MakeBusyDisk(4);
  Await(machine_.Stop());
  world_.RunFor(10 * kSecond);
  EXPECT_EQ(client_.ends.size(), 2u);
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1, 2, 3}));
}

TEST_F(IoThrottleTest, Row45_CancelEndsWhatIsHeldUp) {
  MakeBusyDisk(5);
  channel_->Cancel(*requests_[2]);
  EXPECT_EQ(client_.ends.size(), 2u) << "never from inside Cancel";
  world_.RunUntilIdle();
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(LastResult(), -ECANCELED);
  world_.RunFor(kTenth);
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1, 2, 3})) << "it was not counted";
  channel_->CancelAll();
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), -ECANCELED);
  EXPECT_EQ(channel_->outstanding(), 0u);
  EXPECT_EQ(SeenOffsets(), (std::vector<uint64_t>{0, 1, 3}));
}

TEST_F(IoThrottleTest, Row45_AChannelClosesWhileItsGroupWaitsForIt) {
  MakeBusyDisk(5);
  client_.on_batch = [&] {
    if (channel_->outstanding() == 0) channel_.reset();
  };
  channel_->CancelAll();
  world_.RunUntilIdle();
  EXPECT_EQ(channel_, nullptr);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Await(backend_->Pread(0, data_)), 0);
}

TEST_F(IoThrottleTest, Row45_AChannelOpenedLaterIsLimitedToo) {
  MakeBackend();
  SetLimits(*backend_, kTenOps);
  Insert();
  AttachAndOpen(io_);
  for (int i = 0; i < 5; ++i) Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(client_.ends.size(), 2u);
  channel_->CancelAll();
}

TEST_F(IoThrottleTest, Row45_AChannelThatMovesTakesWhatWaitsAlong) {
  client_.follows = true;
  MakeBusyDisk(5);
  ASSERT_TRUE(Await(backend_->SetAioContext(control_)).ok());
  client_.on_done = [&](TestRequest&, IoResult) { EXPECT_TRUE(control_.InContext()); };
  AioContext& other = world_.NewContext("other");
  ASSERT_TRUE(Await(backend_->SetAioContext(other)).ok());
  client_.on_done = [&](TestRequest&, IoResult) { EXPECT_EQ(AioContext::Current(), &other); };
  world_.RunFor(kSecond);
  EXPECT_EQ(EndedIds(), (std::vector<int>{0, 1, 2, 3, 4}));
  client_.on_done = nullptr;
  ASSERT_TRUE(Await(backend_->SetAioContext(control_)).ok());
}

TEST_F(IoThrottleTest, Row45_LimitsStayWhenTheMediumGoes) {
  MakeBusyDisk(5);
  ASSERT_TRUE(Await(backend_->RemoveRoot()).ok());
  world_.RunUntilIdle();
  EXPECT_EQ(client_.ends.size(), 5u) << "what waited was meant for the medium that was there";
  EXPECT_EQ(LastResult(), -ENOMEDIUM);
  EXPECT_EQ(backend_->io_throttle(), kTenOps);
  Insert();
  for (int i = 0; i < 5; ++i) Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_LT(client_.ends.size(), 10u);
  channel_->CancelAll();
}

TEST_F(IoThrottleTest, Row18_ABackendWithoutAnOwnerDoesNotWaitForItsLimits) {
  MakeBackend();
  Insert();
  SetLimits(*backend_, {.iops_total = {.average = 1}});
  constexpr auto kRead = [](BlockBackend* backend, uint8_t* data) -> Task<void> {
    EXPECT_EQ(co_await backend->Pread(0, {data, kBlock}), 0);
  };
  for (int i = 0; i < 3; ++i) Spawn(control_, kRead(backend_.get(), data_.data()));
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 1u);
  backend_.reset();
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 3u);
  EXPECT_EQ(world_.clock().Now(), Instant{});
}

}  // namespace
}  // namespace platter

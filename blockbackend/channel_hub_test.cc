// SPDX-License-Identifier: Apache-2.0
//
// Drain and hold: rows 25 and C-30.

#include "blockbackend/channel_hub.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "aio/await.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using Mode = HeldNode::Mode;
constexpr uint64_t kBlock = 512;

class DrainTest : public BackendFixture {};

TEST_F(DrainTest, Row25_DrainWaitsForWhatIsInFlight) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kRead, 0, kBlock);
  bool drained = false;
  Begin(backend_->BeginDrain(), &drained);
  EXPECT_FALSE(drained);
  EXPECT_EQ(backend_->in_flight(), 1u);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_TRUE(drained);
  EXPECT_EQ(backend_->in_flight(), 0u);
  EXPECT_EQ(client_.ends.size(), 1u) << "what ended is delivered before the drain is over";
  backend_->EndDrain();
}

TEST_F(DrainTest, C_30_RequestsSubmittedWhileDrainedPark) {
  MakeDisk(io_);
  Await(backend_->BeginDrain());
  for (uint64_t i = 0; i < 4; ++i) Go(IoOp::kWrite, i * kBlock, kBlock);
  world_.RunUntilIdle();
  EXPECT_TRUE(node_->seen.empty()) << "bug 1: ran inside the drain";
  EXPECT_EQ(backend_->in_flight(), 0u) << "bug 2: a waiter counted in flight";
  EXPECT_EQ(channel_->outstanding(), 4u);
  node_->mode = Mode::kHold;
  backend_->EndDrain();
  world_.RunUntilIdle();
  ASSERT_EQ(node_->seen.size(), 4u);
  for (uint64_t i = 0; i < 4; ++i) EXPECT_EQ(node_->seen[i].offset, i * kBlock) << "in order";
  bool drained = false;
  Begin(backend_->BeginDrain(), &drained);
  EXPECT_FALSE(drained) << "bug 3: a request that left slipped into the next drain";
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_TRUE(drained);
  backend_->EndDrain();
}

TEST_F(DrainTest, ADrainDoesNotWaitForParkedRequests) {
  MakeDisk(io_);
  Await(backend_->BeginDrain());
  Go(IoOp::kRead, 0, kBlock);
  Await(backend_->BeginDrain());  // Nested: would hang if parked requests counted.
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_TRUE(node_->seen.empty()) << "the outer section still holds";
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(client_.ends.size(), 1u);
}

TEST_F(DrainTest, AnOldAcknowledgementDoesNotCountForANewDrain) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Await(backend_->BeginDrain());
  Go(IoOp::kRead, 0, kBlock);
  backend_->EndDrain();
  world_.RunUntilIdle();  // It starts.
  ASSERT_EQ(node_->held.size(), 1u);
  bool first = false;
  bool second = false;
  Begin(backend_->BeginDrain(), &first);
  backend_->EndDrain();
  Begin(backend_->BeginDrain(), &second);
  EXPECT_FALSE(first);
  EXPECT_FALSE(second);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  backend_->EndDrain();
}

TEST_F(DrainTest, AChannelOpenedWhileDrainedParks) {
  MakeBackend();
  Insert();
  ASSERT_TRUE(backend_->Attach({.device_id = "disk0"}, drive_.FixedOps()).ok());
  Await(backend_->BeginDrain());
  channel_ = backend_->OpenChannel(io_, client_);
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_TRUE(node_->seen.empty());
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
}

TEST_F(DrainTest, AChannelClosedWhileADrainWaitsForItEndsTheWait) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kRead, 0, kBlock);
  bool drained = false;
  Begin(backend_->BeginDrain(), &drained);
  client_.on_batch = [&] { channel_.reset(); };
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_EQ(channel_, nullptr);
  EXPECT_TRUE(drained);
  backend_->EndDrain();
}

TEST_F(DrainTest, AChannelClosedWithItsMessageOnTheWay) {
  MakeDisk(io_);
  bool drained = false;
  // No turn of `io_` between the message and the end of the channel.
  Spawn(control_, [](BlockBackendRef backend, bool* done) -> Task<void> {
    co_await backend->BeginDrain();
    *done = true;
  }(backend_, &drained));
  control_.RunReady();
  channel_.reset();
  world_.RunUntilIdle();
  EXPECT_TRUE(drained);
  backend_->EndDrain();
}

TEST_F(DrainTest, AChannelOfTheControlContextHoldsAtOnce) {
  MakeDisk(control_);
  // The first step of the task holds the channel, so that what the control context does next is
  // seen by no request.
  bool parked = false;
  Spawn(control_, [](DrainTest* test, bool* was_parked) -> Task<void> {
    co_await test->backend_->BeginDrain();
    test->Go(IoOp::kRead, 0, kBlock);
    *was_parked = test->node_->seen.empty();
    test->backend_->EndDrain();
  }(this, &parked));
  world_.RunUntilIdle();
  EXPECT_TRUE(parked);
  EXPECT_EQ(client_.ends.size(), 1u);
}

TEST_F(DrainTest, ADrainedSectionOfTheNodeDrainsTheBackendAbove) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kRead, 0, kBlock);
  bool in_section = false;
  bool leave = false;
  constexpr auto kSection = [](BlockNode& node, bool* inside, const bool* end) -> Task<void> {
    const DrainedSection drained = co_await DrainedSection::Begin(node);
    *inside = true;
    while (!*end) co_await SleepFor(Duration(1'000));
  };
  Spawn(control_, kSection(*node_, &in_section, &leave));
  world_.RunUntilIdle();
  EXPECT_FALSE(in_section);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_TRUE(in_section);
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(node_->seen.size(), 1u);
  leave = true;
  world_.RunFor(Duration(2'000));
  EXPECT_EQ(node_->seen.size(), 2u);
  node_->FinishAll(0);
}

}  // namespace
}  // namespace platter

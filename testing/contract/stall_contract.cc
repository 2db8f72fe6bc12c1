// SPDX-License-Identifier: Apache-2.0
//
// Device contract: the drive holds its requests by itself, or one is tried again after a while. The
// device notices neither, and is reset and unplugged as ever.

#include <cerrno>
#include <cstdint>
#include <string>

#include "gmock/gmock.h"

#include "testing/contract/device_contract.h"

namespace platter {
namespace {

using ::testing::ElementsAre;

TEST_P(DeviceContractTest, AStalledDriveHoldsWhatFailedUntilItIsResumed) {
  StartMachine(OnError::kStall, OnError::kStall);
  for (const GuestOp op : Transfers()) {
    world_.events.Clear();
    world_.disk().Fail(IoOpOf(op), EIO, 2);
    const uint64_t token = Start(op, kIoBytes);
    for (uint64_t stalls = 1; stalls <= 2; ++stalls) {
      ASSERT_TRUE(Wait([&] { return backend().stalled(); })) << stalls;
      EXPECT_EQ(world_.events.Count("BLOCK_IO_ERROR " + WordOf(op) + " stall"), stalls);
      EXPECT_EQ(backend().iostatus(), IoStatus::kFailed);
      EXPECT_TRUE(world_.run_state.running());
      EXPECT_EQ(InFlight(), 0u);
      Settle();
      EXPECT_FALSE(Finished(token));
      backend().Resume();
    }
    ASSERT_TRUE(Wait([&] { return Finished(token); }));
    EXPECT_EQ(OutcomeOf(token), GuestOutcome::kOk);
    EXPECT_EQ(backend().iostatus(), IoStatus::kOk);
  }
  ExpectWorks();
}

TEST_P(DeviceContractTest, ContEndsAStall) {
  StartMachine(OnError::kStall, OnError::kStall);
  world_.disk().Fail(IoOpOf(Transfer()), EIO, 1);
  const uint64_t kept = Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return backend().stalled(); }));
  Stop();
  EXPECT_FALSE(Finished(kept));
  Cont();
  ASSERT_TRUE(Wait([&] { return Finished(kept); }));
  EXPECT_EQ(OutcomeOf(kept), GuestOutcome::kOk);
  EXPECT_FALSE(backend().stalled());
}

TEST_P(DeviceContractTest, C_02_AResetEndsAStall) {
  StartMachine(OnError::kStall, OnError::kStall);
  const IoOp op = IoOpOf(Transfer());
  const uint64_t done = world_.disk().done(op);
  world_.disk().Fail(op, EIO, 1);
  const uint64_t dropped = Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return backend().stalled(); }));
  ResetDevice();
  EXPECT_EQ(OutcomeOf(dropped), GuestOutcome::kTakenAway);
  Settle();
  EXPECT_FALSE(backend().stalled());
  EXPECT_EQ(world_.disk().done(op), done) << "what was dropped was done all the same";
  ASSERT_TRUE(fixture_->Probe(*this).ok());
  ExpectWorks();
}

TEST_P(DeviceContractTest, C_02_UnplugWhileStalled) {
  StartMachine(OnError::kStall, OnError::kStall);
  world_.disk().Fail(IoOpOf(Transfer()), EIO, 1);
  const uint64_t kept = Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return backend().stalled(); }));
  UnplugDevice();
  EXPECT_EQ(OutcomeOf(kept), GuestOutcome::kTakenAway);
  fixture_->Destroy();
  Settle();
  EXPECT_FALSE(backend().stalled());
}

TEST_P(DeviceContractTest, ARequestIsTriedAgainAndTheGuestNoticesNothing) {
  StartMachine(OnError::kRetry, OnError::kRetry);
  for (const GuestOp op : Transfers()) {
    world_.events.Clear();
    world_.disk().Fail(IoOpOf(op), EIO, 3);
    EXPECT_EQ(Run(op, kIoBytes), GuestOutcome::kOk);
    EXPECT_THAT(world_.events.lines(), ElementsAre("BLOCK_IO_ERROR " + WordOf(op) + " retry"));
  }
  ExpectWorks();
}

TEST_P(DeviceContractTest, C_02_AResetDropsWhatWaitsForItsRetry) {
  StartMachine(OnError::kRetry, OnError::kRetry);
  const IoOp op = IoOpOf(Transfer());
  const uint64_t done = world_.disk().done(op);
  world_.disk().Fail(op, EIO, 1);
  const uint64_t dropped = Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return world_.events.lines().size() == 1; }));
  ResetDevice();
  EXPECT_EQ(OutcomeOf(dropped), GuestOutcome::kTakenAway);
  EXPECT_FALSE(Wait([&] { return world_.disk().done(op) != done; })) << "it was tried all the same";
  ASSERT_TRUE(fixture_->Probe(*this).ok());
  ExpectWorks();
}

TEST_P(DeviceContractTest, C_02_UnplugWhileARequestWaitsForItsRetry) {
  StartMachine(OnError::kRetry, OnError::kRetry);
  world_.disk().Fail(IoOpOf(Transfer()), EIO, 1);
  const uint64_t waiting = Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return world_.events.lines().size() == 1; }));
  UnplugDevice();
  EXPECT_EQ(OutcomeOf(waiting), GuestOutcome::kTakenAway);
  fixture_->Destroy();
  Settle();
}

}  // namespace
}  // namespace platter

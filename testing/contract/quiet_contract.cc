// SPDX-License-Identifier: Apache-2.0
//
// Device contract: drain, reset, stop and cont, unplug and the place to save, each with requests
// on their way.

#include <vector>

#include "testing/contract/device_contract.h"

namespace platter {
namespace {

// The task that a drained section begins with, with a value to wait for.
Task<int> Drain(BlockBackend& backend) {
  co_await backend.BeginDrain();
  co_return 1;
}

TEST_P(DeviceContractTest, DrainWaitsAndThenNothingStarts) {
  StartMachine();
  world_.disk().Hold(IoOpOf(Transfer()));
  const uint64_t held = Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return world_.disk().held() == 1; }));
  std::optional<int> drained;
  StartTask(Drain(backend()), drained);
  Settle();
  EXPECT_EQ(drained, std::nullopt);
  EXPECT_EQ(InFlight(), 1u);
  world_.disk().Release();
  ASSERT_TRUE(Wait([&] { return drained.has_value(); }));
  EXPECT_EQ(InFlight(), 0u);
  Settle();
  EXPECT_TRUE(Finished(held));

  const uint64_t reads = world_.disk().done(IoOp::kRead);
  const uint64_t parked = Start(GuestOp::kRead, 0);
  Settle();
  EXPECT_FALSE(Finished(parked));
  EXPECT_EQ(InFlight(), 0u) << "in flight is 0 until the end of the section";
  EXPECT_EQ(world_.disk().done(IoOp::kRead), reads);
  backend().EndDrain();
  ASSERT_TRUE(Wait([&] { return Finished(parked); }));
  EXPECT_EQ(OutcomeOf(parked), GuestOutcome::kOk);
}

TEST_P(DeviceContractTest, AResetInADrainedSectionEnds) {
  StartMachine();
  std::optional<int> drained;
  StartTask(Drain(backend()), drained);
  ASSERT_TRUE(Wait([&] { return drained.has_value(); }));
  const uint64_t done = world_.disk().done(IoOpOf(Transfer()));
  const uint64_t parked = Start(Transfer(), 0);
  Settle();
  ResetDevice();
  EXPECT_EQ(OutcomeOf(parked), GuestOutcome::kTakenAway);
  backend().EndDrain();
  Settle();
  EXPECT_EQ(world_.disk().done(IoOpOf(Transfer())), done);
  ASSERT_TRUE(fixture_->Probe(*this).ok());
  ExpectWorks();
}

// Held below, by a driver that can't cancel and by one that can.
TEST_P(DeviceContractTest, ResetWithARequestHeld) {
  for (const auto on_cancel : {FaultyDisk::OnCancel::kNothing, FaultyDisk::OnCancel::kEnds}) {
    for (const GuestOp op : Transfers()) {
      SCOPED_TRACE(testing::Message()
                   << WordOf(op)
                   << (on_cancel == FaultyDisk::OnCancel::kEnds ? ", can cancel" : ""));
      if (!created_) {
        StartMachine();
      } else {
        ASSERT_TRUE(fixture_->Probe(*this).ok());
      }
      world_.disk().set_on_cancel(on_cancel);
      world_.disk().Hold(IoOpOf(op));
      const uint64_t held = Start(op, uint64_t{2} * kIoBytes);
      ASSERT_TRUE(Wait([&] { return world_.disk().held() == 1; }));
      bool done = false;
      fixture_->device().Reset([&] { done = true; });
      EXPECT_FALSE(done);
      if (on_cancel == FaultyDisk::OnCancel::kNothing) {
        Settle();
        EXPECT_FALSE(done) << "the reset ended with a request in flight";
        EXPECT_FALSE(Finished(held));
        world_.disk().Release();
      }
      ASSERT_TRUE(Wait([&] { return done; }));
      EXPECT_EQ(InFlight(), 0u);
      fixture_->ForgetAll();
      ExpectTakenAwayOrDone(held);

      // No memory of the guest is touched any more.
      const std::vector<uint8_t> before = DataOf(held);
      world_.disk().Release();
      Settle();
      EXPECT_EQ(DataOf(held), before);
      const auto mismatch = model_.Mismatch(0, world_.disk().bytes());
      EXPECT_EQ(mismatch, std::nullopt) << *mismatch;
      EXPECT_EQ(fixture_->Faults(), 0u);
    }
  }
  ASSERT_TRUE(fixture_->Probe(*this).ok());
  ExpectWorks();
}

TEST_P(DeviceContractTest, TwoResetsAtOnceBothEnd) {
  StartMachine();
  world_.disk().Hold(IoOpOf(Transfer()));
  Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return world_.disk().held() == 1; }));
  int done = 0;
  fixture_->device().Reset([&] { ++done; });
  fixture_->device().Reset([&] { ++done; });
  Settle();
  EXPECT_EQ(done, 0);
  world_.disk().Release();
  ASSERT_TRUE(Wait([&] { return done == 2; }));
  fixture_->ForgetAll();
  ASSERT_TRUE(fixture_->Probe(*this).ok());
  ExpectWorks();
}

TEST_P(DeviceContractTest, StopWaitsForTheRequestAndContGoesOn) {
  StartMachine();
  world_.disk().Hold(IoOpOf(Transfer()));
  const uint64_t held = Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return world_.disk().held() == 1; }));
  world_.run_state.Stop(StopReason::kPaused);
  Settle();
  EXPECT_FALSE(world_.run_state.stopped());
  world_.disk().Release();
  ASSERT_TRUE(Wait([&] { return world_.run_state.stopped(); }));
  EXPECT_EQ(InFlight(), 0u);
  Settle();
  if (traits().guest_moves_data) {
    // The machine stood still amid the command: its rest comes when the guest runs again.
    EXPECT_FALSE(Finished(held));
    Cont();
    ASSERT_TRUE(Wait([&] { return Finished(held); }));
    Stop();
  }
  EXPECT_TRUE(Finished(held)) << "what was taken before the stop completes";

  const uint64_t reads = world_.disk().done(IoOp::kRead);
  const uint64_t submitted = Submitted();
  const uint64_t late = Start(GuestOp::kRead, 0);
  Settle();
  EXPECT_FALSE(Finished(late));
  EXPECT_EQ(world_.disk().done(IoOp::kRead), reads);
  // The backend parks it all the same, so neither guest nor medium tells; but a machine that was
  // saved here would have lost it.
  EXPECT_EQ(Submitted(), submitted) << "the device took a request while the machine stood still";
  Cont();
  ASSERT_TRUE(Wait([&] { return Finished(late); }));
  EXPECT_EQ(OutcomeOf(late), GuestOutcome::kOk);
}

TEST_P(DeviceContractTest, AStoppedMachineCanBeReset) {
  StartMachine();
  Stop();
  const uint64_t done = world_.disk().done(IoOpOf(Transfer()));
  const uint64_t late = Start(Transfer(), 0);
  ResetDevice();
  EXPECT_EQ(OutcomeOf(late), GuestOutcome::kTakenAway);
  Cont();
  Settle();
  EXPECT_EQ(world_.disk().done(IoOpOf(Transfer())), done);
  ASSERT_TRUE(fixture_->Probe(*this).ok());
  ExpectWorks();
}

TEST_P(DeviceContractTest, UnplugWithARequestHeld) {
  for (const GuestOp op : Transfers()) {
    SCOPED_TRACE(WordOf(op));
    if (!probed_) {
      StartMachine();
    } else {
      fixture_ = GetParam().make();
      ASSERT_TRUE(CreateDevice().ok());
      ASSERT_TRUE(fixture_->Probe(*this).ok());
    }
    world_.disk().Hold(IoOpOf(op));
    const uint64_t held = Start(op, kIoBytes);
    ASSERT_TRUE(Wait([&] { return world_.disk().held() == 1; }));
    bool done = false;
    fixture_->device().Unplug([&] { done = true; });
    Settle();
    ASSERT_FALSE(done) << "gone with a request in flight";
    EXPECT_EQ(backend().attached_device(), "dut") << "attached until its last request is gone";
    world_.disk().Release();
    ASSERT_TRUE(Wait([&] { return done; }));
    EXPECT_EQ(InFlight(), 0u);
    EXPECT_TRUE(fixture_->Gone());
    EXPECT_EQ(backend().attached_device(), std::nullopt);
    fixture_->ForgetAll();
    ExpectTakenAwayOrDone(held);
    world_.run_state.RemoveDevice(fixture_->device());
    fixture_->Destroy();
    created_ = false;
    const auto mismatch = model_.Mismatch(0, world_.disk().bytes());
    EXPECT_EQ(mismatch, std::nullopt) << *mismatch;
  }
}

TEST_P(DeviceContractTest, C_02_UnplugWithARequestKept) {
  StartMachine(OnError::kStop, OnError::kStop);
  const uint64_t done = world_.disk().done(IoOpOf(Transfer()));
  world_.disk().Fail(IoOpOf(Transfer()), EIO, 1);
  const uint64_t kept = Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return world_.run_state.stopped(); }));
  UnplugDevice();
  EXPECT_EQ(OutcomeOf(kept), GuestOutcome::kTakenAway);
  fixture_->Destroy();
  Cont();
  Settle();
  EXPECT_EQ(world_.disk().done(IoOpOf(Transfer())), done);
}

// The place where state is saved: stopped, drained, perhaps with a request kept. Nothing moves
// there, whatever the guest's driver has left in its rings and registers; and the machine goes on
// from there as if nothing had happened.
TEST_P(DeviceContractTest, NothingMovesAtThePlaceToSave) {
  StartMachine(OnError::kStop, OnError::kStop);
  ExpectWorks();
  Stop();
  std::optional<int> drained;
  StartTask(Drain(backend()), drained);
  ASSERT_TRUE(Wait([&] { return drained.has_value(); }));
  ExpectNothingMoves();
  const uint64_t late = Start(Transfer(), 0);
  ExpectNothingMoves();

  backend().EndDrain();
  Settle();
  EXPECT_FALSE(Finished(late));
  Cont();
  ASSERT_TRUE(Wait([&] { return Finished(late); }));
  EXPECT_EQ(OutcomeOf(late), GuestOutcome::kOk);
}

TEST_P(DeviceContractTest, NothingMovesAtThePlaceToSaveWithARequestKept) {
  StartMachine(OnError::kStop, OnError::kStop);
  ExpectWorks();
  world_.disk().Fail(IoOp::kRead, EIO, 1);
  std::vector<uint64_t> reads = {Start(GuestOp::kRead, 0)};
  ASSERT_TRUE(Wait([&] { return world_.run_state.stopped(); }));
  std::optional<int> drained;
  StartTask(Drain(backend()), drained);
  ASSERT_TRUE(Wait([&] { return drained.has_value(); }));
  if (traits().max_in_flight > 1) reads.push_back(Start(GuestOp::kRead, kIoBytes));
  ExpectNothingMoves();

  backend().EndDrain();
  Cont();
  for (const uint64_t read : reads) {
    ASSERT_TRUE(Wait([&] { return Finished(read); }));
    EXPECT_EQ(OutcomeOf(read), GuestOutcome::kOk);
  }
  EXPECT_EQ(model_.Mismatch(0, DataOf(reads[0])), std::nullopt);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// A SCSI unit while a command is held: whatever happens meanwhile, the command is answered once,
// nothing is in flight afterwards, and no byte outside of it changes (R-IDE-03's way to lose a
// partition table, on SCSI).

#include "testing/scenarios/scsi_held_suite.h"

#include <optional>
#include <vector>

namespace platter {
namespace {

Task<int> Drain(BlockBackend& backend) {
  co_await backend.BeginDrain();
  co_return 1;
}

}  // namespace

TEST_P(ScsiHeld, MachineReset) {
  machine_.Hold();
  bool done = false;
  machine_.Begin(&Device::Reset, &done);
  machine_.Settle();
  EXPECT_FALSE(done) << "done while a command was in flight";
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return done; }));
  machine_.driver->Abandon();
  machine_.Settle();
  machine_.ExpectDoneOr(guest::kScsiNotWritten);
  machine_.ExpectClean();
  machine_.Probe();
  machine_.ExpectWorks();
}

TEST_P(ScsiHeld, GuestReset) {
  machine_.Hold();
  machine_.driver->BeginReset();
  machine_.Settle();
  EXPECT_FALSE(machine_.transport->ResetDone()) << "reset while a command was in flight";
  EXPECT_EQ(machine_.above_blkdebug->cancelled().size(), 1u) << "the hint goes down, once";
  machine_.Release();
  ASSERT_TRUE(machine_.driver->FinishReset().ok());
  machine_.ExpectDoneOr(guest::kScsiNotWritten);
  machine_.ExpectClean();
  machine_.Probe();
  machine_.ExpectWorks();
}

TEST_P(ScsiHeld, RootRemoved) {
  machine_.Hold();
  std::optional<absl::Status> removed;
  machine_.StartTask(backend().RemoveRoot(), removed);
  machine_.Settle();
  EXPECT_EQ(removed, std::nullopt) << "removed while a command was in flight";
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return removed.has_value() && machine_.completions() == 1; }));
  EXPECT_TRUE(removed->ok());
  EXPECT_EQ(machine_.status(), 0);
  machine_.ExpectClean();
  EXPECT_EQ(machine_.initiator->ClearAttentions()->key(), 2) << "not ready";
}

TEST_P(ScsiHeld, Resize) {
  machine_.Hold();
  std::optional<absl::Status> resized;
  machine_.StartTask(backend().Resize(2 * ScsiHeldMachine::kDiskBytes), resized);
  machine_.Settle();
  EXPECT_EQ(resized, std::nullopt) << "resized while a command was in flight";
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return resized.has_value() && machine_.completions() == 1; }));
  EXPECT_TRUE(resized->ok()) << *resized;
  EXPECT_EQ(machine_.response(), guest::kScsiOk);
  EXPECT_EQ(machine_.status(), 0);
  machine_.ExpectClean();
  EXPECT_TRUE(machine_.initiator->ClearAttentions()->good());
  const auto capacity = machine_.initiator->ReadCapacity10();
  EXPECT_EQ((capacity->Number(0, 4) + 1) * capacity->Number(4, 4), 2 * ScsiHeldMachine::kDiskBytes);
}

TEST_P(ScsiHeld, Unplug) {
  machine_.Hold();
  bool done = false;
  machine_.Begin(&Device::Unplug, &done);
  machine_.Settle();
  EXPECT_FALSE(done) << "unplugged while a command was in flight";
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return done; }));
  EXPECT_TRUE(machine_.transport->Gone());
  machine_.driver->Abandon();
  machine_.ExpectDoneOr(guest::kScsiNotWritten);
  machine_.DestroyAdapter();
  machine_.Settle();
  machine_.ExpectClean();
  EXPECT_EQ(backend().attached_device(), std::nullopt);
}

TEST_P(ScsiHeld, UnitPulled) {
  machine_.Hold();
  bool gone = false;
  ASSERT_TRUE(machine_.adapter->RemoveUnit({}, [&] { gone = true; }).ok());
  machine_.Settle();
  EXPECT_FALSE(gone) << "gone while a command was in flight";
  EXPECT_NE(backend().attached_device(), std::nullopt);
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return gone && machine_.completions() == 1; }));
  machine_.ExpectDoneOr(guest::kScsiTransportFailure);
  machine_.ExpectClean();
  EXPECT_EQ(backend().attached_device(), std::nullopt);
  EXPECT_EQ(machine_.initiator->TestUnitReady()->transport, guest::kScsiBadTarget);
}

TEST_P(ScsiHeld, StopAndCont) {
  machine_.Hold();
  machine_.world.run_state.Stop(StopReason::kPaused);
  machine_.Settle();
  EXPECT_FALSE(machine_.world.run_state.stopped()) << "stopped while a command was in flight";
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return machine_.world.run_state.stopped(); }));
  EXPECT_EQ(backend().in_flight(), 0u);
  machine_.world.run_state.Cont();
  ASSERT_TRUE(machine_.Wait([&] { return machine_.completions() == 1; }));
  machine_.ExpectDoneOr(guest::kScsiOk);
  machine_.ExpectClean();
  machine_.ExpectWorks();
}

TEST_P(ScsiHeld, Drain) {
  machine_.Hold();
  std::optional<int> drained;
  machine_.StartTask(Drain(backend()), drained);
  machine_.Settle();
  EXPECT_EQ(drained, std::nullopt) << "drained while a command was in flight";
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return drained.has_value(); }));
  EXPECT_EQ(backend().in_flight(), 0u);
  backend().EndDrain();
  ASSERT_TRUE(machine_.Wait([&] { return machine_.completions() == 1; }));
  machine_.ExpectDoneOr(guest::kScsiOk);
  machine_.ExpectClean();
  machine_.ExpectWorks();
}

void ScsiHeld::CheckFunction(guest::ScsiFunction function, uint8_t cancelled_as) {
  machine_.Hold();
  ASSERT_TRUE(machine_.driver->StartFunction(function, ScsiHeldMachine::kLun, ScsiHeldMachine::kTag,
                                             ScsiHeldMachine::kFunction));
  machine_.Settle();
  EXPECT_TRUE(machine_.functions().empty()) << "answered before the command";
  EXPECT_EQ(machine_.completions(), 0u);
  EXPECT_EQ(machine_.above_blkdebug->cancelled().size(), 1u);
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return !machine_.functions().empty(); }));
  EXPECT_EQ(machine_.functions()[0].response, guest::kScsiOk);
  EXPECT_EQ(machine_.functions()[0].completions, 1u) << "the driver sees the command's end first";
  machine_.ExpectDoneOr(cancelled_as);
  machine_.Settle();
  machine_.ExpectClean();
  machine_.ExpectWorks();
}

TEST_P(ScsiHeld, AbortTask) { CheckFunction(guest::ScsiFunction::kAbortTask, guest::kScsiAborted); }

TEST_P(ScsiHeld, UnitReset) { CheckFunction(guest::ScsiFunction::kUnitReset, guest::kScsiReset); }

// Parked ones are cancelled at once, and never get to the medium.
TEST_P(ScsiHeld, AbortTaskWhileParked) {
  std::optional<int> drained;
  machine_.StartTask(Drain(backend()), drained);
  ASSERT_TRUE(machine_.Wait([&] { return drained.has_value(); }));
  machine_.StartCommand();
  machine_.Settle();
  EXPECT_EQ(machine_.completions(), 0u);
  ASSERT_TRUE(machine_.driver->StartFunction(guest::ScsiFunction::kAbortTask, ScsiHeldMachine::kLun,
                                             ScsiHeldMachine::kTag, ScsiHeldMachine::kFunction));
  ASSERT_TRUE(machine_.Wait([&] { return !machine_.functions().empty(); }));
  EXPECT_EQ(machine_.response(), guest::kScsiAborted);
  EXPECT_EQ(machine_.functions()[0].completions, 1u);
  EXPECT_TRUE(machine_.above_blkdebug->cancelled().empty()) << "no node knew of it";
  backend().EndDrain();
  machine_.Settle();
  machine_.ExpectClean();
  machine_.ExpectWorks();
}

}  // namespace platter

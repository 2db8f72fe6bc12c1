// SPDX-License-Identifier: Apache-2.0
//
// Device contract: the four answers to an error, for reads and writes.

#include <cerrno>
#include <string>
#include <vector>

#include "testing/contract/device_contract.h"

namespace platter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(DeviceContractTest, ReportTellsTheGuestAndTheHost) {
  StartMachine(OnError::kReport, OnError::kReport);
  for (const GuestOp op : Transfers()) {
    world_.events.Clear();
    world_.disk().Fail(IoOpOf(op), EIO, 1);
    EXPECT_EQ(Run(op, 0), GuestOutcome::kFailed);
    EXPECT_TRUE(world_.run_state.running());
    Settle();
    EXPECT_THAT(world_.events.lines(), ElementsAre("BLOCK_IO_ERROR " + WordOf(op) + " report"));
  }
  ExpectWorks();
}

TEST_P(DeviceContractTest, IgnoreTellsTheHostOnly) {
  StartMachine(OnError::kIgnore, OnError::kIgnore);
  for (const GuestOp op : Transfers()) {
    world_.events.Clear();
    world_.disk().Fail(IoOpOf(op), EIO, 1);
    EXPECT_EQ(Run(op, 0), GuestOutcome::kOk);
    Settle();
    EXPECT_THAT(world_.events.lines(), ElementsAre("BLOCK_IO_ERROR " + WordOf(op) + " ignore"));
  }
  // The guest believes the write that was lost.
  if (traits().writable) model_.MakeUndefined(0, kIoBytes);
  ExpectWorks(kIoBytes);
}

TEST_P(DeviceContractTest, EnospcReportsWhatIsNotNoSpace) {
  StartMachine(OnError::kReport, OnError::kEnospc);
  if (!traits().writable) return ExpectWriteRefused();
  world_.disk().Fail(IoOp::kWrite, EIO, 1);
  EXPECT_EQ(Run(GuestOp::kWrite, 0), GuestOutcome::kFailed);
  Settle();
  EXPECT_THAT(world_.events.lines(), ElementsAre("BLOCK_IO_ERROR write report"));
  EXPECT_TRUE(world_.run_state.running());
}

TEST_P(DeviceContractTest, EnospcStopsTheMachineAndContFinishesTheWrite) {
  StartMachine(OnError::kReport, OnError::kEnospc);
  if (!traits().writable) return ExpectWriteRefused();
  world_.disk().Fail(IoOp::kWrite, ENOSPC, 1);
  const uint64_t write = Start(GuestOp::kWrite, 0);
  ASSERT_TRUE(Wait([&] { return world_.run_state.stopped(); }));
  EXPECT_THAT(world_.events.lines(),
              ElementsAre("BLOCK_IO_ERROR write stop nospace", "STOP io-error"));
  EXPECT_EQ(backend().iostatus(), IoStatus::kNospace);
  EXPECT_FALSE(Finished(write));
  EXPECT_EQ(InFlight(), 0u) << "a kept request is not in flight";
  Cont();
  ASSERT_TRUE(Wait([&] { return Finished(write); }));
  EXPECT_EQ(OutcomeOf(write), GuestOutcome::kOk);
  EXPECT_EQ(backend().iostatus(), IoStatus::kOk);
  ExpectWorks(kIoBytes);
}

TEST_P(DeviceContractTest, C_02_StopAndContUntilItWorks) {
  StartMachine(OnError::kStop, OnError::kStop);
  for (const GuestOp op : Transfers()) {
    world_.events.Clear();
    world_.disk().Fail(IoOpOf(op), EIO, 3);
    const uint64_t token = Start(op, kIoBytes);
    for (int stops = 1; stops <= 3; ++stops) {
      ASSERT_TRUE(Wait([&] { return world_.run_state.stopped(); })) << stops;
      EXPECT_EQ(world_.events.Count("STOP io-error"), static_cast<uint64_t>(stops));
      EXPECT_EQ(world_.events.Count("BLOCK_IO_ERROR " + WordOf(op) + " stop"),
                static_cast<uint64_t>(stops));
      EXPECT_EQ(backend().iostatus(), IoStatus::kFailed);
      EXPECT_FALSE(Finished(token));
      Cont();
    }
    ASSERT_TRUE(Wait([&] { return Finished(token); }));
    EXPECT_EQ(OutcomeOf(token), GuestOutcome::kOk);
    if (op == GuestOp::kRead) {
      EXPECT_EQ(model_.Mismatch(kIoBytes, DataOf(token)), std::nullopt);
    }
  }
  EXPECT_EQ(world_.disk().held(), 0u);
}

TEST_P(DeviceContractTest, SeveralKeptRequestsFinishInOrder) {
  StartMachine(OnError::kStop, OnError::kStop);
  const uint32_t depth = std::min(traits().max_in_flight, 8u);
  world_.disk().Fail(IoOpOf(Transfer()), EIO, depth);
  std::vector<uint64_t> tokens;
  // All to one place: the last one submitted must be the one that stays.
  for (uint32_t i = 0; i < depth; ++i) tokens.push_back(Start(Transfer(), 0));
  ASSERT_TRUE(Wait([&] { return world_.run_state.stopped(); }));
  Cont();
  ASSERT_TRUE(Wait([&] { return ledger_.outstanding() == 0; }));
  for (const uint64_t token : tokens) EXPECT_EQ(OutcomeOf(token), GuestOutcome::kOk);
  if (!traits().writable) return;
  std::vector<uint8_t> last = DataOf(tokens.back());
  EXPECT_TRUE(std::equal(last.begin(), last.end(), world_.disk().bytes().begin()));
  model_.Write(0, last);
}

TEST_P(DeviceContractTest, C_02_AResetDropsWhatIsKept) {
  StartMachine(OnError::kStop, OnError::kStop);
  const IoOp op = IoOpOf(Transfer());
  const uint64_t done = world_.disk().done(op);
  world_.disk().Fail(op, EIO, 1);
  const uint64_t dropped = Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return world_.run_state.stopped(); }));
  ResetDevice();
  EXPECT_EQ(OutcomeOf(dropped), GuestOutcome::kTakenAway);
  Cont();
  Settle();
  EXPECT_EQ(world_.disk().done(op), done) << "what was dropped was done all the same";
  EXPECT_EQ(InFlight(), 0u);
  ASSERT_TRUE(fixture_->Probe(*this).ok());
  ExpectWorks();
}

// Whatever the error and whatever the policy: one answer, the right one, and nothing is left
// behind.
TEST_P(DeviceContractTest, C_15_EachErrorOfEachCommandUnderEachPolicy) {
  StartMachine();
  std::vector<GuestOp> ops = Transfers();
  if (traits().writable) ops.push_back(GuestOp::kFlush);
  for (const GuestOp op : ops) {
    const bool read = op == GuestOp::kRead;
    const std::string word = read ? "read" : "write";
    for (const OnError policy :
         {OnError::kReport, OnError::kIgnore, OnError::kStop, OnError::kEnospc}) {
      if (read && policy == OnError::kEnospc) continue;  // No policy for reads.
      ASSERT_TRUE(
          backend()
              .SetOnError(read ? policy : OnError::kReport, read ? OnError::kReport : policy)
              .ok());
      for (const int error : {EIO, ENOSPC, EINVAL, EPERM, ETIMEDOUT, ENOMEM, ECANCELED}) {
        SCOPED_TRACE(word + ", operation " + std::to_string(static_cast<int>(op)) + ", policy " +
                     std::to_string(static_cast<int>(policy)) + ", errno " + std::to_string(error));
        const bool stops =
            policy == OnError::kStop || (policy == OnError::kEnospc && error == ENOSPC);
        const uint64_t done = world_.disk().done(IoOpOf(op));
        world_.events.Clear();
        world_.disk().Fail(op == GuestOp::kFlush ? IoOp::kFlush : IoOpOf(op), error, 1);
        const uint64_t token = Start(op, 0);
        if (stops) {
          ASSERT_TRUE(Wait([&] { return world_.run_state.stopped(); }));
          EXPECT_FALSE(Finished(token));
          EXPECT_EQ(InFlight(), 0u);
          Cont();
        }
        ASSERT_TRUE(Wait([&] { return Finished(token); }));
        Settle();
        const bool good = stops || policy == OnError::kIgnore;
        EXPECT_EQ(OutcomeOf(token), good ? GuestOutcome::kOk : GuestOutcome::kFailed);
        EXPECT_EQ(world_.events.Count("BLOCK_IO_ERROR " + word), 1u);
        EXPECT_EQ(world_.events.Count("STOP io-error"), stops ? 1u : 0u);
        EXPECT_TRUE(world_.run_state.running());
        EXPECT_EQ(InFlight(), 0u);
        if (policy != OnError::kIgnore && op != GuestOp::kFlush) {
          EXPECT_EQ(world_.disk().done(IoOpOf(op)) > done, stops) << "what was kept is done";
        }
        if (op == GuestOp::kWrite && policy == OnError::kIgnore) model_.MakeUndefined(0, kIoBytes);
      }
    }
  }
  ExpectWorks(kIoBytes);
}

TEST_P(DeviceContractTest, AFlushThatFailsIsAWriteError) {
  StartMachine(OnError::kReport, OnError::kStop);
  if (!traits().writable) {  // There is nothing to flush: done or refused, it reaches no medium.
    EXPECT_TRUE(Run(GuestOp::kFlush, 0).has_value());
    EXPECT_EQ(world_.disk().done(IoOp::kFlush), 0u);
    return;
  }
  EXPECT_EQ(Run(GuestOp::kWrite, 0), GuestOutcome::kOk);
  world_.disk().Fail(IoOp::kFlush, EIO, 1);
  const uint64_t flush = Start(GuestOp::kFlush, 0);
  ASSERT_TRUE(Wait([&] { return world_.run_state.stopped(); }));
  EXPECT_EQ(world_.events.Count("BLOCK_IO_ERROR write stop"), 1u);
  Cont();
  ASSERT_TRUE(Wait([&] { return Finished(flush); }));
  EXPECT_EQ(OutcomeOf(flush), GuestOutcome::kOk);
}

TEST_P(DeviceContractTest, AutoTakesTheBackendsPolicy) {
  ASSERT_TRUE(backend().SetOnError(OnError::kIgnore, OnError::kReport).ok());
  StartMachine();
  world_.disk().Fail(IoOp::kRead, EIO, 1);
  EXPECT_EQ(Run(GuestOp::kRead, 0), GuestOutcome::kOk);
  if (!traits().writable) return ExpectWriteRefused();
  world_.disk().Fail(IoOp::kWrite, ENOSPC, 1);
  EXPECT_EQ(Run(GuestOp::kWrite, 0), GuestOutcome::kFailed);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// virtio-blk while a request is held in blkdebug, for each kind of request, medium and transport:
// whatever happens meanwhile, the request completes once, nothing is in flight afterwards, and no
// byte outside of it changes (R-IDE-03's way to lose a partition table, on virtio).

#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/task.h"
#include "base/status.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/scenarios/held_machine.h"

namespace platter {
namespace {

template <typename T>
Task<void> Keep(Task<T> task, std::optional<T>& result) {
  result = co_await std::move(task);
}
Task<int> Drain(BlockBackend& backend) {
  co_await backend.BeginDrain();
  co_return 1;
}

class VirtioBlkHeld : public testing::TestWithParam<HeldCase> {
 protected:
  // The device answered, or a reset came first; never an error that was none.
  void ExpectAnsweredOrTakenAway() {
    EXPECT_EQ(machine_.completions(), 1u);
    EXPECT_TRUE(machine_.status() == guest::kBlkOk || machine_.status() == guest::kBlkNotWritten)
        << int{machine_.status()};
  }
  template <typename T>
  void StartTask(Task<T> task, std::optional<T>& result) {
    Spawn(machine_.world.control, Keep(std::move(task), result));
  }
  BlockBackend& backend() { return *machine_.world.backend; }

  HeldMachine machine_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Held, VirtioBlkHeld, testing::ValuesIn(AllHeldCases()),
                         [](const auto& test) { return NameOf(test.param); });

TEST_P(VirtioBlkHeld, MachineReset) {
  machine_.HoldRequest();
  bool done = false;
  machine_.Begin(&Device::Reset, &done);
  machine_.Settle();
  EXPECT_FALSE(done) << "done while a request was in flight";
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return done; }));
  machine_.Forget();
  machine_.Settle();
  ExpectAnsweredOrTakenAway();
  machine_.ExpectClean();
  EXPECT_EQ(machine_.EndedInBackend(), 1u);
  machine_.Probe();
  machine_.ExpectWorks();
}

// The driver's own reset: the device reads as busy until the request is gone.
TEST_P(VirtioBlkHeld, GuestReset) {
  machine_.HoldRequest();
  machine_.driver->BeginReset();
  machine_.Settle();
  EXPECT_FALSE(machine_.transport->ResetDone()) << "reset while a request was in flight";
  machine_.Release();
  ASSERT_TRUE(machine_.driver->FinishReset().ok());
  machine_.Settle();
  ExpectAnsweredOrTakenAway();
  machine_.ExpectClean();
  EXPECT_EQ(machine_.EndedInBackend(), 1u);
  machine_.Probe();
  machine_.ExpectWorks();
}

// A fixed disk is not ejected, and asking for it harms nothing.
TEST_P(VirtioBlkHeld, Eject) {
  machine_.HoldRequest();
  std::optional<absl::Status> ejected;
  StartTask(backend().Eject(Force::kYes), ejected);
  machine_.Settle();
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return ejected.has_value() && machine_.completions() == 1; }));
  EXPECT_EQ(ejected->code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(machine_.status(), guest::kBlkOk);
  machine_.ExpectClean();
  machine_.ExpectWorks();
}

// What drive_del does: the host takes the root away beneath the device.
TEST_P(VirtioBlkHeld, RootRemoved) {
  machine_.HoldRequest();
  std::optional<absl::Status> removed;
  StartTask(backend().RemoveRoot(), removed);
  machine_.Settle();
  EXPECT_EQ(removed, std::nullopt) << "removed while a request was in flight";
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return removed.has_value() && machine_.completions() == 1; }));
  EXPECT_TRUE(removed->ok());
  EXPECT_EQ(machine_.status(), guest::kBlkOk);
  machine_.ExpectClean();
  std::vector<uint8_t> data(512);
  EXPECT_EQ(machine_.driver->Read(0, data).value_or(guest::kBlkNotWritten), guest::kBlkIoError);
}

TEST_P(VirtioBlkHeld, Resize) {
  machine_.HoldRequest();
  std::optional<absl::Status> resized;
  StartTask(backend().Resize(2 * HeldMachine::kDiskBytes), resized);
  machine_.Settle();
  EXPECT_EQ(resized, std::nullopt) << "resized while a request was in flight";
  EXPECT_EQ(machine_.driver->config_changes(), 0u);
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return resized.has_value() && machine_.completions() == 1; }));
  EXPECT_TRUE(resized->ok()) << *resized;
  ASSERT_TRUE(machine_.Wait([&] { return machine_.driver->config_changes() == 1; }));
  EXPECT_EQ(machine_.driver->info().capacity_sectors, 2 * HeldMachine::kDiskBytes / 512);
  EXPECT_EQ(machine_.status(), guest::kBlkOk);
  machine_.ExpectClean();
  machine_.ExpectWorks();
}

TEST_P(VirtioBlkHeld, Unplug) {
  machine_.HoldRequest();
  bool done = false;
  machine_.Begin(&Device::Unplug, &done);
  machine_.Settle();
  EXPECT_FALSE(done) << "unplugged while a request was in flight";
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return done; }));
  EXPECT_TRUE(machine_.transport->Gone());
  machine_.Forget();
  ExpectAnsweredOrTakenAway();
  machine_.DestroyDevice();
  machine_.Settle();
  machine_.ExpectClean();
  EXPECT_EQ(machine_.EndedInBackend(), 1u);
  EXPECT_EQ(backend().attached_device(), std::nullopt);
}

TEST_P(VirtioBlkHeld, StopAndCont) {
  machine_.HoldRequest();
  machine_.world.run_state.Stop(StopReason::kPaused);
  machine_.Settle();
  EXPECT_FALSE(machine_.world.run_state.stopped()) << "stopped while a request was in flight";
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return machine_.world.run_state.stopped(); }));
  EXPECT_EQ(backend().in_flight(), 0u);
  machine_.world.run_state.Cont();
  ASSERT_TRUE(machine_.Wait([&] { return machine_.completions() == 1; }));
  EXPECT_EQ(machine_.status(), guest::kBlkOk);
  machine_.ExpectClean();
  machine_.ExpectWorks();
}

TEST_P(VirtioBlkHeld, Drain) {
  machine_.HoldRequest();
  std::optional<int> drained;
  StartTask(Drain(backend()), drained);
  machine_.Settle();
  EXPECT_EQ(drained, std::nullopt) << "drained while a request was in flight";
  EXPECT_EQ(backend().in_flight(), 1u);
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return drained.has_value(); }));
  EXPECT_EQ(backend().in_flight(), 0u);
  backend().EndDrain();
  ASSERT_TRUE(machine_.Wait([&] { return machine_.completions() == 1; }));
  EXPECT_EQ(machine_.status(), guest::kBlkOk);
  machine_.ExpectClean();
  machine_.ExpectWorks();
}

// Cancel as a device cancels: by its reset. The hint gets to the nodes, once and for the request
// that is held; that one ignores it and completes with its own result, once.
TEST_P(VirtioBlkHeld, CancelWhileHeld) {
  machine_.HoldRequest();
  const std::vector<IoOp>& cancelled = machine_.above_blkdebug->cancelled();
  EXPECT_TRUE(cancelled.empty());
  machine_.driver->BeginReset();
  machine_.Settle();
  EXPECT_EQ(cancelled, std::vector<IoOp>{machine_.io_op()});
  EXPECT_TRUE(machine_.blkdebug->IsSuspended(HeldMachine::kTag)) << "a held request was let go";
  EXPECT_EQ(backend().in_flight(), 1u);
  EXPECT_FALSE(machine_.transport->ResetDone());
  machine_.Release();
  ASSERT_TRUE(machine_.driver->FinishReset().ok());
  machine_.Settle();
  EXPECT_EQ(cancelled.size(), 1u);
  ExpectAnsweredOrTakenAway();
  machine_.ExpectClean();
  EXPECT_EQ(machine_.EndedInBackend(), 1u);
  machine_.Probe();
  machine_.ExpectWorks();
}

// A parked one is cancelled at once and never gets to the medium.
TEST_P(VirtioBlkHeld, CancelWhileParked) {
  std::optional<int> drained;
  StartTask(Drain(backend()), drained);
  ASSERT_TRUE(machine_.Wait([&] { return drained.has_value(); }));
  machine_.StartRequest();
  machine_.Settle();
  EXPECT_EQ(machine_.completions(), 0u);
  EXPECT_EQ(backend().in_flight(), 0u);
  ASSERT_TRUE(machine_.driver->Reset().ok()) << "a drained section delays no reset";
  EXPECT_EQ(machine_.status(), guest::kBlkNotWritten);
  EXPECT_TRUE(machine_.above_blkdebug->cancelled().empty()) << "no node knew of it";
  backend().EndDrain();
  machine_.Settle();
  machine_.ExpectClean();
  machine_.Probe();
  machine_.ExpectWorks();
}

// Two at once: the guest resets, and before that is done the device is pulled.
TEST_P(VirtioBlkHeld, GuestResetThenUnplug) {
  machine_.HoldRequest();
  machine_.driver->BeginReset();
  bool done = false;
  machine_.Begin(&Device::Unplug, &done);
  machine_.Settle();
  EXPECT_FALSE(done);
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return done; }));
  machine_.Forget();
  machine_.DestroyDevice();
  machine_.Settle();
  machine_.ExpectClean();
}

}  // namespace
}  // namespace platter

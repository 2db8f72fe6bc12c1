// SPDX-License-Identifier: Apache-2.0
//
// A SCSI disk while a command is held, for each kind of command; and what only a disk says to an
// eject.

#include <optional>

#include "testing/scenarios/scsi_held_suite.h"

namespace platter {
namespace {

constexpr ScsiHeldCase kCases[] = {
    {"Read", false, ScsiHeldOp::kRead, false},
    {"ReadApart", false, ScsiHeldOp::kRead, true},
    {"Write", false, ScsiHeldOp::kWrite, false},
    {"WriteApart", false, ScsiHeldOp::kWrite, true},
    {"SynchronizeCache", false, ScsiHeldOp::kFlush, false},
    {"Unmap", false, ScsiHeldOp::kUnmap, false},
    {"WriteSame", false, ScsiHeldOp::kWriteSame, false},
};

INSTANTIATE_TEST_SUITE_P(Disk, ScsiHeld, testing::ValuesIn(kCases), NameOfScsiHeld);

// A fixed disk is not ejected, and asking for it harms nothing.
TEST(ScsiDiskHeld, Eject) {
  for (const ScsiHeldCase& held : kCases) {
    SCOPED_TRACE(held.name);
    ScsiHeldMachine machine(held);
    machine.Hold();
    std::optional<absl::Status> ejected;
    machine.StartTask(machine.world.backend->Eject(Force::kYes), ejected);
    machine.Settle();
    machine.Release();
    ASSERT_TRUE(machine.Wait([&] { return ejected.has_value() && machine.completions() == 1; }));
    EXPECT_EQ(ejected->code(), absl::StatusCode::kFailedPrecondition);
    machine.ExpectDoneOr(guest::kScsiOk);
    machine.ExpectClean();
    machine.ExpectWorks();
  }
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// A SCSI CD drive while a read is held; and its tray meanwhile, moved by the host and by the guest.

#include <optional>

#include "testing/scenarios/scsi_held_suite.h"

namespace platter {
namespace {

constexpr ScsiHeldCase kCases[] = {
    {"Read", true, ScsiHeldOp::kRead, false},
    {"ReadApart", true, ScsiHeldOp::kRead, true},
};

INSTANTIATE_TEST_SUITE_P(Cd, ScsiHeld, testing::ValuesIn(kCases), NameOfScsiHeld);

class ScsiCdHeld : public testing::TestWithParam<ScsiHeldCase> {
 protected:
  ScsiHeldMachine machine_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Cd, ScsiCdHeld, testing::ValuesIn(kCases), NameOfScsiHeld);

TEST_P(ScsiCdHeld, Eject) {
  machine_.Hold();
  std::optional<absl::Status> ejected;
  machine_.StartTask(machine_.world.backend->Eject(Force::kNo), ejected);
  machine_.Settle();
  EXPECT_EQ(ejected, std::nullopt) << "ejected while a read was in flight";
  EXPECT_EQ(machine_.world.events.Count("DEVICE_TRAY_MOVED"), 0u);
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return ejected.has_value() && machine_.completions() == 1; }));
  EXPECT_TRUE(ejected->ok()) << *ejected;
  EXPECT_EQ(machine_.world.events.Count("DEVICE_TRAY_MOVED open"), 1u);
  machine_.ExpectDoneOr(guest::kScsiOk);
  machine_.ExpectClean();
  EXPECT_TRUE(machine_.initiator->TestUnitReady()->IsSense(6, 0x3a00));
  EXPECT_TRUE(machine_.initiator->TestUnitReady()->IsSense(2, 0x3a02));
}

TEST_P(ScsiCdHeld, EjectOfALockedDriveAsksAndTheReadGoesOn) {
  ASSERT_TRUE(machine_.initiator->PreventAllow(ScsiInitiator::Removal::kPrevent)->good());
  machine_.Hold();
  std::optional<absl::Status> ejected;
  machine_.StartTask(machine_.world.backend->Eject(Force::kNo), ejected);
  machine_.Settle();
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return ejected.has_value() && machine_.completions() == 1; }));
  EXPECT_FALSE(ejected->ok());
  machine_.ExpectDoneOr(guest::kScsiOk);
  machine_.ExpectClean();
  machine_.ExpectWorks();
}

// The guest ejects beside its own read: the read ends as it began, or finds no medium; the tray
// moves once.
TEST_P(ScsiCdHeld, GuestEject) {
  machine_.Hold();
  const auto ejected = machine_.initiator->StartStopUnit(ScsiInitiator::StartStop::kEject);
  ASSERT_TRUE(ejected->good());
  EXPECT_EQ(machine_.world.events.Count("DEVICE_TRAY_MOVED open"), 1u);
  machine_.Release();
  ASSERT_TRUE(machine_.Wait([&] { return machine_.completions() == 1; }));
  EXPECT_EQ(machine_.response(), guest::kScsiOk);
  machine_.ExpectClean();
  EXPECT_EQ(machine_.initiator->TestUnitReady()->code(), 0x3a02);
  ASSERT_TRUE(machine_.initiator->StartStopUnit(ScsiInitiator::StartStop::kLoad)->good());
  machine_.ExpectWorks();
}

}  // namespace
}  // namespace platter

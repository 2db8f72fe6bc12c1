// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

TEST(StepDiscChangeTest, NoticesAnEjectThatIsNotRefused) {
  ExpectSabotageFails(Sabotage::kUnlockedTray, "disc-change", "eject of a locked tray succeeds");
}

TEST(StepDiscChangeTest, NoticesTheOldDisc) {
  ExpectSabotageFails(Sabotage::kSameDisc, "disc-change", "the volume is 'DISC_A', not 'DISC_B'");
}

}  // namespace
}  // namespace platter

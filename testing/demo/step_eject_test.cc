// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

TEST(StepEjectTest, NoticesATrayEventThatIsLost) {
  ExpectSabotageFails(Sabotage::kLostTrayEvent, "eject",
                      "DEVICE_TRAY_MOVED tray-open=true did not happen");
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

TEST(StepScsiGrowthTest, NoticesAnInterruptThatIsLost) {
  ExpectSabotageFails(Sabotage::kLostScsiInterrupt, "scsi-growth",
                      "parameter-change event did not happen");
}

}  // namespace
}  // namespace platter

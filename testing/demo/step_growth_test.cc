// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

TEST(StepGrowthTest, NoticesAnInterruptThatIsLost) {
  ExpectSabotageFails(Sabotage::kLostInterrupt, "growth", "configuration interrupt did not happen");
}

}  // namespace
}  // namespace platter

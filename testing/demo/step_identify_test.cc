// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

TEST(StepIdentifyTest, NoticesAnotherSerialNumber) {
  ExpectSabotageFails(Sabotage::kWrongSerial, "identify", "serial number 'another'");
}

}  // namespace
}  // namespace platter

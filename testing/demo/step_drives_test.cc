// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

TEST(StepDrivesTest, NoticesAnotherSerialNumberOfTheDrive) {
  ExpectSabotageFails(Sabotage::kWrongDriveSerial, "drives", "serial number 'another'");
}

TEST(StepDrivesTest, NoticesAnotherSerialNumberOfTheScsiDisk) {
  ExpectSabotageFails(Sabotage::kWrongScsiSerial, "drives", "not 'PLATTER-SCSI-0001'");
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

TEST(StepShutdownTest, NoticesAWrongByteInTheImage) {
  ExpectSabotageFails(Sabotage::kCorruptedImage, "shutdown", "wrong checksum");
}

TEST(StepShutdownTest, NoticesADeviceWhoseEndIsNotTold) {
  ExpectSabotageFails(Sabotage::kLostDeletedEvent, "shutdown", "DEVICE_DELETED of scsi0");
}

}  // namespace
}  // namespace platter

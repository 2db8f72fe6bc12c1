// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

TEST(StepShutdownTest, NoticesAWrongByteInTheImage) {
  ExpectSabotageFails(Sabotage::kCorruptedImage, "shutdown", "wrong checksum");
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

TEST(StepDiscTest, NoticesAWrongByte) {
  ExpectSabotageFails(Sabotage::kCorruptedDisc, "disc", "wrong checksum of README.A");
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

TEST(StepReadWriteTest, NoticesAWriteThatFails) {
  ExpectSabotageFails(Sabotage::kFailingWrites, "read-write", "answered 'I/O error'");
}

TEST(StepReadWriteTest, NoticesAWrongByte) {
  ExpectSabotageFails(Sabotage::kCorruptedData, "read-write", "wrong checksum");
}

}  // namespace
}  // namespace platter

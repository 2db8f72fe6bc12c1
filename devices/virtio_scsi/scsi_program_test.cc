// SPDX-License-Identifier: Apache-2.0
//
// Many steps of a hostile driver and a busy host, from a seed.

#include "devices/virtio_scsi/scsi_program.h"

#include <array>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint64_t kSteps = 300'000;
// The adapter is checked, and begins anew, after so many steps.
constexpr uint64_t kStepsPerLife = 200;

TEST(ScsiProgramTest, ManySteps) {
  const char* given = std::getenv("PLATTER_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20261126;
  SCOPED_TRACE("PLATTER_SEED=" + std::to_string(seed));
  RecordProperty("seed", std::to_string(seed));
  Random random(seed);
  ScsiProgram program;
  for (uint64_t step = 0; step < kSteps; ++step) {
    std::array<uint8_t, 32> bytes;
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Below(256));
    std::span<const uint8_t> input(bytes);
    program.Step(input);
    if (step % kStepsPerLife == kStepsPerLife - 1) program.CheckWorks();
  }
  // It is no good when it breaks at once every time, or never.
  EXPECT_EQ(program.good(), kSteps / kStepsPerLife);
  EXPECT_GT(program.answers(), kSteps / 20);
  EXPECT_GT(program.broken(), 50u);
  EXPECT_LT(program.broken(), kSteps / kStepsPerLife);
}

TEST(ScsiProgramTest, EveryVariantWorks) {
  ScsiProgram program;
  for (uint8_t hidden = 0; hidden < 16; ++hidden) {
    program.Start(hidden);
    program.CheckWorks();
  }
  EXPECT_EQ(program.good(), 16u);
  EXPECT_EQ(program.broken(), 0u);
}

}  // namespace
}  // namespace platter

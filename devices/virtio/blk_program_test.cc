// SPDX-License-Identifier: Apache-2.0
//
// A million steps of a hostile driver, from a seed (R-VQ-21: any field, in any order, and memory
// that changes between two looks).

#include "devices/virtio/blk_program.h"

#include <array>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace platter {
namespace {

constexpr uint64_t kSteps = 1'000'000;
// The device is checked, and begins anew, after so many steps.
constexpr uint64_t kStepsPerLife = 200;

class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

TEST(BlkProgram, AMillionSteps) {
  const char* given = std::getenv("PLATTER_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20240229;
  SCOPED_TRACE("PLATTER_SEED=" + std::to_string(seed));
  RecordProperty("seed", std::to_string(seed));
  SplitMix random(seed);
  BlkProgram program;
  for (uint64_t step = 0; step < kSteps; ++step) {
    std::array<uint8_t, 32> bytes;
    for (size_t i = 0; i < bytes.size(); i += 8) {
      const uint64_t word = random.Next();
      for (size_t j = 0; j < 8; ++j) bytes[i + j] = static_cast<uint8_t>(word >> (8 * j));
    }
    std::span<const uint8_t> input(bytes);
    program.Step(input);
    if (step % kStepsPerLife == kStepsPerLife - 1) program.CheckWorks();
  }
  // It is no good when it breaks at once every time, or never, or when it checks nothing.
  EXPECT_GT(program.completions(), kSteps / 40);
  EXPECT_GT(program.packed_completions(), kSteps / 40);
  EXPECT_GT(program.broken(), 100u);
  EXPECT_LT(program.broken(), kSteps / kStepsPerLife);
  EXPECT_GT(program.checked(), program.completions() / 4);
}

TEST(BlkProgram, EveryVariantWorks) {
  BlkProgram program;
  for (uint32_t variant = 0; variant < BlkProgram::kVariants; ++variant) {
    SCOPED_TRACE(variant);
    program.Start(static_cast<uint8_t>(variant));
    const uint64_t before = program.checked();
    program.CheckWorks();
    EXPECT_EQ(program.checked(), before + ((variant & BlkProgram::kPacked) != 0 ? 0 : 1));
  }
  EXPECT_EQ(program.broken(), 0u);
}

}  // namespace
}  // namespace platter

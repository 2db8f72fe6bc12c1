// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/pio_window.h"

#include <array>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

class PioWindowTest : public testing::Test {
 protected:
  PioWindowTest() { std::iota(memory_.begin(), memory_.end(), uint8_t{0}); }

  // The block is in the middle, with the memory around it watched.
  std::span<uint8_t> block() { return std::span(memory_).subspan(16, 16); }

  std::array<uint8_t, 48> memory_;
  PioWindow window_;
};

TEST_F(PioWindowTest, ReadsTheBlockThenOnes) {
  window_.OpenIn(block());
  EXPECT_TRUE(window_.has_in());
  EXPECT_FALSE(window_.has_out());
  std::vector<uint8_t> to(24);
  window_.Read(to);
  for (size_t i = 0; i < to.size(); ++i) EXPECT_EQ(to[i], i < 16 ? 16 + i : 0xff) << i;
  EXPECT_TRUE(window_.at_end());
}

// R-IDE-01: any number of accesses of any width, in both directions.
TEST_F(PioWindowTest, R_IDE_01_NothingAroundTheBlockIsTouched) {
  for (const size_t width : {1u, 2u, 4u, 8u, 64u}) {
    std::iota(memory_.begin(), memory_.end(), uint8_t{0});
    window_.OpenOut(block());
    const std::vector<uint8_t> ones(width, 0xee);
    std::vector<uint8_t> to(width);
    for (int i = 0; i < 1000; ++i) {
      window_.Write(ones);
      window_.Read(to);
      EXPECT_EQ(to, std::vector<uint8_t>(width, 0xff));
    }
    EXPECT_TRUE(window_.at_end());
    for (size_t i = 0; i < memory_.size(); ++i) {
      EXPECT_EQ(memory_[i], i >= 16 && i < 32 ? 0xee : i);
    }
  }
}

TEST_F(PioWindowTest, TheOtherDirectionMovesNothing) {
  window_.OpenIn(block());
  window_.Write(std::vector<uint8_t>(16, 0xee));
  EXPECT_EQ(memory_[16], 16);
  EXPECT_TRUE(window_.has_in());
  window_.OpenOut(block());
  std::vector<uint8_t> to(2);
  window_.Read(to);
  EXPECT_EQ(to, std::vector<uint8_t>(2, 0xff));
  EXPECT_TRUE(window_.has_out());
}

TEST_F(PioWindowTest, ClosedItIsAtItsEnd) {
  EXPECT_TRUE(window_.at_end());
  window_.OpenOut(block());
  EXPECT_FALSE(window_.at_end());
  window_.Close();
  EXPECT_TRUE(window_.at_end());
  window_.Write(std::vector<uint8_t>(16, 0xee));
  EXPECT_EQ(memory_[16], 16);
}

}  // namespace
}  // namespace platter

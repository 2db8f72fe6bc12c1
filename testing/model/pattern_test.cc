// SPDX-License-Identifier: Apache-2.0

#include "testing/model/pattern.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(PatternTest, EveryCutOfARangeGivesTheSameBytes) {
  std::vector<uint8_t> whole(64);
  FillPattern(3, 1000, whole);
  for (uint64_t start = 0; start < whole.size(); ++start) {
    for (uint64_t length = 0; length <= whole.size() - start; ++length) {
      std::vector<uint8_t> part(length);
      FillPattern(3, 1000 + start, part);
      ASSERT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + start)) << start;
      ASSERT_EQ(FindPatternMismatch(3, 1000 + start, part), std::nullopt) << start;
    }
  }
}

TEST(PatternTest, FindsTheFirstWrongByte) {
  std::vector<uint8_t> data(100);
  FillPattern(3, 5, data);
  for (uint64_t i = 0; i < data.size(); ++i) {
    data[i] ^= 0x10;
    EXPECT_EQ(FindPatternMismatch(3, 5, data), i);
    data[i] ^= 0x10;
  }
  // Another seed, or the same data elsewhere: not the pattern.
  EXPECT_NE(FindPatternMismatch(4, 5, data), std::nullopt);
  EXPECT_NE(FindPatternMismatch(3, 5 + 512, data), std::nullopt);
}

TEST(PatternTest, ChecksumSeesEveryBit) {
  std::vector<uint8_t> data(29);
  FillPattern(1, 0, data);
  const uint64_t sum = Checksum(data);
  EXPECT_EQ(Checksum(data), sum);
  for (size_t bit = 0; bit < data.size() * 8; ++bit) {
    data[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    EXPECT_NE(Checksum(data), sum) << bit;
    data[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
  }
  // Swapped words are other data.
  std::vector<uint8_t> swapped = data;
  std::swap_ranges(swapped.begin(), swapped.begin() + 8, swapped.begin() + 8);
  EXPECT_NE(Checksum(swapped), sum);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "drivers/iov_cursor.h"

#include <numeric>
#include <vector>

#include "gtest/gtest.h"

#include "testing/model/random.h"

namespace platter {
namespace {

std::vector<uint8_t> Counting(size_t size) {
  std::vector<uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), uint8_t{1});
  return bytes;
}

// `bytes` cut into pieces at random, some of them empty.
std::vector<iovec> Cut(std::vector<uint8_t>& bytes, Random& random) {
  std::vector<iovec> pieces;
  size_t at = 0;
  while (at < bytes.size()) {
    const size_t length = random.Below(std::min<size_t>(bytes.size() - at, 20) + 1);
    pieces.push_back({bytes.data() + at, length});
    at += length;
  }
  return pieces;
}

TEST(IovBytesTest, AddsUpAndSaturates) {
  const iovec pieces[] = {{nullptr, 3}, {nullptr, 0}, {nullptr, 4}};
  EXPECT_EQ(IovBytes(pieces, 3), 7u);
  const iovec huge[] = {{nullptr, SIZE_MAX}, {nullptr, 2}};
  EXPECT_EQ(IovBytes(huge, 2), UINT64_MAX);
}

TEST(IovIsZeroTest, SeesASingleByte) {
  std::vector<uint8_t> bytes(100);
  const iovec pieces[] = {{bytes.data(), 60}, {nullptr, 0}, {bytes.data() + 60, 40}};
  EXPECT_TRUE(IovIsZero(pieces, 3));
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = 1;
    EXPECT_FALSE(IovIsZero(pieces, 3)) << i;
    bytes[i] = 0;
  }
}

TEST(IovCursorTest, CopiesLikeOnePieceWhateverTheCuts) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<uint8_t> source = Counting(random.Below(200) + 1);
    const std::vector<iovec> pieces = Cut(source, random);
    std::vector<uint8_t> copy(source.size());
    IovCursor out(pieces.data(), static_cast<uint32_t>(pieces.size()));
    for (size_t at = 0; at < copy.size();) {
      const size_t length = random.Below(copy.size() - at) + 1;
      out.CopyTo(copy.data() + at, length);
      at += length;
    }
    EXPECT_EQ(copy, source);
    const std::vector<uint8_t> reversed(source.rbegin(), source.rend());
    IovCursor in(pieces.data(), static_cast<uint32_t>(pieces.size()));
    for (size_t at = 0; at < reversed.size();) {
      const size_t length = random.Below(reversed.size() - at) + 1;
      in.CopyFrom(reversed.data() + at, length);
      at += length;
    }
    EXPECT_EQ(source, reversed);
  }
}

TEST(IovCursorTest, SliceIsTheSameBytes) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<uint8_t> source = Counting(random.Below(200) + 1);
    const std::vector<iovec> pieces = Cut(source, random);
    IovCursor cursor(pieces.data(), static_cast<uint32_t>(pieces.size()));
    const size_t begin = random.Below(source.size());
    const size_t length = random.Below(source.size() - begin) + 1;
    cursor.Advance(begin);
    std::vector<iovec> slice(cursor.Pieces(length));
    cursor.Slice(length, slice.data());
    std::vector<uint8_t> copy(length);
    ASSERT_EQ(IovBytes(slice.data(), static_cast<uint32_t>(slice.size())), length);
    IovCursor(slice.data(), static_cast<uint32_t>(slice.size())).CopyTo(copy.data(), length);
    EXPECT_EQ(copy, std::vector<uint8_t>(source.begin() + begin, source.begin() + begin + length));
  }
}

TEST(IovCursorTest, AlignedRunStopsAtTheFirstMisfit) {
  alignas(4096) static uint8_t memory[16384];
  const iovec pieces[] = {{memory, 1024}, {memory + 4096, 512}, {memory + 8192 + 8, 512}};
  const IovCursor cursor(pieces, 3);
  EXPECT_EQ(cursor.AlignedRun(2048, 512, 8, 511), 1536u);
  EXPECT_EQ(cursor.AlignedRun(2048, 512, 1, 511), 1024u);
  EXPECT_EQ(cursor.AlignedRun(700, 512, 8, 511), 512u);
  EXPECT_EQ(cursor.AlignedRun(2048, 1024, 8, 511), 1024u);
  EXPECT_EQ(cursor.AlignedRun(2048, 1, 8, 0), 2048u);
  IovCursor inside(pieces, 3);
  inside.Advance(100);
  EXPECT_EQ(inside.AlignedRun(1948, 512, 8, 511), 0u);
}

TEST(IovCursorTest, IsWholeOnlyAtPieceBoundaries) {
  uint8_t memory[64];
  const iovec pieces[] = {{memory, 16}, {memory + 16, 16}};
  IovCursor cursor(pieces, 2);
  EXPECT_TRUE(cursor.IsWhole(16));
  EXPECT_TRUE(cursor.IsWhole(32));
  EXPECT_FALSE(cursor.IsWhole(20));
  cursor.Advance(4);
  EXPECT_FALSE(cursor.IsWhole(12));
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_task.h"

#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

class ScsiBufferTest : public testing::Test {
 protected:
  uint8_t a_[3] = {1, 2, 3};
  uint8_t b_[1] = {4};
  uint8_t c_[4] = {5, 6, 7, 8};
  iovec pieces_[3] = {{a_, 3}, {b_, 1}, {c_, 4}};
  ScsiBuffer buffer_{.pieces = pieces_, .bytes = 8};
};

TEST_F(ScsiBufferTest, CopiesOutAcrossPieces) {
  std::vector<uint8_t> out(5);
  EXPECT_EQ(CopyFromBuffer(buffer_, 2, out), 5u);
  EXPECT_EQ(out, (std::vector<uint8_t>{3, 4, 5, 6, 7}));
  EXPECT_EQ(CopyFromBuffer(buffer_, 6, out), 2u);
  EXPECT_EQ(CopyFromBuffer(buffer_, 8, out), 0u);
}

TEST_F(ScsiBufferTest, CopiesInWhatFits) {
  const std::vector<uint8_t> data = {9, 9, 9, 9, 9};
  EXPECT_EQ(CopyToBuffer(data, buffer_), 5u);
  EXPECT_EQ(c_[0], 9);
  EXPECT_EQ(c_[1], 6);
  EXPECT_EQ(CopyToBuffer(std::vector<uint8_t>(20, 7), buffer_), 8u);
  EXPECT_EQ(c_[3], 7);
  EXPECT_EQ(CopyToBuffer(data, buffer_, 5), 3u);
  EXPECT_EQ(c_[3], 9);
  EXPECT_EQ(CopyToBuffer(data, buffer_, 8), 0u);
}

TEST_F(ScsiBufferTest, ShortensToTheByte) {
  EXPECT_EQ(Shorten(buffer_, 8).size(), 3u);
  const auto pieces = Shorten(buffer_, 5);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[2].iov_len, 1u);
  EXPECT_EQ(buffer_.bytes, 5u);
  EXPECT_EQ(Shorten(buffer_, 3).size(), 1u);
  EXPECT_EQ(Shorten(buffer_, 0).size(), 0u);
}

}  // namespace
}  // namespace platter

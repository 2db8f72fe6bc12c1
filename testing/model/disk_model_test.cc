// SPDX-License-Identifier: Apache-2.0

#include "testing/model/disk_model.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(DiskModelTest, NamesTheFirstWrongByte) {
  DiskModel model(2048);
  std::vector<uint8_t> data(512, 0xab);
  model.Write(1024, data);
  EXPECT_EQ(model.Mismatch(1024, data), std::nullopt);
  data[3] = 0xcd;
  const auto mismatch = model.Mismatch(1024, data);
  ASSERT_TRUE(mismatch.has_value());
  EXPECT_EQ(*mismatch, "byte 1027 of the disk (sector 2) is 0xcd and had to be 0xab");
}

TEST(DiskModelTest, UndefinedBytesMayReadAsAnythingUntilWritten) {
  DiskModel model(512);
  const std::vector<uint8_t> ones(512, 1);
  EXPECT_NE(model.Mismatch(0, ones), std::nullopt);
  model.MakeUndefined(0, 512);
  EXPECT_EQ(model.Mismatch(0, ones), std::nullopt);
  model.WriteZeroes(100, 1);
  EXPECT_THAT(*model.Mismatch(0, ones), testing::HasSubstr("byte 100 "));
}

TEST(DiskModelTest, GrowthReadsAsZeroes) {
  DiskModel model(512);
  model.Write(0, std::vector<uint8_t>(512, 9));
  model.Resize(1024);
  EXPECT_EQ(model.Mismatch(512, std::vector<uint8_t>(512, 0)), std::nullopt);
  EXPECT_EQ(model.Expected(0, 1)[0], 9);
}

}  // namespace
}  // namespace platter

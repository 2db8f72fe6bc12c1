// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/sense_text.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(SenseTextTest, SaysWhatTheCodeMeans) {
  EXPECT_EQ(SenseText(6, 0x2800), "6/28/00, the medium may have changed");
  EXPECT_EQ(SenseText(2, 0x3a02), "2/3a/02, no medium, tray open");
}

TEST(SenseTextTest, UnknownCodesAreNumbers) { EXPECT_EQ(SenseText(0xb, 0x0006), "b/00/06"); }

}  // namespace
}  // namespace platter

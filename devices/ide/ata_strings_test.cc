// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_strings.h"

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

TEST(AtaStringsTest, AsLongAsTheFieldAndPrintable) {
  EXPECT_TRUE(CheckAtaString("drive 'd'", "serial", std::string(20, 'x'), 20).ok());
  EXPECT_TRUE(CheckAtaString("drive 'd'", "serial", "", 20).ok());
  EXPECT_TRUE(CheckAtaString("drive 'd'", "serial", " ~", 20).ok());
  const absl::Status longer = CheckAtaString("drive 'd'", "ver", "123456789", 8);
  EXPECT_EQ(longer.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MessageOf(longer), "drive 'd': ver '123456789' is longer than 8 characters");
  for (const char* text : {"a\n", "\x7f", "\xc3\xa4"}) {
    EXPECT_EQ(MessageOf(CheckAtaString("drive 'd'", "model", text, 40)),
              "drive 'd': model has characters that are not printable ASCII");
  }
}

}  // namespace
}  // namespace platter

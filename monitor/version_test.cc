// SPDX-License-Identifier: Apache-2.0

#include "monitor/version.h"

#include "gtest/gtest.h"

#include "config/json_writer.h"

namespace platter {
namespace {

TEST(VersionTest, HasTheMembersThatClientsReadAndSaysWhoItIs) {
  EXPECT_EQ(
      FormatJson(VersionValue()),
      R"({"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": "Platter, QMP as of 7.2"})");
}

}  // namespace
}  // namespace platter

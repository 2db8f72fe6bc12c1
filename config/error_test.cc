// SPDX-License-Identifier: Apache-2.0

#include "config/error.h"

#include <cerrno>
#include <string>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

TEST(ConfigError, NamesThePathAndKeepsEinval) {
  const absl::Status status = ConfigError("blockdev.size", "too small");
  EXPECT_EQ(MessageOf(status), "blockdev.size: too small");
  EXPECT_EQ(ErrnoOf(status), EINVAL);
}

TEST(JoinPath, QuotesNamesThatMayHoldAnything) {
  EXPECT_EQ(JoinPath("blockdev", "node-name"), "blockdev.node-name");
  EXPECT_EQ(JoinPath("", "a_0"), "a_0");
  EXPECT_EQ(JoinPath("blockdev", ""), "blockdev.''");
  EXPECT_EQ(JoinPath("blockdev", "a.b\n"), "blockdev.'a.b\\x0a'");
  EXPECT_LT(JoinPath("blockdev", std::string(100000, 'a')).size(), 100u);
}

}  // namespace
}  // namespace platter

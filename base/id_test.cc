// SPDX-License-Identifier: Apache-2.0
#include "base/id.h"

#include <cerrno>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

TEST(IdTest, WellFormed) {
  for (const char* id : {"a", "drive0", "my-disk.1_x", "Z9"}) EXPECT_TRUE(IsWellFormedId(id)) << id;
  for (const char* id : {"", "0a", "-a", "_a", "a b", "a/b", "#block1", "ä"}) {
    EXPECT_FALSE(IsWellFormedId(id)) << id;
  }
  EXPECT_TRUE(IsWellFormedId(std::string(kMaxIdLength, 'a')));
  EXPECT_FALSE(IsWellFormedId(std::string(kMaxIdLength + 1, 'a')));
}

TEST(IdTest, TheErrorNamesWhatAndTheId) {
  const absl::Status status = CheckId("node", "9\n");
  EXPECT_EQ(ErrnoOf(status), EINVAL);
  EXPECT_THAT(MessageOf(status), testing::HasSubstr("node id '9\\n' is not well-formed"));
  EXPECT_TRUE(CheckId("node", "n9").ok());
}

}  // namespace
}  // namespace platter

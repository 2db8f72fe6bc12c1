// SPDX-License-Identifier: Apache-2.0
#include "tools/options.h"

#include <cerrno>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

constexpr option kOptions[] = {
    {"node", required_argument, nullptr, 0},
    {"quick", no_argument, nullptr, 0},
    {"help", no_argument, nullptr, 'h'},
    {nullptr, 0, nullptr, 0},
};

class OptionsTest : public testing::Test {
 protected:
  absl::Status Read(std::vector<std::string> words) {
    words.insert(words.begin(), "tool");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    optind = 0;  // glibc: from the start.
    told_.clear();
    return ForEachOption(static_cast<int>(words.size()), argv.data(), kOptions, "hS",
                         [this](std::string_view name, const std::string& value) {
                           told_.push_back(std::string(name) + "=" + value);
                           return value == "bad" ? absl::InvalidArgumentError("bad")
                                                 : absl::OkStatus();
                         });
  }
  std::string Refused(std::vector<std::string> words) {
    const absl::Status status = Read(std::move(words));
    EXPECT_EQ(ErrnoOf(status), EINVAL);
    return std::string(MessageOf(status));
  }
  std::vector<std::string> told_;
};

TEST_F(OptionsTest, LongOnesAndLettersInTheirOrder) {
  ASSERT_TRUE(Read({"--node", "a", "-S", "--quick", "--node=b", "-h"}).ok());
  EXPECT_EQ(told_, (std::vector<std::string>{"node=a", "S=", "quick=", "node=b", "help="}));
  ASSERT_TRUE(Read({}).ok());
  EXPECT_TRUE(told_.empty());
}

TEST_F(OptionsTest, WhatIsWrongIsQuoted) {
  EXPECT_EQ(Refused({"--nod=", "x", "--what"}), "'x': no such argument");
  EXPECT_EQ(Refused({"--what"}), "'--what' is no option; see --help");
  EXPECT_EQ(Refused({"-x"}), "'-x' is no option; see --help");
  EXPECT_EQ(Refused({"--node"}), "'--node' needs a value; see --help");
  EXPECT_EQ(Refused({"--quick", "word", "--node", "a"}), "'word': no such argument");
}

TEST_F(OptionsTest, WhatIsRefusedEndsIt) {
  EXPECT_EQ(Read({"--node", "bad", "--quick"}), absl::InvalidArgumentError("bad"));
  EXPECT_EQ(told_.size(), 1u);
}

}  // namespace
}  // namespace platter

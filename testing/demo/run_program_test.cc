// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/run_program.h"

#include <cerrno>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

TEST(RunProgramTest, GivesOutputAndExitCode) {
  const auto result = RunProgram("sh", {"-c", "echo out; echo err >&2; exit 7"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_EQ(result->output, "out\nerr\n");
}

TEST(RunProgramTest, SignalIsToldAsTheShellTellsIt) {
  const auto result = RunProgram("sh", {"-c", "kill -TERM $$"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 128 + 15);
}

TEST(RunProgramTest, OutputIsBounded) {
  const auto result = RunProgram("sh", {"-c", "yes | head -c 1000000"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output.size(), kMaxProgramOutput);
}

TEST(RunProgramTest, ProgramThatIsNotThereIsNamed) {
  const auto result = RunProgram("no-such-program", {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(ErrnoOf(result.status()), ENOENT);
  EXPECT_NE(MessageOf(result.status()).find("no-such-program"), std::string::npos);
  EXPECT_FALSE(RunProgram("/no/such/program", {}).ok());
}

}  // namespace
}  // namespace platter

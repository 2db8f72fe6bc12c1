// SPDX-License-Identifier: Apache-2.0
//
// The proof that a fuzz test notices a failure and says how to see it again: canary_fuzz has a
// known fault. Under --config=fuzz the same test proves it of libFuzzer.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace platter {
namespace {

struct Outcome {
  bool failed = false;
  std::string output;
};

Outcome RunCanary(const std::string& environment) {
  // Without the variables that tell where to report to Bazel: that is for this test itself.
  const std::string command = "env -u XML_OUTPUT_FILE -u TEST_PREMATURE_EXIT_FILE " + environment +
                              " testing/fuzz/canary_fuzz -max_total_time=20 2>&1";
  FILE* const pipe = popen(command.c_str(), "r");
  Outcome outcome;
  if (pipe == nullptr) return outcome;
  char buffer[4096];
  size_t got = 0;
  while ((got = fread(buffer, 1, sizeof(buffer), pipe)) > 0) outcome.output.append(buffer, got);
  outcome.failed = pclose(pipe) != 0;
  return outcome;
}

bool IsLibFuzzer(const Outcome& outcome) {
  return outcome.output.find("libFuzzer") != std::string::npos;
}

constexpr char kCorpus[] = "PLATTER_FUZZ_CORPUS=testing/fuzz/corpus/canary ";

TEST(FuzzCanary, AFaultIsFoundAndNamed) {
  const Outcome outcome = RunCanary(std::string(kCorpus) + "PLATTER_FUZZ_RUNS=5000");
  EXPECT_TRUE(outcome.failed) << outcome.output;
  const std::string named =
      IsLibFuzzer(outcome) ? "Test unit written to" : "fuzz replay: died in run";
  EXPECT_NE(outcome.output.find(named), std::string::npos) << outcome.output;
}

TEST(FuzzCanary, TheNamedRunFailsAgainByItself) {
  const Outcome all = RunCanary(std::string(kCorpus) + "PLATTER_FUZZ_RUNS=5000");
  if (IsLibFuzzer(all)) return;  // It saves the input in a file instead.
  const size_t at = all.output.find("PLATTER_FUZZ_SEED=");
  ASSERT_NE(at, std::string::npos) << all.output;
  const std::string environment = all.output.substr(at, all.output.find('\n', at) - at);
  const Outcome again = RunCanary(kCorpus + environment);
  EXPECT_TRUE(again.failed) << environment;
  EXPECT_NE(again.output.find(environment), std::string::npos) << again.output;
}

TEST(FuzzCanary, WithoutTheFaultItPasses) {
  const Outcome outcome = RunCanary(std::string(kCorpus) + "PLATTER_FUZZ_RUNS=0");
  if (IsLibFuzzer(outcome)) return;  // It knows nothing of that limit.
  EXPECT_FALSE(outcome.failed) << outcome.output;
  EXPECT_NE(outcome.output.find("[  PASSED  ] 2 tests"), std::string::npos) << outcome.output;
}

TEST(FuzzCanary, ACorpusThatIsNotThereFails) {
  const Outcome outcome =
      RunCanary("PLATTER_FUZZ_CORPUS=testing/fuzz/no-such-folder PLATTER_FUZZ_RUNS=0");
  EXPECT_TRUE(outcome.failed) << outcome.output;
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
#include "testing/faults/fault_plan.h"

#include <cerrno>
#include <functional>
#include <string>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(FaultPlanTest, FailsTheKthOnly) {
  FaultPlan plan(2, -EIO, FaultEffect::kNothingDone);
  EXPECT_EQ(plan.NextIo(), 0);
  EXPECT_FALSE(plan.fired());
  EXPECT_EQ(plan.NextIo(), -EIO);
  EXPECT_TRUE(plan.fired());
  EXPECT_EQ(plan.NextIo(), 0);
  EXPECT_EQ(plan.count(), 3u);
}

TEST(FaultPlanTest, ZeroFailsNone) {
  FaultPlan plan(0, -EIO, FaultEffect::kNothingDone);
  EXPECT_EQ(plan.NextIo(), 0);
  EXPECT_FALSE(plan.fired());
}

// Above and below: a lost completion, a double one, and both together, which leaves as many
// completions as there were requests.
TEST(FaultPlanTest, KeepsTheBooksAboveAndBelow) {
  struct Books {
    const char* name;
    std::function<uint64_t(FaultPlan&)> submit;
    std::function<void(FaultPlan&, uint64_t)> complete;
  };
  const Books kBooks[] = {
      {"of the scenario", [](FaultPlan& plan) { return plan.requests().SubmittedNext(); },
       [](FaultPlan& plan, uint64_t id) { plan.requests().Completed(id); }},
      {"below the faults", [](FaultPlan& plan) { return plan.Passed(); },
       [](FaultPlan& plan, uint64_t id) { plan.Completed(id); }},
  };
  for (const Books& books : kBooks) {
    for (const int completions_of_first : {0, 1, 2}) {
      for (const int completions_of_second : {0, 1}) {
        FaultPlan plan(0, 0, FaultEffect::kNothingDone);
        const uint64_t first = books.submit(plan);
        const uint64_t second = books.submit(plan);
        for (int i = 0; i < completions_of_first; ++i) books.complete(plan, first);
        for (int i = 0; i < completions_of_second; ++i) books.complete(plan, second);
        const std::string text = absl::StrJoin(plan.Violations(), "; ");
        const bool lost = completions_of_first == 0 || completions_of_second == 0;
        EXPECT_EQ(text.find("never completed") != std::string::npos, lost) << text;
        EXPECT_EQ(text.find("completed twice") != std::string::npos, completions_of_first == 2)
            << text;
        EXPECT_EQ(text.empty(), completions_of_first == 1 && completions_of_second == 1);
        if (!text.empty()) {
          EXPECT_EQ(text.find(books.name), 0u) << text;
        }
      }
    }
  }
}

}  // namespace
}  // namespace platter

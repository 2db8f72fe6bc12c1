// SPDX-License-Identifier: Apache-2.0
#include "testing/faults/for_each_fault.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace platter {
namespace {

const char* NameOf(FaultEffect effect) {
  switch (effect) {
    case FaultEffect::kAtOnce:
      return "at once";
    case FaultEffect::kNothingDone:
      return "later";
    case FaultEffect::kDoneAnyway:
      break;
  }
  return "later, done anyway";
}

enum class Outcome : uint8_t { kMetItsFault, kHadNoSuchIo, kFailed };

Outcome RunOnce(FaultPlan& plan, absl::FunctionRef<void(FaultPlan&)> scenario) {
  SCOPED_TRACE(::testing::Message() << "I/O " << plan.k() << " fails with " << plan.error() << " "
                                    << NameOf(plan.effect()));
  scenario(plan);
  const std::vector<std::string> violations = plan.Violations();
  EXPECT_THAT(violations, ::testing::IsEmpty());
  if (!violations.empty() || ::testing::Test::HasFailure()) return Outcome::kFailed;
  return plan.fired() ? Outcome::kMetItsFault : Outcome::kHadNoSuchIo;
}

}  // namespace

uint64_t ForEachFault(const FaultOptions& options, absl::FunctionRef<void(FaultPlan&)> scenario) {
  FaultPlan none(0, 0, FaultEffect::kNothingDone);
  if (RunOnce(none, scenario) == Outcome::kFailed) return 0;
  uint64_t runs = 0;
  for (const IoResult error : options.errors) {
    for (const FaultEffect effect : options.effects) {
      for (uint64_t k = 1;; ++k) {
        FaultPlan plan(k, error, effect);
        const Outcome outcome = RunOnce(plan, scenario);
        if (outcome == Outcome::kFailed) return runs;
        if (outcome == Outcome::kHadNoSuchIo) break;
        ++runs;
        if (k == options.max_points) {
          ADD_FAILURE() << "the scenario has more than " << options.max_points << " I/Os";
          return runs;
        }
      }
    }
  }
  EXPECT_GT(runs, 0u) << "the scenario has no I/O";
  return runs;
}

}  // namespace platter

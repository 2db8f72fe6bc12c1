// SPDX-License-Identifier: Apache-2.0
#include "testing/faults/fault_plan.h"

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {

IoResult FaultPlan::NextIo() {
  MutexLock lock(mutex_);
  return ++count_ == k_ ? error_ : 0;
}

uint64_t FaultPlan::Passed() {
  MutexLock lock(mutex_);
  return passed_.SubmittedNext();
}

void FaultPlan::Completed(uint64_t number) {
  MutexLock lock(mutex_);
  passed_.Completed(number);
}

uint64_t FaultPlan::count() const {
  MutexLock lock(mutex_);
  return count_;
}

std::vector<std::string> FaultPlan::Violations() const {
  constexpr auto kNoneLeft = CompletionLedger::Outstanding::kRefused;
  std::vector<std::string> violations;
  const absl::Status own = requests_.Check(kNoneLeft);
  if (!own.ok()) violations.push_back(absl::StrCat("of the scenario: ", MessageOf(own)));
  MutexLock lock(mutex_);
  const absl::Status below = passed_.Check(kNoneLeft);
  if (!below.ok()) violations.push_back(absl::StrCat("below the faults: ", MessageOf(below)));
  return violations;
}

}  // namespace platter

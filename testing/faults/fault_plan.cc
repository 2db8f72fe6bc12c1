// SPDX-License-Identifier: Apache-2.0
#include "testing/faults/fault_plan.h"

#include "absl/strings/str_cat.h"

namespace platter {

IoResult FaultPlan::NextIo() {
  MutexLock lock(mutex_);
  return ++count_ == k_ ? error_ : 0;
}

void FaultPlan::Pending() {
  MutexLock lock(mutex_);
  ++pending_;
}

void FaultPlan::Completed() {
  MutexLock lock(mutex_);
  ++completed_;
}

uint64_t FaultPlan::count() const {
  MutexLock lock(mutex_);
  return count_;
}

uint64_t FaultPlan::outstanding() const {
  MutexLock lock(mutex_);
  return pending_ - completed_;
}

std::vector<std::string> FaultPlan::Violations() const {
  MutexLock lock(mutex_);
  if (pending_ == completed_) return {};
  return {absl::StrCat(pending_, " requests were pending and ", completed_, " completed")};
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// ForEachFault: runs a scenario again and again, each time with its next I/O failing, until it has
// no further I/O, and then the same with the next error. So every place where an I/O can fail
// fails once.
//
//   ForEachFault({}, [](FaultPlan& plan) {
//     auto disk = FaultNode::Create("faulty", memory, plan);
//     root.set_ledger(&plan.requests());
//     ... build what is under test above it, use it, take it down ...
//   });
//
// After each run: the fault was met; of the requests that the scenario notes in plan.requests() (a
// TestRoot does with set_ledger) each completed once and none is in flight; and the same of what
// the FaultNodes passed on. What else must hold the scenario expects itself. It is run with a plan
// without fault first.
//
// Ownership: the plan lives for one run. Threading: the caller's. Errors: failures of the test,
// with k and the error in the trace.

#ifndef PLATTER_TESTING_FAULTS_FOR_EACH_FAULT_H_
#define PLATTER_TESTING_FAULTS_FOR_EACH_FAULT_H_

#include <cerrno>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"

#include "testing/faults/fault_plan.h"

namespace platter {

struct FaultOptions {
  std::vector<IoResult> errors = {-EIO, -ENOSPC};
  std::vector<FaultEffect> effects = {FaultEffect::kAtOnce, FaultEffect::kNothingDone,
                                      FaultEffect::kDoneAnyway};
  // A scenario with more I/O than this is an error of the test.
  uint64_t max_points = 10'000;
};

// The number of runs that met their fault.
uint64_t ForEachFault(const FaultOptions& options, absl::FunctionRef<void(FaultPlan&)> scenario);

}  // namespace platter

#endif  // PLATTER_TESTING_FAULTS_FOR_EACH_FAULT_H_

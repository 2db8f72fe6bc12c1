// SPDX-License-Identifier: Apache-2.0
//
// FaultPlan: which I/O of a scenario fails and how, and two sets of books: of the requests that
// pass a FaultNode, below what is under test, and of the scenario's own, above it. In both each
// request completes once and none is left; in the one below whether the child does so.
//
// Ownership: outlives the FaultNodes that ask it. Threading: any (it locks), but for requests():
// the scenario's thread. Errors: a negative errno for the I/O that is to fail; Violations() in
// words.

#ifndef PLATTER_TESTING_FAULTS_FAULT_PLAN_H_
#define PLATTER_TESTING_FAULTS_FAULT_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "aio/io_request.h"
#include "base/mutex.h"
#include "testing/model/completion_ledger.h"

namespace platter {

// When a failing request fails, and what of it happens all the same.
enum class FaultEffect : uint8_t {
  kAtOnce,       // Start returns the error, and nothing was done.
  kNothingDone,  // The same in a later turn.
  kDoneAnyway,   // It was done, and fails in a later turn all the same.
};

class FaultPlan {
 public:
  // The `k`th I/O (1: the first) fails with `error`; 0: none does.
  FaultPlan(uint64_t k, IoResult error, FaultEffect effect)
      : k_(k), error_(error), effect_(effect) {}

  uint64_t k() const { return k_; }
  IoResult error() const { return error_; }
  FaultEffect effect() const { return effect_; }

  // An I/O starts: 0, or the error it is to have.
  IoResult NextIo();
  // A request goes to a FaultNode's child: its number. It has completed: at once or later, once.
  uint64_t Passed();
  void Completed(uint64_t number);

  // The scenario's own requests, when it notes them here as they enter what is under test and as
  // they come out of it (TestRoot::set_ledger).
  CompletionLedger& requests() { return requests_; }

  // I/Os so far.
  uint64_t count() const;
  // Whether the kth has come.
  bool fired() const { return k_ != 0 && count() >= k_; }
  // What is wrong once the scenario has ended; empty when nothing is.
  std::vector<std::string> Violations() const;

 private:
  const uint64_t k_;
  const IoResult error_;
  const FaultEffect effect_;
  mutable Mutex mutex_;
  uint64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  CompletionLedger passed_ ABSL_GUARDED_BY(mutex_);
  CompletionLedger requests_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_FAULTS_FAULT_PLAN_H_

// SPDX-License-Identifier: Apache-2.0
//
// FaultPlan: which I/O of a scenario fails, and the books about all of them: how many there were,
// that each that was pending completed once, and that none is left.
//
// Ownership: outlives the FaultNodes that ask it. Threading: any (it locks). Errors: a negative
// errno for the I/O that is to fail; Violations() in words.

#ifndef PLATTER_TESTING_FAULTS_FAULT_PLAN_H_
#define PLATTER_TESTING_FAULTS_FAULT_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "aio/io_request.h"
#include "base/mutex.h"

namespace platter {

// What of a failing request happens all the same.
enum class FaultEffect : uint8_t { kNothingDone, kDoneAnyway };

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
  // A pending I/O starts and completes.
  void Pending();
  void Completed();

  // I/Os so far.
  uint64_t count() const;
  // Whether the kth has come.
  bool fired() const { return k_ != 0 && count() >= k_; }
  uint64_t outstanding() const;
  std::vector<std::string> Violations() const;

 private:
  const uint64_t k_;
  const IoResult error_;
  const FaultEffect effect_;
  mutable Mutex mutex_;
  uint64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t pending_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t completed_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_FAULTS_FAULT_PLAN_H_

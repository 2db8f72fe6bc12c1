// SPDX-License-Identifier: Apache-2.0
//
// CompletionLedger: the invariant that each request completes once. A test notes what it submits
// and what completes; the ledger knows what is wrong.
//
// Ownership: a value. Threading: one thread. Errors: Check returns INTERNAL with a text for each
// kind of violation, with the id of its first request.

#ifndef PLATTER_TESTING_MODEL_COMPLETION_LEDGER_H_
#define PLATTER_TESTING_MODEL_COMPLETION_LEDGER_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"

namespace platter {

class CompletionLedger {
 public:
  enum class Outstanding : uint8_t { kRefused, kAllowed };

  // `id` is the test's and is never used twice in a ledger's life.
  void Submitted(uint64_t id);
  // The same with an id that the ledger chooses and returns: for a test that has none of its own.
  uint64_t SubmittedNext();
  void Completed(uint64_t id);

  uint64_t submitted() const { return submitted_; }
  uint64_t completed() const { return completed_; }
  uint64_t outstanding() const { return submitted_ - completed_; }

  // Each request was submitted once, completed at most once and, unless allowed, is not
  // outstanding; nothing completed that was not submitted.
  absl::Status Check(Outstanding outstanding) const;

 private:
  enum class State : uint8_t { kOutstanding, kDone };

  void Violation(const char* what, uint64_t id);

  std::unordered_map<uint64_t, State> requests_;
  uint64_t submitted_ = 0;
  uint64_t completed_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_MODEL_COMPLETION_LEDGER_H_

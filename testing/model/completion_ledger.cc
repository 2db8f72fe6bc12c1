// SPDX-License-Identifier: Apache-2.0

#include "testing/model/completion_ledger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace platter {

namespace {
// Enough to understand a failure; a storm of them says no more.
constexpr size_t kMaxViolations = 8;
}  // namespace

void CompletionLedger::Violation(const char* what, uint64_t id) {
  if (violations_.size() < kMaxViolations) {
    violations_.push_back(absl::StrCat("request ", id, " ", what));
  }
}

void CompletionLedger::Submitted(uint64_t id) {
  if (requests_.emplace(id, State::kOutstanding).second) {
    ++submitted_;
  } else {
    Violation("was submitted twice", id);
  }
}

uint64_t CompletionLedger::SubmittedNext() {
  const uint64_t id = submitted_ + 1;
  Submitted(id);
  return id;
}

void CompletionLedger::Completed(uint64_t id) {
  const auto it = requests_.find(id);
  if (it == requests_.end()) {
    Violation("completed and was never submitted", id);
  } else if (it->second == State::kDone) {
    Violation("completed twice", id);
  } else {
    it->second = State::kDone;
    ++completed_;
  }
}

absl::Status CompletionLedger::Check(Outstanding outstanding) const {
  std::vector<std::string> violations = violations_;
  if (outstanding == Outstanding::kRefused && submitted_ != completed_) {
    uint64_t lowest = UINT64_MAX;
    for (const auto& [id, state] : requests_) {
      if (state == State::kOutstanding) lowest = std::min(lowest, id);
    }
    violations.push_back(absl::StrCat("request ", lowest, " and ", submitted_ - completed_ - 1,
                                      " more never completed"));
  }
  if (violations.empty()) return absl::OkStatus();
  return absl::InternalError(absl::StrJoin(violations, "; "));
}

}  // namespace platter

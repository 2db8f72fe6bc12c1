// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/op_blockers.h"

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {

std::string_view BlockOperationName(BlockOperation operation) {
  static constexpr std::array<std::string_view, kBlockOperationCount> kNames = {
      "backup-source",
      "backup-target",
      "change",
      "commit-source",
      "commit-target",
      "dataplane",
      "drive-del",
      "eject",
      "external-snapshot",
      "internal-snapshot",
      "internal-snapshot-delete",
      "mirror-source",
      "mirror-target",
      "resize",
      "stream",
      "replace",
  };
  return kNames[static_cast<size_t>(operation)];
}

OpBlockers::~OpBlockers() {
  for (OpBlocker* const blocker : blockers_) blocker->list_ = nullptr;
}

const OpBlocker* OpBlockers::Find(BlockOperation operation) const {
  for (const OpBlocker* const blocker : blockers_) {
    if (blocker->operations_.Has(operation)) return blocker;
  }
  return nullptr;
}

absl::Status OpBlockers::Check(BlockOperation operation, std::string_view title) const {
  const OpBlocker* const blocker = Find(operation);
  if (blocker == nullptr) return absl::OkStatus();
  return ErrorWithErrno(
      EBUSY, absl::StrCat(std::string(title), ": ", std::string(BlockOperationName(operation)),
                          " is blocked: ", blocker->reason()));
}

OpBlocker::OpBlocker(OpBlockers& list, BlockOperationSet operations, std::string reason)
    : list_(&list), operations_(operations), reason_(std::move(reason)) {
  list.blockers_.push_back(this);
}

OpBlocker::~OpBlocker() {
  if (list_ != nullptr) std::erase(list_->blockers_, this);
}

}  // namespace platter

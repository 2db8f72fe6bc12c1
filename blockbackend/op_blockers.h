// SPDX-License-Identifier: Apache-2.0
//
// OpBlockers: which operations nobody may begin on a backend now, and why. Whoever needs a backend
// to stay as it is (a job, a device that cannot follow) holds an OpBlocker; the reason is what a
// user sees whose command is refused. Blockers stay when the medium changes.
//
//   OpBlocker busy(backend->op_blockers(),
//   BlockOperationSet::All().Without(BlockOperation::kEject),
//                  "block job 'job0' copies it");
//
// Permissions of edges (drivers/permissions.h) are about bytes, blockers about commands; neither
// covers the other.
//
// Ownership: an OpBlocker is its holder's; it and the list may go in any order.
// Threading: control context. Errors: FAILED_PRECONDITION (EBUSY) with the oldest reason.

#ifndef PLATTER_BLOCKBACKEND_OP_BLOCKERS_H_
#define PLATTER_BLOCKBACKEND_OP_BLOCKERS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace platter {

// The operations that the field knows.
enum class BlockOperation : uint8_t {
  kBackupSource,
  kBackupTarget,
  kChange,  // Inserting another medium.
  kCommitSource,
  kCommitTarget,
  kDataplane,  // Moving to another event loop.
  kDriveDel,
  kEject,
  kExternalSnapshot,
  kInternalSnapshot,
  kInternalSnapshotDelete,
  kMirrorSource,
  kMirrorTarget,
  kResize,
  kStream,
  kReplace,
};
inline constexpr int kBlockOperationCount = 16;

// The field's word: "backup-source" ...
std::string_view BlockOperationName(BlockOperation operation);

class BlockOperationSet {
 public:
  constexpr BlockOperationSet() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): one operation is a set, too.
  constexpr BlockOperationSet(BlockOperation one) : bits_(Bit(one)) {}
  static constexpr BlockOperationSet All() {
    return BlockOperationSet((1u << kBlockOperationCount) - 1);
  }

  constexpr bool Has(BlockOperation one) const { return (bits_ & Bit(one)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr BlockOperationSet With(BlockOperation one) const {
    return BlockOperationSet(bits_ | Bit(one));
  }
  constexpr BlockOperationSet Without(BlockOperation one) const {
    return BlockOperationSet(bits_ & ~Bit(one));
  }

 private:
  explicit constexpr BlockOperationSet(uint32_t bits) : bits_(bits) {}
  static constexpr uint32_t Bit(BlockOperation one) { return 1u << static_cast<uint32_t>(one); }

  uint32_t bits_ = 0;
};

class OpBlocker;

class OpBlockers {
 public:
  OpBlockers() = default;
  OpBlockers(const OpBlockers&) = delete;
  OpBlockers& operator=(const OpBlockers&) = delete;
  ~OpBlockers();

  bool IsBlocked(BlockOperation operation) const { return Find(operation) != nullptr; }
  // OK, or why `operation` is refused; `title` names what it was asked of.
  absl::Status Check(BlockOperation operation, std::string_view title) const;

 private:
  friend class OpBlocker;

  const OpBlocker* Find(BlockOperation operation) const;

  std::vector<OpBlocker*> blockers_;  // Oldest first.
};

class OpBlocker {
 public:
  OpBlocker(OpBlockers& list, BlockOperationSet operations, std::string reason);
  OpBlocker(const OpBlocker&) = delete;
  OpBlocker& operator=(const OpBlocker&) = delete;
  ~OpBlocker();

  const std::string& reason() const { return reason_; }
  // Blocks `operation` no longer.
  void Unblock(BlockOperation operation) { operations_ = operations_.Without(operation); }

 private:
  friend class OpBlockers;

  OpBlockers* list_;
  BlockOperationSet operations_;
  const std::string reason_;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_OP_BLOCKERS_H_

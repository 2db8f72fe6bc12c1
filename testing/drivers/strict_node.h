// SPDX-License-Identifier: Apache-2.0
//
// StrictNode: a node for tests of what stands above nodes. It holds an array of bytes, has whatever
// limits and features it is given, and notes every request that breaks what BlockNode promises to
// drivers (range, alignment of offset and memory, length, number of pieces, operation, context). It
// completes at once or in a later turn, fails the requests it is told to, and counts.
//
// Ownership: see BlockNode. Threading: any-context or home-context; it locks (a test node).
// Errors: those it is told to give.

#ifndef PLATTER_TESTING_DRIVERS_STRICT_NODE_H_
#define PLATTER_TESTING_DRIVERS_STRICT_NODE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "base/mutex.h"
#include "drivers/node.h"

namespace platter {

struct StrictOptions {
  enum class Completion : uint8_t { kAtOnce, kLaterTurn, kAlternating };

  uint64_t size = uint64_t{64} * 1024;
  NodeLimits limits = {};
  NodeFeatures features{.fua = true, .discard = true, .write_zeroes = true, .may_unmap = true};
  Completion completion = Completion::kAtOnce;
  AioContext* home_context = nullptr;
  bool read_only = false;
  // Writes beyond the end grow it.
  bool grows = false;
  // The features stay, but the operations answer -ENOTSUP, as a file may.
  bool refuses_discard = false;
  bool refuses_zeroes = false;
};

class StrictNode final : public BlockNode {
 public:
  explicit StrictNode(const StrictOptions& options, std::string node_name = "strict");

  const char* driver_name() const override { return "strict"; }
  IoResult Start(IoRequest& request) override;
  void Cancel(IoRequest& request) override;
  Task<absl::Status> Truncate(uint64_t new_length) override;

  // The `nth` request from now on (1: the next) fails with `error`; 0: none does. A failing
  // transfer does nothing.
  void FailNth(uint64_t nth, IoResult error);

  // Broken promises, in words; empty when all is well.
  std::vector<std::string> Complaints() const;
  uint64_t started() const;
  uint64_t started(IoOp op) const;
  int64_t in_flight() const;
  uint64_t cancels() const;
  std::vector<uint8_t> Content() const;
  void SetContent(std::vector<uint8_t> content);

  // Changes limits and tells the parents. [drained]
  void SetLimits(const NodeLimits& limits);

 private:
  class Later;

  void Examine(const IoRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Complain(const IoRequest& request, const char* what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  IoResult Do(const IoRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const StrictOptions options_;
  mutable Mutex mutex_;
  std::vector<uint8_t> bytes_ ABSL_GUARDED_BY(mutex_);  // Rounded up to the alignment.
  std::vector<std::string> complaints_ ABSL_GUARDED_BY(mutex_);
  uint64_t started_[kIoOpCount] ABSL_GUARDED_BY(mutex_) = {};
  uint64_t fail_at_ ABSL_GUARDED_BY(mutex_) = 0;
  IoResult fail_with_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t cancels_ ABSL_GUARDED_BY(mutex_) = 0;
  bool later_next_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DRIVERS_STRICT_NODE_H_

// SPDX-License-Identifier: Apache-2.0
//
// BlkdebugNode: the driver `blkdebug`: a filter that fails or holds requests by rule and simulates
// limits, so that a test decides what a disk does and when.
//
//   debug->AddRule(BlkdebugSuspendRule{.tag = "write", .iotype = BlkdebugIoType::kWrite});
//   ... the guest writes; debug->IsSuspended("write") ... the guest resets the device ...
//   debug->Resume("write");
//
// A request that is held is in flight, as in hardware: it counts for drain and ignores a cancel,
// and so does one that waits for the turn in which it fails. Once resumed it raises the events that
// it has still before it, and may be held again.
//
// Ownership: see BlockNode. Threading: any-context; rules and Resume from any thread. A request
//   goes on in its own context. A node without rules takes no lock.
// Units: bytes. Errors: those of the rules, and the child's.

#ifndef PLATTER_DRIVERS_BLKDEBUG_BLKDEBUG_NODE_H_
#define PLATTER_DRIVERS_BLKDEBUG_BLKDEBUG_NODE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "base/mutex.h"
#include "drivers/blkdebug/rules.h"
#include "drivers/edge.h"
#include "drivers/node.h"

namespace platter {

// Limits: 0 leaves the child's. Multiples of the alignment; the preferred alignments are powers of
// two.
struct BlkdebugOptions {
  uint64_t align = 0;
  uint64_t max_transfer = 0;
  uint64_t opt_write_zero = 0;
  uint64_t max_write_zero = 0;
  uint64_t opt_discard = 0;
  uint64_t max_discard = 0;
  std::vector<BlkdebugErrorRule> inject_error = {};
  std::vector<BlkdebugStateRule> set_state = {};
  std::vector<BlkdebugSuspendRule> suspend = {};
  bool read_only = false;
};

class BlkdebugNode final : public BlockNode, public EdgeParent {
 public:
  // EINVAL naming the option or the size that does not fit; what attaching the child gives.
  static absl::StatusOr<std::shared_ptr<BlkdebugNode>> Create(std::string node_name, NodeRef image,
                                                              const BlkdebugOptions& options);
  ~BlkdebugNode() override;

  const char* driver_name() const override { return "blkdebug"; }
  IoResult Start(IoRequest& request) override {
    if (!has_rules_.load(std::memory_order_acquire)) [[likely]]
      return image_.Start(request);
    return StartByRules(request, 0);
  }
  void Cancel(IoRequest& request) override;
  Task<absl::Status> Truncate(uint64_t new_length) override;
  Task<absl::StatusOr<BlockStatus>> GetBlockStatus(uint64_t offset, uint64_t bytes) override;
  std::optional<HostBlockSizes> ProbeBlockSizes() const override;
  BlockNode* FilteredChild() const override { return image_.child().get(); }
  absl::Status SetPermissions(Permissions cumulative) override;
  void SetAccess(NodeAccess access) override;
  std::vector<Edge*> children() override { return {&image_}; }

  // --- Any thread. ---

  template <typename Rule>
  void AddRule(const Rule& rule) {
    MutexLock lock(mutex_);
    rules_.Add(rule);
    has_rules_.store(!rules_.empty(), std::memory_order_release);
  }
  // Requests that are held stay so.
  void ClearRules();

  // Lets all requests held by `tag` go on, in their contexts; how many.
  int Resume(std::string_view tag);
  // Resume, and no further request is held by `tag`.
  int RemoveBreakpoint(std::string_view tag);
  bool IsSuspended(std::string_view tag) const;
  int SuspendedCount() const;
  uint32_t state() const;

  // --- As a parent. ---

  std::string Describe() const override { return "node '" + node_name() + "'"; }
  BlockNode* AsNode() override { return this; }
  absl::Status CheckChildLength(uint64_t new_length) const override {
    return CheckNewLength(LengthOver(new_length));
  }
  void OnChildChanged() override;

 private:
  class Proxy;
  class Held;
  class Failing;
  class WatchedWrite;

  BlkdebugNode(std::string node_name, const BlkdebugOptions& options);
  absl::Status Open(NodeRef image);
  absl::Status CheckLimits() const;
  // Takes limits, features and length from the child, changed as the options say.
  uint64_t LengthOver(uint64_t child_length) const;
  void Refresh();

  // How a held request goes on.
  struct Onward {
    size_t next_event = 0;         // With this one of its operation's events,
    IoResult result = kIoPending;  // or, when it has one, with its result.
  };

  // Raises the events of the request's operation from `next_event` on, then starts it.
  IoResult StartByRules(IoRequest& request, size_t next_event);
  // After the last of its events.
  IoResult StartUnlessFaulty(IoRequest& request);
  // Raises `event`; true when the request is held, and goes on by `Held` later.
  bool HoldAt(BlkdebugEvent event, IoRequest& request, Onward onward);
  // A request that is to end with `result` raises what its operation raises then: the result, or
  // kIoPending when it is held.
  IoResult EndByRules(IoRequest& request, IoResult result);
  void Remember(Proxy& proxy);
  void Forget(const Proxy& proxy);
  void ReleaseAll(std::string_view tag, std::vector<Held*>& released)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  BlkdebugOptions options_;
  Edge image_{*this, "image"};
  std::atomic<bool> has_rules_{false};
  mutable Mutex mutex_;
  BlkdebugRules rules_ ABSL_GUARDED_BY(mutex_);
  std::vector<Held*> held_ ABSL_GUARDED_BY(mutex_);  // Until resumed.
  // For Cancel: of all requests here that the child does not know, those in held_ included.
  std::vector<Proxy*> proxies_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_BLKDEBUG_BLKDEBUG_NODE_H_

// SPDX-License-Identifier: Apache-2.0
//
// Edge: the call from a parent to a child node, and what is done for every driver once:
// 64-bit bounds; splitting at the child's maximum transfer, iovec count, discard and zeroes maxima;
// bounce buffers for memory that is not aligned; read-modify-write, serialised against overlapping
// requests, for ranges that are not aligned; FUA by a flush after the write and zeroes by writing
// for children that have neither; forwarding to a child's home context and back; permissions; a
// look at writes where the child has a WriteWatch.
//
// A request that needs none of that (the common case) costs one comparison chain and the child's
// virtual Start: the same object travels on.
//
// Ownership: the parent owns the Edge, the Edge holds a reference to the child. The parent outlives
//   the Edge.
// Threading: Start and Cancel in any context (request.context is the running one). Everything else
//   in the control context; [drained] as in node.h.
// Units: bytes. Errors: see node.h. Requests out of range complete with -EIO; write-like requests
//   on a read-only child or without the write permission with -EACCES.

#ifndef PLATTER_DRIVERS_EDGE_H_
#define PLATTER_DRIVERS_EDGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "aio/io_request.h"
#include "aio/task.h"
#include "drivers/edge_op.h"
#include "drivers/node.h"
#include "drivers/per_context.h"
#include "drivers/permissions.h"

namespace platter {

// Who stands at the upper end of an Edge: a node, a block backend, a job.
class EdgeParent {
 public:
  // For messages: "node 'top'", "block backend 'drive0'".
  virtual std::string Describe() const = 0;
  // The node, when the parent is one: drain and walks go on through its parents.
  virtual BlockNode* AsNode() { return nullptr; }
  // Roots (parents that are no node): start no request through the Edge after the task has
  // finished, and have none in flight. Nests: each Quiesce is matched by one Unquiesce.
  virtual Task<void> Quiesce();
  virtual void Unquiesce() {}
  // Roots: whether the node may become inactive now. FAILED_PRECONDITION (EBUSY) naming the parent
  // while it may write.
  virtual absl::Status CheckInactivate() const { return absl::OkStatus(); }
  // Whether the child may come to be `new_length` bytes long. A root whose guest couldn't use that
  // says so; a node asks those above it for its own length that would follow.
  virtual absl::Status CheckChildLength(uint64_t new_length) const;
  // The child's length or limits changed. [drained]
  virtual void OnChildChanged() {}

 protected:
  ~EdgeParent() = default;
};

struct EdgeOptions {
  Permissions permissions;
  // The parent promises that offset and length of its reads and writes are multiples of this power
  // of two. When it is below the child's request_alignment all parents of the child have their
  // requests tracked, so that a read-modify-write is never torn by an overlapping request.
  uint32_t granularity = 1;
  // Writes may go beyond the child's end and grow it (needs Permission::kResize).
  bool may_grow = false;
  // Requests may carry IoFlags::kSerialising: all parents of the child have their requests tracked.
  bool may_serialise = false;
};

class Edge {
 public:
  // `role` is the parent's name for the child: "root", "file", "image", "backing".
  Edge(EdgeParent& parent, std::string_view role);
  ~Edge();
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;

  // --- Control plane. ---

  // Attaches `child`; no child is attached. FAILED_PRECONDITION (EBUSY) naming both parents and
  // the permission when what this one uses and another does not share collide; nothing changed
  // then. The child's parents are drained or it has none.
  absl::Status Attach(NodeRef child, const EdgeOptions& options);
  // Lets go of the child (and destroys it when this was the last reference). [drained]
  void Detach();
  absl::Status Change(const EdgeOptions& options);  // [drained]; as Attach.
  // Makes `node` active, with the permissions of its parents, or inactive, without any; see
  // activation.h for whole trees. Only becoming active fails, as SetPermissions does; nothing has
  // changed then. [drained]
  static absl::Status SetActive(BlockNode& node, bool active);
  // Has the child of `other`, an Edge of the same parent, in its place; this one has none. To the
  // child nothing changes. [drained]
  void TakeOver(Edge& other);

  const NodeRef& child() const { return child_; }
  EdgeParent& parent() const { return parent_; }
  const std::string& role() const { return role_; }
  const EdgeOptions& options() const { return options_; }

  // --- Data plane; a child is attached. ---

  // As BlockNode::Start, for any offset, length and memory. Also: -EINVAL for a write that breaks
  // the promise of `granularity`, -ENOTSUP for kSerialising without `may_serialise`, -ENOMEM when
  // there is no memory for a bounce buffer (a block of several MiB).
  IoResult Start(IoRequest& request) {
    if (FitsChild(request)) [[likely]]
      return child_->Start(request);
    return StartSlow(request);
  }
  // As BlockNode::Cancel: whatever the request has become on its way down is cancelled.
  void Cancel(IoRequest& request);

 private:
  friend class BlockNode;
  friend class HomeHop;
  friend class SlowRequest;

  // Whether the child can take the request as it is, without further thought.
  bool FitsChild(const IoRequest& request) const;
  IoResult StartSlow(IoRequest& request);
  // As Start, in the context in which the child is called.
  IoResult StartLocal(IoRequest& request);

  absl::Status Check(BlockNode& child, const EdgeOptions& options) const;
  // The union of what the parents of `child` use and do not share; this Edge counted as `own`.
  // None while it is inactive.
  Permissions Cumulative(const BlockNode& child, const Permissions* own) const;
  // Computes the members below from the child, for all its parents.
  static void RefreshParents(BlockNode& child);
  void Refresh();
  // 0, or why the request must not reach the child.
  IoResult Validate(const IoRequest& request) const;
  // Does without the flags that the child or its policy makes meaningless.
  void DropFlags(IoRequest& request) const;

  EdgeParent& parent_;
  const std::string role_;
  NodeRef child_;
  EdgeOptions options_;
  // Bit per IoOp: a request of that kind may take the short way when it is aligned and in range.
  // Recomputed by Attach, Change and when the child's limits or its WriteWatch change; 0 for
  // home-context children and while requests are tracked, without writes while they are watched.
  uint32_t fast_ops_ = 0;
  uint64_t request_mask_ = 0;  // request_alignment - 1
  uint64_t memory_mask_ = 0;
  uint64_t piece_mask_ = 0;  // The smaller of the two above.
  uint64_t max_transfer_ = 0;
  uint32_t max_iov_ = 0;
  OverlapTracker* tracker_ = nullptr;  // The child's; nullptr: requests are not tracked.
  // Requests of this Edge that were made into something else, per context: for Cancel.
  PerContext<EdgeOpList> ops_;
};

// Quiesces every root above `node` or above a node below it (the roots outlive the section): while
// it lives no request is in flight in the node's subtree through any parent, and none starts.
// Control context.
//   { DrainedSection drained = co_await DrainedSection::Begin(node); ... }
// Ends in the destructor (or End). Nests.
class DrainedSection {
 public:
  static Task<DrainedSection> Begin(BlockNode& node);
  DrainedSection(DrainedSection&& other) noexcept;
  DrainedSection& operator=(DrainedSection&& other) noexcept;
  ~DrainedSection() { End(); }
  void End();

 private:
  DrainedSection() = default;
  std::vector<EdgeParent*> roots_;
};

inline bool Edge::FitsChild(const IoRequest& request) const {
  if ((fast_ops_ >> static_cast<unsigned>(request.op) & 1) == 0) return false;
  if (request.flags != IoFlags::kNone) return false;
  if (((request.offset | request.bytes) & request_mask_) != 0) return false;
  if (request.bytes > max_transfer_ || request.iov_count > max_iov_) return false;
  const uint64_t length = child_->length();
  if (request.offset > length || request.bytes > length - request.offset) return false;
  if (memory_mask_ != 0) {
    for (uint32_t i = 0; i < request.iov_count; ++i) {
      const auto address = reinterpret_cast<uintptr_t>(request.iov[i].iov_base);
      if ((address & memory_mask_) != 0) return false;
      if ((request.iov[i].iov_len & piece_mask_) != 0) return false;
    }
  }
  return true;
}

}  // namespace platter

#endif  // PLATTER_DRIVERS_EDGE_H_

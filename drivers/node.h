// SPDX-License-Identifier: Apache-2.0
//
// BlockNode: one node of a tree of block drivers (file, raw, blkdebug ...). Parents reach it
// through an Edge (drivers/edge.h), never directly, so a driver sees only requests that are in
// range, aligned to its limits, no longer than its maximum and for operations that it said it has.
//
// Ownership: shared (NodeRef); each Edge holds a reference, the graph holds one for nodes that the
//   user named. The last reference is dropped in the control context, when nothing is in flight.
// Threading: an any-context node's Start is called from every context that has a channel, at the
//   same time; per-request state lives in the request's context. A node with a home context gets
//   all its requests there (the Edge forwards). Everything else is called in the control context;
//   calls marked [drained] only while no request is in flight in any parent.
// Units: bytes. Errors: data plane: IoResult; control plane: absl::Status that names the node.

#ifndef PLATTER_DRIVERS_NODE_H_
#define PLATTER_DRIVERS_NODE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/io_request.h"
#include "aio/task.h"
#include "drivers/permissions.h"

namespace platter {

class Edge;
class ImageLock;
class OverlapTracker;
class WriteWatch;
struct HostFile;

// The longest a node may be. Offsets of files are signed; rounding up to an alignment fits too.
inline constexpr uint64_t kMaxNodeLength = (uint64_t{1} << 63) - (uint64_t{1} << 31);

// What a node accepts; an Edge makes every request fit. Alignments are powers of two; maxima are
// multiples of the alignment of their operation.
struct NodeLimits {
  uint32_t request_alignment = 1;  // Offset and length of reads and writes.
  // Address of each piece of memory; its length: the smaller of this and request_alignment.
  uint32_t memory_alignment = 1;
  uint32_t max_iov = 1024;
  uint64_t max_transfer = uint64_t{1} << 30;
  uint32_t discard_alignment = 1;  // Parts of a discard that are not aligned are dropped.
  uint64_t max_discard = uint64_t{1} << 40;
  uint32_t write_zeroes_alignment = 1;  // Parts that are not aligned are written.
  uint64_t max_write_zeroes = uint64_t{1} << 40;
};

// What a node can do natively. What it cannot do the Edge emulates (FUA by a flush, zeroes by
// writing) or answers with success (discard) or -ENOTSUP (kNoFallback).
struct NodeFeatures {
  bool fua = false;
  bool discard = false;
  bool write_zeroes = false;
  bool may_unmap = false;
};

// What is done for every driver alike, by the Edge, apart from `host_cache`; the field's generic
// options (discard, detect-zeroes, cache). Set before the first parent attaches, or when [drained].
struct NodePolicy {
  enum class Discard : uint8_t { kIgnore, kUnmap };
  enum class DetectZeroes : uint8_t { kOff, kOn, kUnmap };
  enum class Flush : uint8_t { kHonour, kIgnore };
  enum class HostCache : uint8_t { kUsed, kBypassed };

  // kIgnore: a discard succeeds and does nothing, zeroes never deallocate.
  Discard discard = Discard::kUnmap;
  // kOn: a write of nothing but zeroes becomes kWriteZeroes; kUnmap: one that may deallocate.
  DetectZeroes detect_zeroes = DetectZeroes::kOff;
  // kIgnore: a flush succeeds and does nothing.
  Flush flush = Flush::kHonour;
  // As it was asked for; only drivers of files have a cache to pass by.
  HostCache host_cache = HostCache::kUsed;
};

// What is known of a range: a hint unless `zero` or `data` says what a read returns.
struct BlockStatus {
  uint64_t bytes = 0;     // From the offset asked for; at least 1 unless at the end.
  bool allocated = true;  // This node (not a backing one) decides what the range reads as.
  bool data = true;       // May hold something other than zeroes.
  bool zero = false;      // Reads as zeroes.
  // Where in the child that holds it, when one does.
  std::optional<uint64_t> child_offset = std::nullopt;
};

// Logical and physical block size of the host's device, where it is known.
struct HostBlockSizes {
  uint32_t logical = 512;
  uint32_t physical = 512;
};

// Cylinders, heads and sectors of the host's disk, where it has them.
struct DiskGeometry {
  uint32_t cylinders = 0;
  uint32_t heads = 0;
  uint32_t sectors = 0;
};

enum class NodeAccess : uint8_t { kReadWrite, kReadOnly };

// How a node was opened, for whoever opened it: nobody else looks inside.
class NodeOrigin {
 public:
  virtual ~NodeOrigin() = default;
};

// A file of the host and the locks on it; see drivers/file/kept_locks.h.
struct LockedImage {
  ImageLock* lock = nullptr;  // nullptr: there are none.
  const HostFile* file = nullptr;
  // Which file it is, whatever its path; 0: not known.
  uint64_t device = 0;
  uint64_t inode = 0;
};

// Of a driver whose medium is a physical one, in a drive of the host.
enum class MediumLock : uint8_t { kUnlocked, kLocked };
enum class MediumTray : uint8_t { kClosed, kOpen };

class BlockNode {
 public:
  BlockNode(const BlockNode&) = delete;
  BlockNode& operator=(const BlockNode&) = delete;
  virtual ~BlockNode();

  // The name given, or a generated one that starts with '#' (never a well-formed user id).
  const std::string& node_name() const { return node_name_; }
  // The field's name of the driver: "file", "null-co" ...
  virtual const char* driver_name() const = 0;

  // --- Data plane. ---

  // Starts `request` (request.context is the running context). Returns the result when it is done
  // at once, or kIoPending and later calls request.OnIoDone, once, in request.context. May pass
  // the very object to a child's Edge as its last act. Allocates only from the context's pool.
  virtual IoResult Start(IoRequest& request) = 0;
  // A hint: `request` (started here and not done) may end early with -ECANCELED. It still
  // completes once, in its context, later than this call returns. The default does nothing;
  // filters pass it on.
  virtual void Cancel(IoRequest& request);

  // The length a parent may address. Any thread. When it is not a multiple of request_alignment,
  // the last block is read and written as a whole all the same: what lies behind the length reads
  // as zeroes, and the driver drops what is written there.
  uint64_t length() const { return length_.load(std::memory_order_relaxed); }
  // Change only when [drained], except that growth by a write may raise the length.
  const NodeLimits& limits() const { return limits_; }
  const NodeFeatures& features() const { return features_; }
  bool read_only() const { return read_only_; }
  // An inactive node's image may be another process's for now: the node holds no image locks,
  // what it knows of the image may be out of date, and writes fail with -EACCES. See activation.h.
  bool active() const { return active_; }
  const NodePolicy& policy() const { return policy_; }
  // nullptr for an any-context node.
  AioContext* home_context() const { return home_context_; }

  // --- Control plane. ---

  void set_policy(const NodePolicy& policy);
  // nullptr: it was not said.
  const NodeOrigin* origin() const { return origin_.get(); }
  void set_origin(std::unique_ptr<const NodeOrigin> origin) { origin_ = std::move(origin); }
  // Whether the node, whatever is below it, refuses writes from now on. No parent writes when it is
  // to. The default is for drivers where nothing depends on it. [drained]
  virtual void SetAccess(NodeAccess access);
  // Whether nobody above minds that length: EINVAL naming who does. Asked before a length changes.
  absl::Status CheckNewLength(uint64_t new_length) const;
  // Changes the length; growth reads as zeroes. [drained]
  // UNIMPLEMENTED (ENOTSUP) when the driver cannot, PERMISSION_DENIED (EACCES) when read-only.
  virtual Task<absl::Status> Truncate(uint64_t new_length);
  // What is known of the start of [offset, offset + bytes), which is in range and not empty.
  virtual Task<absl::StatusOr<BlockStatus>> GetBlockStatus(uint64_t offset, uint64_t bytes);
  virtual std::optional<HostBlockSizes> ProbeBlockSizes() const;
  // Who is told of a write beyond a threshold; nullptr: nobody. What the one before had on its way
  // is told first. [drained]
  void set_write_watch(std::unique_ptr<WriteWatch> watch);
  // The threshold of the watch; 0: there is none, or it was exceeded.
  uint64_t write_threshold() const;
  // Moves the home of a node that has one. [drained]
  void set_home_context(AioContext& home);

  // --- What only some drivers have. The defaults ask FilteredChild() where there is one, and
  // otherwise say that the driver has it not: UNIMPLEMENTED (ENOTSUP) naming node and driver. ---

  // The child that a filter shows as it is: what concerns a disk as a whole is the child's to say.
  virtual BlockNode* FilteredChild() const { return nullptr; }
  // Whether there is something to read: false for a drive of the host without a medium.
  virtual bool HasMedium() const;
  // The guest's lock and tray, for a physical medium; nothing without one.
  virtual void LockMedium(MediumLock lock);
  virtual void MoveTray(MediumTray tray);
  virtual std::optional<DiskGeometry> ProbeGeometry() const;
  // Whether the node is a SCSI generic device: commands only, no blocks.
  virtual bool is_sg() const;
  // ioctl(2) on the host's device: `argument` and what it points to live until the task has ended.
  // What the call returned (0 or more), or its errno.
  virtual Task<absl::StatusOr<int>> Ioctl(uint64_t request, void* argument);
  // Writes one whole cluster compressed; the data lives until the task has ended.
  virtual Task<absl::Status> WriteCompressed(uint64_t offset, std::span<const uint8_t> data);
  // The area for a machine's state beside the disk's data, in formats that have one. Offsets are
  // its own.
  virtual Task<absl::Status> SaveVmState(uint64_t offset, std::span<const uint8_t> data);
  virtual Task<absl::Status> LoadVmState(uint64_t offset, std::span<uint8_t> data);
  // Checks that the node can serve `cumulative` (the union of what its parents use and do not
  // share) before an Edge attaches or changes, and takes what that needs (image locks).
  // All or nothing; giving permissions up never fails. The default refuses kWrite and kResize when
  // the node is read-only. [drained]
  virtual absl::Status SetPermissions(Permissions cumulative);
  // Of a driver that keeps other programs from an image; until the node is reopened.
  virtual LockedImage locked_image() { return {}; }
  // Finds out again what was found out of the image when it was opened, after another process may
  // have changed it. Locks are held. The default has nothing to find out. [drained]
  virtual absl::Status Invalidate() { return absl::OkStatus(); }
  // The Edges to children, in the order in which the driver declares them.
  virtual std::vector<Edge*> children() { return {}; }
  // Whether requests are compared with those under way, under a lock; see EdgeOptions.
  bool tracks_overlaps() const { return overlap_tracker_ != nullptr; }
  // The Edges that lead here. Kept by Edge.
  const std::vector<Edge*>& parents() const { return parents_; }

 protected:
  explicit BlockNode(std::string node_name);

  void set_length(uint64_t length) { length_.store(length, std::memory_order_relaxed); }
  // For a growing write that completed, in any context: the length becomes at least `length`.
  void RaiseLength(uint64_t length);
  // Length, limits or features changed: the Edges above take note and their parents are told.
  // [drained]
  void NotifyParents();

  NodeLimits limits_;
  NodeFeatures features_;
  bool read_only_ = false;
  AioContext* home_context_ = nullptr;

 private:
  friend class Edge;

  // ENOTSUP: "node 'x': driver 'y' `cannot`".
  absl::Status NotSupported(std::string_view cannot) const;

  const std::string node_name_;
  std::atomic<uint64_t> length_{0};
  bool active_ = true;
  NodePolicy policy_;
  std::vector<Edge*> parents_;
  // Exists while some parent may send what is not aligned to request_alignment; see edge.h.
  std::unique_ptr<OverlapTracker> overlap_tracker_;
  std::unique_ptr<WriteWatch> write_watch_;
  std::unique_ptr<const NodeOrigin> origin_;
};

using NodeRef = std::shared_ptr<BlockNode>;

}  // namespace platter

#endif  // PLATTER_DRIVERS_NODE_H_

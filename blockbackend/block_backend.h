// SPDX-License-Identifier: Apache-2.0
//
// BlockBackend: the root of a tree of block nodes, as the host sees it: medium, size, policies,
// drain, host I/O, tray operations, statistics. The device model sees its BlockDeviceView side.
// A BackendRegistry holds the backends of one machine by name.
//
// Ownership: shared (BlockBackendRef). The last reference is dropped in the control context with no
//   device attached; it lets go of the medium, without a flush (RemoveRoot flushes).
// Threading: control context, except what device_view.h allows elsewhere. Tasks are awaited in the
//   control context; BlockOn() is the blocking form for a top level.
// Units: bytes. Errors: absl::Status naming the backend and the node or device concerned.

#ifndef PLATTER_BLOCKBACKEND_BLOCK_BACKEND_H_
#define PLATTER_BLOCKBACKEND_BLOCK_BACKEND_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/task.h"
#include "base/log.h"
#include "blockbackend/block_stats.h"
#include "blockbackend/device_view.h"
#include "blockbackend/error_action.h"
#include "blockbackend/events.h"
#include "blockbackend/notifier.h"
#include "blockbackend/op_blockers.h"
#include "blockbackend/run_state.h"
#include "blockbackend/throttle/throttle_config.h"
#include "drivers/edge.h"
#include "drivers/node.h"

namespace platter {

class BackendRegistry;
class ThrottleGroups;

// What a backend needs of its machine. All outlive it.
struct BackendServices {
  AioContext* control = nullptr;
  RunState* run_state = nullptr;     // nullptr: always running; "stop" then acts as "report".
  BlockEventSink* events = nullptr;  // nullptr: events are dropped.
  LogSink* log = nullptr;
};

struct BackendOptions {
  OnError read_error = OnError::kReport;
  OnError write_error = OnError::kEnospc;
  RetryPolicy retry = {};
  bool read_only = false;  // Even when the medium is not.
  bool write_cache = true;
  // Of the first medium, when it is opened by the BlockRootState.
  NodePolicy::DetectZeroes detect_zeroes = NodePolicy::DetectZeroes::kOff;
  BlockStatsOptions stats = {};
};

// One write of a batch.
struct HostWrite {
  uint64_t offset = 0;
  std::span<const uint8_t> data;
};

// What a backend remembers of a medium that went, for the next one that is opened for it.
struct BlockRootState {
  bool had_medium = false;  // Otherwise the rest is what the backend's options say.
  bool read_only = false;   // The medium, or all media of this backend.
  bool write_cache = true;
  NodePolicy policy;  // discard, detect-zeroes, cache.direct, cache.no-flush.
};

// How the next medium is to be opened; the field's BDRV_O_*.
struct BlockOpenFlags {
  bool read_write = true;
  bool write_cache = true;
  bool unmap = true;
  bool no_flush = false;
  bool direct = false;
};

// What a machine's saved state has of a backend.
struct BlockErrorState {
  std::optional<ErrorPolicies> changed_policies = {};  // Nothing: as configured.
  IoStatus iostatus = IoStatus::kOk;
  bool stalled = false;
};

enum class TrayResult : uint8_t {
  kMoved,
  kAlready,    // The tray was there, or the drive has none.
  kRequested,  // Locked: the guest got an eject request; nothing moved.
};

// Whether `status` says that the guest has locked the medium in and has been asked to let go.
bool IsMediumLocked(const absl::Status& status);

class BlockBackend;
using BlockBackendRef = std::shared_ptr<BlockBackend>;

class BlockBackend : public BlockDeviceView {
 public:
  virtual ~BlockBackend() = default;

  // --- Medium (rows 7, 42, 44). ---

  // The root node, nullptr when empty.
  virtual const NodeRef& root() const = 0;
  // Puts `node` in as the root. FAILED_PRECONDITION (EBUSY) when there is one or when permissions
  // collide; nothing changed then. Does not move a tray and tells no device: see LoadMedium.
  virtual Task<absl::Status> InsertRoot(NodeRef node) = 0;
  // Drains and takes the root out; OK when there is none.
  virtual Task<absl::Status> RemoveRoot() = 0;
  // Called, drained, with the node: when it has come in, and before it goes out.
  virtual NotifierList<const NodeRef&>& insert_notifiers() = 0;
  virtual NotifierList<const NodeRef&>& remove_notifiers() = 0;
  // Monitor semantics of blockdev-insert-medium / -remove-medium: drives with a tray need it open;
  // drives without one are told (change_media) at once.
  virtual Task<absl::Status> InsertMedium(NodeRef node) = 0;
  virtual Task<absl::Status> RemoveMedium() = 0;
  virtual Task<absl::StatusOr<TrayResult>> OpenTray(Force force) = 0;
  virtual Task<absl::StatusOr<TrayResult>> CloseTray() = 0;
  // eject: opens the tray and takes the medium out. FAILED_PRECONDITION (EBUSY, "is locked ...
  // eject requested", IsMediumLocked) when the guest holds the lock and not forced.
  virtual Task<absl::Status> Eject(Force force) = 0;
  // Called when tray, lock, medium or device may have changed, in the midst of it: look later.
  virtual NotifierList<>& news_notifiers() = 0;
  // blockdev-change-medium: `node` in place of the medium, through the tray where there is one,
  // which is closed afterwards. On an error (as Eject's, or of InsertRoot) neither medium nor tray
  // has moved, and no other program could have taken the old image meanwhile.
  virtual Task<absl::Status> ChangeMedium(NodeRef node, Force force) = 0;
  // drive_del: the name is free at once and the medium goes; what is left serves the device, as a
  // drive without a medium, and lives until it detaches. FAILED_PRECONDITION while blocked.
  virtual Task<absl::Status> HideForDriveDel() = 0;

  // Of the medium that is in, or of the last one: for whoever opens the next one (blockdev-change-
  // medium does). A node that is there already is put in as it is. Write cache, error policies and
  // I/O limits are the backend's and stay anyway.
  virtual BlockRootState root_state() const = 0;
  // The same as flags.
  virtual BlockOpenFlags open_flags() const = 0;

  // Operations that nobody may begin now. Resize, Eject, RemoveMedium (eject), InsertMedium
  // (change), HideForDriveDel and SetAioContext (dataplane) look here; monitors and jobs do for
  // theirs. What a shutdown needs (InsertRoot, RemoveRoot) does not.
  virtual OpBlockers& op_blockers() = 0;

  // --- Size. ---

  // Truncates the root and tells the attached device (row 33). EINVAL naming the device, here or
  // elsewhere above the nodes below, whose blocks would not be whole.
  virtual Task<absl::Status> Resize(uint64_t new_length) = 0;

  // --- Host I/O (row 18), on a channel in aio_context(); any alignment. Not
  // held while the machine is stopped; waits while the backend is drained by others. ---

  virtual Task<IoResult> Pread(uint64_t offset, std::span<uint8_t> data) = 0;
  // Past the I/O limits: for probing.
  virtual Task<IoResult> PreadUnthrottled(uint64_t offset, std::span<uint8_t> data) = 0;
  virtual Task<IoResult> Pwrite(uint64_t offset, std::span<const uint8_t> data, IoFlags flags) = 0;
  virtual Task<IoResult> WriteZeroes(uint64_t offset, uint64_t bytes, IoFlags flags) = 0;
  virtual Task<IoResult> Discard(uint64_t offset, uint64_t bytes) = 0;
  virtual Task<IoResult> Flush() = 0;
  // A batch of writes, all begun in one turn: neighbours on the disk become one request, as far as
  // the medium takes it. A result for each, in the order given; when a merged request fails, each
  // of its writes is tried by itself, so that an error comes to the write that it is of. When some
  // overlap, all are made one after the other in the order given.
  virtual Task<std::vector<IoResult>> Multiwrite(std::vector<HostWrite> writes, IoFlags flags) = 0;
  // One whole cluster, drained. UNIMPLEMENTED (ENOTSUP) naming the driver when it cannot.
  virtual Task<absl::Status> WriteCompressed(uint64_t offset, std::span<const uint8_t> data) = 0;

  // --- What only some media have: else UNIMPLEMENTED (ENOTSUP), naming node
  // and driver. ---

  // ioctl(2) on the host's device (SG_IO ...): what it returned. `argument` and what it points to
  // live until the task has ended. Beside other requests; waits while the backend is drained.
  virtual Task<absl::StatusOr<int>> Ioctl(uint64_t request, void* argument) = 0;
  // Whether the medium is a SCSI generic device.
  virtual bool is_sg() const = 0;
  // The area for a machine's state, drained.
  virtual Task<absl::Status> SaveVmState(uint64_t offset, std::span<const uint8_t> data) = 0;
  virtual Task<absl::Status> LoadVmState(uint64_t offset, std::span<uint8_t> data) = 0;
  virtual absl::StatusOr<DiskGeometry> ProbeGeometry() const = 0;

  // --- Event loop (rows 39, 40). ---

  // Where the host's I/O runs, and the channels of devices that follow (ChannelClient); the control
  // context at first.
  virtual AioContext& aio_context() const = 0;
  // Moves there, drained: the host's channel, device channels whose clients follow, with what is
  // parked in them, and nodes of the tree whose home the old context was. `context` is driven, as
  // is the old one until this has ended; whoever stops it later moves the backend away first, and
  // the last reference is dropped while it is driven. FAILED_PRECONDITION while blocked.
  virtual Task<absl::Status> SetAioContext(AioContext& context) = 0;
  // Called, drained: before anything leaves a context, and when everything has come to another.
  virtual NotifierList<AioContext&>& context_detach_notifiers() = 0;
  virtual NotifierList<AioContext&>& context_attach_notifiers() = 0;

  // --- Drain (row 25). ---

  // After the task nothing is in flight on any channel and nothing starts until EndDrain. Nests.
  virtual Task<void> BeginDrain() = 0;
  virtual void EndDrain() = 0;
  // Requests in flight now, summed over the channels; exact while drained.
  virtual uint32_t in_flight() const = 0;

  // --- Policy and status (rows 12-17). ---

  // Policies from now on, the attached device's included. What waits for a retry, or is kept,
  // still does; the new policy meets it when it fails again. INVALID_ARGUMENT: kAuto, enospc for
  // reads, a retry policy out of its range or followed by kRetry.
  virtual absl::Status SetErrorPolicies(const ErrorPolicies& policies) = 0;
  virtual ErrorPolicies error_policies() const = 0;
  // The same for the policies only; the retry policy stays.
  virtual absl::Status SetOnError(OnError read, OnError write) = 0;
  virtual OnError on_read_error() const = 0;
  virtual OnError on_write_error() const = 0;
  virtual bool iostatus_enabled() const = 0;
  virtual IoStatus iostatus() const = 0;
  virtual void ResetIostatus() = 0;
  // Holds the device's requests for one that failed under the policy "stall", until Resume, until
  // the machine has stopped and runs again, or until the device drops what is kept, as by a reset.
  virtual bool stalled() const = 0;
  // Ends a stall: what was kept is tried again in order of submission, then what was parked, and
  // the iostatus is ok. Also without one: what waits for a retry is tried at once, its attempts
  // counted anew. While the machine is stopped it takes effect with its going on.
  virtual void Resume() = 0;
  // For a machine's saved state. A stall that is restored holds what the device has got back.
  virtual BlockErrorState error_state() const = 0;
  // INVALID_ARGUMENT: what SetErrorPolicies would not take.
  virtual absl::Status CheckErrorState(const BlockErrorState& state) const = 0;
  // What CheckErrorState has found right, after the device's own state.
  virtual void RestoreErrorState(const BlockErrorState& state) = 0;

  // --- Accounting (row 41). ---

  virtual BlockStats Stats() const = 0;
  // As it was made with.
  virtual const BlockStatsOptions& stats_options() const = 0;
  // One for each interval of the options, in their order.
  virtual std::vector<BlockIntervalStats> IntervalStats() const = 0;
  // nullopt when there is none.
  virtual std::optional<BlockLatencyHistogram> LatencyHistogram(StatsKind kind) const = 0;
  // Begins a histogram, from 0, or ends it (no boundaries); drained. While there is one each
  // request costs two clock reads. INVALID_ARGUMENT unless the boundaries are above 0 and ascend.
  virtual Task<absl::Status> SetLatencyHistogram(StatsKind kind,
                                                 std::vector<uint64_t> boundaries_ns) = 0;

  // --- I/O limits (row 45). Of reads, writes and write-zeroes of devices and host, checked when a
  // request would start; see throttle/. What has to wait is outstanding and not in flight; a drain
  // or stop parks it, and each start anew is counted anew. They stay when the medium goes. ---

  // Limits in the group of that name, which this backend joins and which others may be in, too: the
  // limits are the whole group's. An empty name is the group that it is in or else one named as the
  // backend. Without any limit it leaves its group, whose limits stay. Joining and leaving drain.
  // INVALID_ARGUMENT: CheckThrottleConfig.
  virtual Task<absl::Status> SetIoThrottle(ThrottleConfig config, std::string group) = 0;
  // The group's limits; none outside of one.
  virtual ThrottleConfig io_throttle() const = 0;
  // nullopt outside of a group.
  virtual std::optional<std::string> throttle_group() const = 0;

  // --- Device. ---

  // Id of the attached device; nullopt when none is.
  virtual std::optional<std::string> attached_device() const = 0;
  virtual bool removable() const = 0;
  virtual bool has_tray() const = 0;
  virtual bool lockable() const = 0;
  // What the device says of its tray and the guest's lock; false where it has none.
  virtual bool tray_open() = 0;
  virtual bool medium_locked() = 0;
};

// The backends of one machine.
class BackendRegistry {
 public:
  explicit BackendRegistry(const BackendServices& services);
  BackendRegistry(const BackendRegistry&) = delete;
  BackendRegistry& operator=(const BackendRegistry&) = delete;
  // All backends are gone (checked).
  ~BackendRegistry();

  // A new empty backend. An empty name makes an anonymous one, which Find and the list leave out.
  // INVALID_ARGUMENT for an ill-formed name, ALREADY_EXISTS for one in use (row 1).
  absl::StatusOr<BlockBackendRef> Create(std::string_view name, const BackendOptions& options);
  // The same with a root in place that has nothing in it (row 2): a drive that is empty until the
  // root is replaced.
  absl::StatusOr<BlockBackendRef> CreateWithEmptyRoot(std::string_view name,
                                                      const BackendOptions& options);
  // The same with the node that `open` gives (row 3): by file name, node reference or options, as
  // it likes. The name is taken before `open` runs. On failure nothing is left behind: no backend,
  // no name, and no node that only the backend would have held.
  using NodeOpener = absl::AnyInvocable<Task<absl::StatusOr<NodeRef>>() &&>;
  Task<absl::StatusOr<BlockBackendRef>> CreateAndOpen(std::string name, BackendOptions options,
                                                      NodeOpener open);
  // nullptr when there is none.
  BlockBackendRef Find(std::string_view name) const;
  // Named backends in order of creation; a snapshot, so removal during a walk is safe.
  std::vector<BlockBackendRef> List() const;
  // Also the anonymous ones: for drain-all, flush-all and shutdown.
  std::vector<BlockBackendRef> All() const;

  // The groups of SetIoThrottle. Who holds one keeps it, and its limits, while no drive is in it.
  ThrottleGroups& throttle_groups();

  // Flushes every backend; the first error, naming its backend.
  Task<absl::Status> FlushAll();
  // Drains, flushes and removes the root of every backend, unnamed ones too: for shutdown.
  Task<void> RemoveAllRoots();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_BLOCK_BACKEND_H_

// SPDX-License-Identifier: Apache-2.0
//
// BlockBackendImpl: the one BlockBackend. Its parts: channel.h (data plane), channel_hub.h (drain
// and hold), error_action.h (policies); attach.cc (device), medium.cc (root, size), tray.cc,
// host_io.cc, multiwrite.cc, pass_through.cc (what only some media have), contexts.cc, stats.cc,
// io_throttle.cc, run_hold.cc (machine stops and runs, drive stalls), error_policy.cc,
// backend_impl.cc (the rest).
//
// Ownership: shared; made by BackendRegistry. A last reference that goes while the medium's node is
//   busy lets a task of the control context finish the work.
// Threading, units, errors: block_backend.h, device_view.h.

#ifndef PLATTER_BLOCKBACKEND_BACKEND_IMPL_H_
#define PLATTER_BLOCKBACKEND_BACKEND_IMPL_H_

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aio/aio_context.h"
#include "aio/await.h"
#include "aio/await_io.h"
#include "aio/task.h"
#include "blockbackend/block_backend.h"
#include "blockbackend/channel.h"
#include "blockbackend/channel_hub.h"
#include "blockbackend/error_action.h"
#include "blockbackend/notifier.h"
#include "blockbackend/op_blockers.h"
#include "blockbackend/run_state.h"
#include "blockbackend/throttle/throttle_group.h"
#include "blockbackend/throttle/throttle_groups.h"
#include "drivers/edge.h"
#include "drivers/node.h"

namespace platter {

class BlockBackendImpl final : public BlockBackend,
                               private EdgeParent,
                               private RunStateListener,
                               public std::enable_shared_from_this<BlockBackendImpl> {
 public:
  // `groups` outlives it.
  BlockBackendImpl(const BackendServices& services, std::string name, const BackendOptions& options,
                   ThrottleGroups& groups);
  ~BlockBackendImpl() override;

  // Why these cannot be the policies of what `title` names.
  static absl::Status CheckPolicies(const ErrorPolicies& policies, std::string_view title);

  static bool IsValid(const BlockStatsOptions& options);

  // Of a backend that nobody knows yet.
  absl::Status AttachFirstRoot(const NodeRef& node) { return AttachRoot(node); }

  // What the last reference does: frees `backend`, at once or when its medium is quiet. `gone` runs
  // just before.
  static void Dispose(std::unique_ptr<BlockBackendImpl> backend, absl::AnyInvocable<void()> gone);

  // --- BlockDeviceView. ---
  const std::string& name() const override { return name_; }
  absl::Status Attach(const DeviceAttachment& attachment, BlockDevOps ops) override;
  void Detach() override;
  std::unique_ptr<BlockChannel> OpenChannel(AioContext& context, ChannelClient& client) override;
  bool is_inserted() const override { return inserted_.load(std::memory_order_relaxed); }
  uint64_t length() const override { return length_.load(std::memory_order_relaxed); }
  bool is_read_only() const override { return read_only_.load(std::memory_order_relaxed); }
  bool write_cache_enabled() const override { return write_cache_.load(std::memory_order_relaxed); }
  void set_write_cache_enabled(bool enabled) override {
    write_cache_.store(enabled, std::memory_order_relaxed);
  }
  uint64_t max_transfer() const override { return max_transfer_.load(std::memory_order_relaxed); }
  uint32_t max_iov() const override { return max_iov_.load(std::memory_order_relaxed); }
  bool can_discard() const override { return can_discard_.load(std::memory_order_relaxed); }
  bool is_available() override;
  BackendBlockSizes probe_block_sizes() override;
  void LockMedium(bool locked) override;
  void TrayMoved(MediumMove direction) override;

  // --- BlockBackend. ---
  const NodeRef& root() const override { return edge_.child(); }
  Task<absl::Status> InsertRoot(NodeRef node) override;
  Task<absl::Status> RemoveRoot() override;
  NotifierList<const NodeRef&>& insert_notifiers() override { return inserted_notifiers_; }
  NotifierList<const NodeRef&>& remove_notifiers() override { return removed_notifiers_; }
  Task<absl::Status> InsertMedium(NodeRef node) override;
  Task<absl::Status> RemoveMedium() override;
  Task<absl::StatusOr<TrayResult>> OpenTray(Force force) override;
  Task<absl::StatusOr<TrayResult>> CloseTray() override;
  Task<absl::Status> Eject(Force force) override;
  Task<absl::Status> ChangeMedium(NodeRef node, Force force) override;
  NotifierList<>& news_notifiers() override { return news_notifiers_; }
  Task<absl::Status> HideForDriveDel() override;
  BlockRootState root_state() const override;
  BlockOpenFlags open_flags() const override;
  OpBlockers& op_blockers() override { return op_blockers_; }
  Task<absl::Status> Resize(uint64_t new_length) override;
  Task<IoResult> Pread(uint64_t offset, std::span<uint8_t> data) override;
  Task<IoResult> PreadUnthrottled(uint64_t offset, std::span<uint8_t> data) override;
  Task<IoResult> Pwrite(uint64_t offset, std::span<const uint8_t> data, IoFlags flags) override;
  Task<IoResult> WriteZeroes(uint64_t offset, uint64_t bytes, IoFlags flags) override;
  Task<IoResult> Discard(uint64_t offset, uint64_t bytes) override;
  Task<IoResult> Flush() override;
  Task<std::vector<IoResult>> Multiwrite(std::vector<HostWrite> writes, IoFlags flags) override;
  Task<absl::Status> WriteCompressed(uint64_t offset, std::span<const uint8_t> data) override;
  Task<absl::StatusOr<int>> Ioctl(uint64_t request, void* argument) override;
  bool is_sg() const override { return root() != nullptr && root()->is_sg(); }
  Task<absl::Status> SaveVmState(uint64_t offset, std::span<const uint8_t> data) override;
  Task<absl::Status> LoadVmState(uint64_t offset, std::span<uint8_t> data) override;
  absl::StatusOr<DiskGeometry> ProbeGeometry() const override;
  AioContext& aio_context() const override { return *io_context_; }
  Task<absl::Status> SetAioContext(AioContext& context) override;
  NotifierList<AioContext&>& context_detach_notifiers() override { return detach_notifiers_; }
  NotifierList<AioContext&>& context_attach_notifiers() override { return attach_notifiers_; }
  Task<void> BeginDrain() override;
  void EndDrain() override;
  uint32_t in_flight() const override { return hub_.InFlight(); }
  absl::Status SetOnError(OnError read, OnError write) override;
  absl::Status SetErrorPolicies(const ErrorPolicies& policies) override;
  ErrorPolicies error_policies() const override { return errors_.policies(); }
  bool stalled() const override { return errors_.stalled(); }
  void Resume() override;
  BlockErrorState error_state() const override;
  absl::Status CheckErrorState(const BlockErrorState& state) const override;
  void RestoreErrorState(const BlockErrorState& state) override;
  OnError on_read_error() const override { return errors_.read_policy(); }
  OnError on_write_error() const override { return errors_.write_policy(); }
  bool iostatus_enabled() const override { return errors_.iostatus_enabled(); }
  IoStatus iostatus() const override { return errors_.iostatus(); }
  void ResetIostatus() override { errors_.ResetIostatus(); }
  BlockStats Stats() const override;
  const BlockStatsOptions& stats_options() const override { return options_.stats; }
  std::vector<BlockIntervalStats> IntervalStats() const override;
  std::optional<BlockLatencyHistogram> LatencyHistogram(StatsKind kind) const override;
  Task<absl::Status> SetLatencyHistogram(StatsKind kind,
                                         std::vector<uint64_t> boundaries_ns) override;
  Task<absl::Status> SetIoThrottle(ThrottleConfig config, std::string group) override;
  ThrottleConfig io_throttle() const override;
  std::optional<std::string> throttle_group() const override;
  std::optional<std::string> attached_device() const override;
  bool removable() const override;
  bool has_tray() const override;
  bool lockable() const override;
  bool tray_open() override { return TrayOpen(); }
  bool medium_locked() override { return Locked(); }

 private:
  struct Device {
    DeviceAttachment attachment;
    BlockDevOps ops;
  };

  // A change of the medium: alone among its kind, with the backend, the root and a node to come
  // drained. Ends in the destructor.
  class ChangeSection {
   public:
    explicit ChangeSection(std::shared_ptr<BlockBackendImpl> backend)
        : backend_(std::move(backend)) {}
    ChangeSection(ChangeSection&&) noexcept = default;
    ChangeSection& operator=(ChangeSection&&) = delete;
    ~ChangeSection();

   private:
    friend class BlockBackendImpl;
    std::shared_ptr<BlockBackendImpl> backend_;
    std::optional<DrainedSection> root_;
    std::optional<DrainedSection> coming_;
  };
  Task<ChangeSection> BeginChange(NodeRef coming = nullptr);

  // --- EdgeParent. ---
  std::string Describe() const override;
  Task<void> Quiesce() override { return BeginDrain(); }
  void Unquiesce() override { EndDrain(); }
  void OnChildChanged() override;
  absl::Status CheckChildLength(uint64_t new_length) const override;
  absl::Status CheckInactivate() const override;

  // --- RunStateListener. ---
  Task<void> OnVmStop() override;
  void OnVmRun() override;

  // Of the host's channel, whose requests tell their coroutines themselves.
  class HostClient final : public ChannelClient {
    void OnBatchDone() override {}
    bool FollowsBackend() const override { return true; }
  };

  // One use of the root past the channels. Who drains the backend waits for it.
  class RootUse {
   public:
    explicit RootUse(BlockBackendImpl& backend) : backend_(backend) { ++backend_.root_uses_; }
    ~RootUse() {
      --backend_.root_uses_;
      backend_.OnNews();
    }
    RootUse(const RootUse&) = delete;
    RootUse& operator=(const RootUse&) = delete;

   private:
    BlockBackendImpl& backend_;
  };

  // The first half of BeginDrain: channels hold from now on.
  void Hold();
  void OnNews();
  void Pulse();
  void DeliverErrors();
  // --- Stalls; see run_hold.cc. ---
  void BeginStall();
  void EndStall();
  // When the last reference went: whether nothing is left to be waited for.
  bool CanGo() const;
  // Of what goes on in the background for a backend that has no owner any more.
  Task<void> WindUp();
  static Task<void> LetGo(std::shared_ptr<BlockBackendImpl> hidden);

  // What the device (or the host, without one) needs of the node below.
  EdgeOptions EdgeOptionsFor(const BlockNode& node) const;
  // Whether the root edge may be changed now: nothing is in flight anywhere near it.
  bool EdgeIsQuiet() const;
  // Lets go of what a device needed, at once or when the node is quiet.
  void RelaxEdge();
  static Task<void> RelaxEdgeLater(std::shared_ptr<BlockBackendImpl> self);
  // Tells the any-thread properties and the channels what the medium is. [drained]
  void PublishMedium();
  // Of a medium for the attached device, if there is one.
  absl::Status CheckWholeBlocks(uint64_t length) const;
  // Whether the guest of an attached device may run now.
  bool GuestRuns() const;
  // FAILED_PRECONDITION (EBUSY) when the node is inactive.
  absl::Status CheckActive(const BlockNode& node) const;
  // Whether the device can have a medium of that length.
  absl::Status CheckMedium(uint64_t length) const;
  absl::Status AttachRoot(const NodeRef& node);  // [drained]
  // [drained] With what the device needs; nobody is told yet.
  absl::Status AttachTo(Edge& edge, const NodeRef& node);
  void TellOfRoot();                // [drained]
  void DetachRoot();                // [drained]
  Task<void> FlushRoot();           // [drained] What fails is logged.
  Task<void> FlushAndDetachRoot();  // [drained]
  // A request past the channels, in a ChangeSection. Who drains the backend meanwhile, because it
  // shares the node, waits for it.
  Task<IoResult> EdgeIo(IoArguments io);
  bool MayWrite(const BlockNode& node) const;
  // Whether the device would write and has not got the permission from the medium, which was
  // read-only.
  bool LacksWritePermission() const;
  // OK, or why nobody may begin `operation` now.
  absl::Status CheckNotBlocked(BlockOperation operation) const {
    return op_blockers_.Check(operation, Title());
  }
  // Waits until no one drains.
  Task<void> AwaitUndrained();

  // --- Tray; see tray.cc. ---
  bool TrayOpen() { return device_ && device_->ops.is_tray_open && device_->ops.is_tray_open(); }
  bool Locked() {
    return device_ && device_->ops.is_medium_locked && device_->ops.is_medium_locked();
  }
  absl::Status CheckRemovable() const;
  // Removable, and the tray (if there is one) is open.
  absl::Status CheckMediumMayMove();
  // Calls change_media and reports the tray's movement. [drained]
  void MoveMedium(MediumMove move);
  TrayResult OpenTrayDrained(Force force);
  void EmitTrayMoved(bool open);
  static Task<void> RefreshTray(std::shared_ptr<BlockBackendImpl> self);

  // --- Another medium at once; see change_medium.cc. [drained] ---
  absl::Status ChangeRoot(const NodeRef& node, Force force);
  // Has `node` at `coming`, with all that the device needs of it, and `edge_` idle; on failure
  // everything is as before. The root's locks are kept meanwhile: see KeptLocks.
  absl::Status TakeBesideRoot(Edge& coming, const NodeRef& node, Force force);
  // Whether the medium is not to be taken from the guest.
  bool GuestHolds(Force force) { return force == Force::kNo && Locked() && !TrayOpen(); }
  absl::Status LockedError() const;

  // --- Host I/O; see host_io.cc. ---
  struct HostOperation {
    IoOp op;
    uint64_t offset = 0;
    uint64_t bytes = 0;
    void* data = nullptr;
    IoFlags flags = IoFlags::kNone;
    // Of a request made of several: its memory, in place of `data`.
    std::vector<iovec> parts = {};
    bool unthrottled = false;
  };
  class HostRequest;
  class AwaitHostIo;
  Task<IoResult> HostIo(HostOperation operation);
  Task<IoResult> WriteAsHost(HostOperation operation);
  // --- See multiwrite.cc. ---
  struct WriteBatch;
  using WriteGroup = std::vector<size_t>;
  static Task<void> WriteMerged(std::shared_ptr<BlockBackendImpl> self,
                                std::shared_ptr<WriteBatch> batch, WriteGroup group);
  Task<IoResult> WriteOne(HostWrite write, IoFlags flags);

  // "block backend 'x'" or, for an anonymous one, "block backend of device 'y'".
  std::string Title() const;
  static ErrorPolicies PoliciesOf(const BackendOptions& options) {
    return {.read = options.read_error, .write = options.write_error, .retry = options.retry};
  }

  // --- See io_throttle.cc. ---
  // The group that `name` (empty: see SetIoThrottle) means.
  std::shared_ptr<ThrottleGroup> ThrottleGroupNamed(const std::string& name);
  // Whether it is that one already.
  bool IsInThrottleGroup(const std::string& name) const;
  absl::Status NoMedium() const;

  const BackendServices services_;
  ThrottleGroups& throttle_groups_;
  std::string name_;
  std::string former_name_;  // Of one that is hidden.
  const BackendOptions options_;
  // Without what a device's properties say.
  ErrorPolicies own_policies_ = PoliciesOf(options_);
  bool policies_changed_ = false;  // Since the device attached.

  Edge edge_;
  std::optional<Device> device_;
  bool guest_lock_ = false;
  bool host_writes_ = false;  // The host wrote through the edge with no device attached.
  bool resizing_ = false;
  bool deleted_ = false;  // By HideForDriveDel.
  BlockRootState last_root_state_;
  // Holds itself from HideForDriveDel until the device has gone.
  std::shared_ptr<BlockBackendImpl> hidden_;

  // Any thread reads these.
  std::atomic<bool> inserted_{false};
  std::atomic<uint64_t> length_{0};
  std::atomic<bool> read_only_{false};
  std::atomic<bool> write_cache_{options_.write_cache};
  std::atomic<uint64_t> max_transfer_{NodeLimits().max_transfer};
  std::atomic<uint32_t> max_iov_{NodeLimits().max_iov};
  std::atomic<bool> can_discard_{false};

  uint32_t drain_depth_ = 0;
  uint32_t root_uses_ = 0;
  bool stopped_ = false;
  bool changing_ = false;  // A ChangeSection lives.
  AsyncEvent news_;        // Pulsed when a channel acknowledged or a change or drain ended.
  ErrorActions errors_;
  StatsPlan stats_plan_{options_.stats};
  ChannelHub hub_;
  HostClient host_client_;
  std::unique_ptr<ChannelImpl> host_channel_;
  uint32_t host_requests_ = 0;  // Not back in the control context yet.
  AioContext* io_context_ = services_.control;

  std::shared_ptr<ThrottleMember> throttle_;  // nullptr: no limits.
  OpBlockers op_blockers_;
  NotifierList<const NodeRef&> inserted_notifiers_;
  NotifierList<const NodeRef&> removed_notifiers_;
  NotifierList<> news_notifiers_;
  NotifierList<AioContext&> detach_notifiers_;
  NotifierList<AioContext&> attach_notifiers_;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_BACKEND_IMPL_H_

// SPDX-License-Identifier: Apache-2.0
//
// BlockBackendImpl: the one BlockBackend. Its parts: channel.h (data plane), channel_hub.h (drain
// and hold), error_action.h (policies); attach.cc (device), medium.cc (root, size), tray.cc,
// host_io.cc, run_hold.cc (machine stops and runs), backend_impl.cc (the rest).
//
// Ownership: shared; made by BackendRegistry. A last reference that goes while the medium's node is
//   busy lets a task of the control context finish the work.
// Threading, units, errors: block_backend.h, device_view.h.

#ifndef PLATTER_BLOCKBACKEND_BACKEND_IMPL_H_
#define PLATTER_BLOCKBACKEND_BACKEND_IMPL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "aio/aio_context.h"
#include "aio/await.h"
#include "aio/await_io.h"
#include "aio/task.h"
#include "blockbackend/block_backend.h"
#include "blockbackend/channel.h"
#include "blockbackend/channel_hub.h"
#include "blockbackend/error_action.h"
#include "blockbackend/run_state.h"
#include "drivers/edge.h"
#include "drivers/node.h"

namespace platter {

class BlockBackendImpl final : public BlockBackend,
                               private EdgeParent,
                               private RunStateListener,
                               public std::enable_shared_from_this<BlockBackendImpl> {
 public:
  BlockBackendImpl(const BackendServices& services, std::string name,
                   const BackendOptions& options);
  ~BlockBackendImpl() override;

  // Why `read` and `write` cannot be the policies of the backend that `title` names.
  static absl::Status CheckPolicies(OnError read, OnError write, std::string_view title);

  // What the last reference does: frees `backend`, at once or when its medium is quiet. `gone`
  // runs just before.
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
  Task<absl::Status> InsertMedium(NodeRef node) override;
  Task<absl::Status> RemoveMedium() override;
  Task<absl::StatusOr<TrayResult>> OpenTray(Force force) override;
  Task<absl::StatusOr<TrayResult>> CloseTray() override;
  Task<absl::Status> Eject(Force force) override;
  Task<absl::Status> Resize(uint64_t new_length) override;
  Task<IoResult> Pread(uint64_t offset, std::span<uint8_t> data) override;
  Task<IoResult> Pwrite(uint64_t offset, std::span<const uint8_t> data, IoFlags flags) override;
  Task<IoResult> WriteZeroes(uint64_t offset, uint64_t bytes, IoFlags flags) override;
  Task<IoResult> Discard(uint64_t offset, uint64_t bytes) override;
  Task<IoResult> Flush() override;
  Task<void> BeginDrain() override;
  void EndDrain() override;
  uint32_t in_flight() const override { return hub_.InFlight(); }
  absl::Status SetOnError(OnError read, OnError write) override;
  OnError on_read_error() const override { return errors_.read_policy(); }
  OnError on_write_error() const override { return errors_.write_policy(); }
  bool iostatus_enabled() const override { return errors_.iostatus_enabled(); }
  IoStatus iostatus() const override { return errors_.iostatus(); }
  void ResetIostatus() override { errors_.ResetIostatus(); }
  BlockStats Stats() const override { return hub_.Stats(); }
  std::optional<std::string> attached_device() const override;
  bool removable() const override;
  bool has_tray() const override;
  bool lockable() const override;

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

  // --- RunStateListener. ---
  Task<void> OnVmStop() override;
  void OnVmRun() override;

  // Of the host's channel, whose requests tell their coroutines themselves.
  class HostClient final : public ChannelClient {
    void OnBatchDone() override {}
  };

  // The first half of BeginDrain: channels hold from now on.
  void Hold();
  void OnNews();
  void DeliverErrors();

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
  // Whether the device can have a medium of that length.
  absl::Status CheckMedium(uint64_t length) const;
  absl::Status AttachRoot(NodeRef node);  // [drained]
  Task<void> FlushAndDetachRoot();        // [drained]
  // A request past the channels, in a ChangeSection. Who drains the backend meanwhile, because it
  // shares the node, waits for it.
  Task<IoResult> EdgeIo(IoArguments io);
  bool MayWrite(const BlockNode& node) const;

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

  // --- Host I/O; see host_io.cc. ---
  struct HostOperation;
  class HostRequest;
  class AwaitHostIo;
  Task<IoResult> HostIo(HostOperation operation);
  Task<IoResult> HostWrite(HostOperation operation);

  // "block backend 'x'" or, for an anonymous one, "block backend of device 'y'".
  std::string Title() const;
  absl::Status NoMedium() const;

  const BackendServices services_;
  const std::string name_;
  const BackendOptions options_;
  // Without what a device's properties say.
  OnError own_read_error_ = options_.read_error;
  OnError own_write_error_ = options_.write_error;

  Edge edge_;
  std::optional<Device> device_;
  bool guest_lock_ = false;
  bool host_writes_ = false;  // The host wrote through the edge with no device attached.
  bool resizing_ = false;

  // Any thread reads these.
  std::atomic<bool> inserted_{false};
  std::atomic<uint64_t> length_{0};
  std::atomic<bool> read_only_{false};
  std::atomic<bool> write_cache_;
  std::atomic<uint64_t> max_transfer_{NodeLimits().max_transfer};
  std::atomic<uint32_t> max_iov_{NodeLimits().max_iov};
  std::atomic<bool> can_discard_{false};

  uint32_t drain_depth_ = 0;
  uint32_t edge_io_ = 0;  // Of EdgeIo, in flight.
  bool stopped_ = false;
  bool changing_ = false;  // A ChangeSection lives.
  AsyncEvent news_;        // Pulsed when a channel acknowledged or a change ended.
  ErrorActions errors_;
  ChannelHub hub_;
  HostClient host_client_;
  std::unique_ptr<ChannelImpl> host_channel_;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_BACKEND_IMPL_H_

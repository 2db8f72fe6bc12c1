// SPDX-License-Identifier: Apache-2.0
//
// What a device model sees of its block backend: BlockDeviceView (one per drive), BlockChannel (one
// per drive and AioContext that serves its requests) and BlockRequest (embedded in the device's own
// request). Nothing here knows of block nodes, files or formats.
//
//   class MyRequest : public BlockRequest {
//     void OnBlockDone(IoResult result) override;   // -> status to the guest
//   };
//   backend.Attach({.device_id = "disk0", ...}, std::move(ops));        // control context
//   auto channel = backend.OpenChannel(context, client);                // control context
//   channel->Plug(); channel->Submit(request); channel->Unplug();       // in `context`
//
// Ownership: the backend outlives the device's attachment. The device owns its channels and its
//   requests; memory and iovecs of a request stay until OnBlockDone.
// Threading: a channel belongs to its context. BlockDeviceView: control context unless a function
//   says "any thread". The callbacks of BlockDevOps run in the control context.
// Units: bytes. Errors: data plane: IoResult (0 or a negative errno); control plane: absl::Status.

#ifndef PLATTER_BLOCKBACKEND_DEVICE_VIEW_H_
#define PLATTER_BLOCKBACKEND_DEVICE_VIEW_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "aio/clock.h"
#include "aio/io_request.h"

namespace platter {

class BlockChannel;

// What the error policy is applied to; see BlockChannel.
enum class ErrorHandling : uint8_t {
  kPolicy,  // The drive's rerror/werror decide.
  kReport,  // Errors always come back (a device's own probing reads).
};

class BlockRequest;

// What a channel notes in a request from Submit to OnBlockDone. Not for devices.
struct BlockRequestState {
  BlockChannel* channel = nullptr;
  uint64_t sequence = 0;          // Order of submission on the channel.
  uint64_t submitted_offset = 0;  // What a retry starts from again.
  Instant submitted_at{};
  Instant retry_at{};              // Of a request that waits for its next attempt.
  BlockRequest* before = nullptr;  // Neighbours among the channel's requests in flight.
  BlockRequest* after = nullptr;
  IoFlags submitted_flags = IoFlags::kNone;
  uint8_t bits = 0;      // The channel implementation's.
  uint32_t retries = 0;  // Attempts after the first; the bits say whether there were any.
  IoResult result = 0;
};

// A request of a device model. Fill in op, flags, offset, bytes, iov and iov_count (see IoRequest),
// then Submit. What was filled in may be changed on the way down: fill it in again to submit again.
class BlockRequest : public IoRequest {
 public:
  // In the channel's context, exactly once per Submit, never from inside Submit or Cancel. The
  // device may free or reuse the request and submit others; it does not close the channel here.
  virtual void OnBlockDone(IoResult result) = 0;

  ErrorHandling error_handling = ErrorHandling::kPolicy;
  BlockRequestState channel_state;

 protected:
  ~BlockRequest() = default;

 private:
  void OnIoDone(IoResult result) final;
};

// Told once after each batch of completions, so that a device publishes its used ring and
// interrupts once per batch and notices that the last request of a reset is gone. It may close the
// channel when outstanding() is 0.
class ChannelClient {
 public:
  virtual void OnBatchDone() = 0;

  // --- For a device whose channel goes along when the host moves the backend to another context
  // (BlockBackend::SetAioContext). With the defaults it stays where the device opened it. ---

  // Control context.
  virtual bool FollowsBackend() const { return false; }
  // In the context that the channel leaves; nothing is in flight, plugged or being delivered. The
  // device takes what it has of that context down: it uses the channel there no more.
  virtual void OnLeaveContext() {}
  // In the context that it has come to, with what was parked and kept. The device goes on here.
  virtual void OnEnterContext() {}

 protected:
  ~ChannelClient() = default;
};

// The data plane of one drive in one context.
//
// Submit never calls back: what finishes at once is delivered by the outermost Unplug or, outside a
// plugged section, in the context's next turn. While the backend is drained or the machine is
// stopped a channel parks what is submitted and starts it afterwards, in order. What the host's I/O
// limits hold up starts later, reads and writes each in order. A request whose
// error the policy answers with "stop" is kept and starts again, in submission order, when the
// machine runs again; the device notices nothing. "stall" does the same for the drive alone, until
// the host lets it go on, and "retry" for the one request, after a while.
class BlockChannel {
 public:
  BlockChannel() = default;
  BlockChannel(const BlockChannel&) = delete;
  BlockChannel& operator=(const BlockChannel&) = delete;
  // In the channel's context, or in the control context when the channel's context does not run;
  // outstanding() is 0.
  virtual ~BlockChannel() = default;

  // Range errors (outside the medium, or not a multiple of the guest block size) complete with
  // -EIO and -EINVAL, an empty drive or open tray with -ENOMEDIUM, write-like requests on a
  // read-only drive with -EACCES. Checked in this order: medium, range, block size, read-only.
  virtual void Submit(BlockRequest& request) = 0;

  // Nests. The outermost Unplug hands what was batched to the kernel, then delivers what is done.
  virtual void Plug() = 0;
  virtual void Unplug() = 0;

  // Hint: `request` is outstanding here. Parked, kept, waiting and held up ones end with -ECANCELED
  // soon; one in flight completes when the driver lets it, with its own result.
  virtual void Cancel(BlockRequest& request) = 0;
  // Cancel for every outstanding request: what a device reset calls before it waits for
  // outstanding() == 0 in OnBatchDone. Ends a stall when it drops the last request kept for it.
  virtual void CancelAll() = 0;

  // Submitted and not yet delivered: in flight, done, parked, kept, waiting or held up.
  virtual uint32_t outstanding() const = 0;
  // Counts an operation that the device refused before it became a request (accounting: invalid).
  virtual void CountInvalid(IoOp op) = 0;
  virtual AioContext& context() = 0;

 protected:
  friend class BlockRequest;
  // The node below finished `request`.
  virtual void OnNodeDone(BlockRequest& request, IoResult result) = 0;
};

inline void BlockRequest::OnIoDone(IoResult result) {
  channel_state.channel->OnNodeDone(*this, result);
}

// rerror / werror. kAuto on a device: the backend's policy.
enum class OnError : uint8_t {
  kReport,
  kIgnore,
  kEnospc,  // kStop when space ran out, else kReport.
  kStop,    // The machine stops; the request is tried again when it runs again.
  kStall,   // This drive holds its requests until the host lets it go on; the machine runs.
  kRetry,   // The request is tried again by itself: RetryPolicy.
  kAuto,
};

// What kRetry does.
struct RetryPolicy {
  static constexpr Duration kMinDelay = std::chrono::milliseconds(1);
  static constexpr Duration kMaxDelay = std::chrono::hours(1);
  static constexpr uint32_t kMaxLimit = 1'000'000;

  Duration delay = std::chrono::seconds(1);  // From a failure to the next attempt.
  uint32_t limit = 10;                       // Attempts after the first; 0: without end.
  OnError then = OnError::kReport;           // When the last one has failed, too.

  bool operator==(const RetryPolicy&) const = default;
};

enum class MediumMove : uint8_t { kLoad, kEject };
enum class Force : uint8_t { kNo, kYes };

// The callbacks of a device model (historically BlockDevOps). One left empty means "not
// implemented", and that decides what the drive is: with change_media it is removable, with
// is_tray_open it has a tray, with is_medium_locked it can be locked. All run in the control
// context; change_media and resize while the backend is drained.
struct BlockDevOps {
  // The medium was loaded (it is there now) or ejected. Moves the tray of drives that have one.
  absl::AnyInvocable<void(MediumMove)> change_media;
  // The host asks the guest to let go of the medium (called only when closed and locked). With
  // kYes the host takes it anyway: the lock is gone afterwards.
  absl::AnyInvocable<void(Force)> eject_request;
  absl::AnyInvocable<bool()> is_tray_open;
  absl::AnyInvocable<bool()> is_medium_locked;
  // length() has changed.
  absl::AnyInvocable<void()> resize;
};

struct DeviceAttachment {
  std::string device_id;            // For messages and events.
  uint32_t guest_block_size = 512;  // Requests are multiples of this; a power of two.
  OnError read_error = OnError::kAuto;
  OnError write_error = OnError::kAuto;
  std::optional<RetryPolicy> retry = {};  // Nothing: the backend's.
  bool supports_iostatus = true;
  bool handles_resize = true;  // Others may resize while attached.
  bool needs_write = true;     // False for read-only drives such as CD-ROMs.
  bool share_writes = false;   // share-rw: others may write at the same time.
};

// Block sizes of the host's device, where it is known, as defaults for the guest's.
struct BackendBlockSizes {
  uint32_t logical = 512;
  uint32_t physical = 512;
};

class BlockDeviceView {
 public:
  // The backend's name; empty for an anonymous one.
  virtual const std::string& name() const = 0;

  // --- Attachment. ---

  // FAILED_PRECONDITION (EBUSY) naming both when a device is attached, or when what the device
  // needs collides with another user of the medium; INVALID_ARGUMENT for a bad block size or
  // policy (enospc for reads, a retry out of range); PERMISSION_DENIED when needs_write meets a
  // read-only medium in a drive without change_media.
  virtual absl::Status Attach(const DeviceAttachment& attachment, BlockDevOps ops) = 0;
  // All channels are closed. Resets callbacks, guest block size and iostatus.
  virtual void Detach() = 0;
  // A channel of the attached device in `context`; `client` outlives it. It may be used in
  // `context` from then on.
  virtual std::unique_ptr<BlockChannel> OpenChannel(AioContext& context, ChannelClient& client) = 0;

  // --- The medium. Any thread; a drained section separates changes from requests. ---

  virtual bool is_inserted() const = 0;
  virtual uint64_t length() const = 0;  // 0 when empty.
  virtual bool is_read_only() const = 0;
  // Write-back cache: when false every write is durable before it completes. Applies to requests
  // submitted later on the same thread, and soon on others.
  virtual bool write_cache_enabled() const = 0;
  virtual void set_write_cache_enabled(bool enabled) = 0;
  // Largest sensible transfer (bytes) and iovec count; larger ones are split, not refused.
  virtual uint64_t max_transfer() const = 0;
  virtual uint32_t max_iov() const = 0;
  virtual bool can_discard() const = 0;

  // --- Control context. ---

  // Inserted and the tray is closed.
  virtual bool is_available() = 0;
  virtual BackendBlockSizes probe_block_sizes() = 0;
  // The guest locked or unlocked the medium (passed on to drivers that own a physical one).
  virtual void LockMedium(bool locked) = 0;
  // The guest's command really moved the tray: emits the tray event.
  virtual void TrayMoved(MediumMove direction) = 0;

 protected:
  ~BlockDeviceView() = default;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_DEVICE_VIEW_H_

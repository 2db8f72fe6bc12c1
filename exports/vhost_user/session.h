// SPDX-License-Identifier: Apache-2.0
//
// VhostUserSession: one front-end's connection to a device: the state machine of the vhost-user
// protocol between a MessageStream and a DirectTransport. Nothing of it is on a request's path:
// kicks and calls go between front-end and queue by event descriptors.
//
// One message at a time, in order. What has to wait (a ring that drains, a reset) keeps the next
// message from being taken. A message that is wrong in itself ends the session; one that can't be
// done is refused where the front-end asked for an answer (REPLY_ACK), and ends it elsewhere.
// However it ends, the device is reset, and only when nothing of it touches the front-end's memory
// any more is `ended` called.
//
// Ownership: device, transport and log outlive it. It ends (`ended` was called) before it is
//   destroyed, which may happen inside that call. Threading: the device's control context.
// Errors: those of a front-end go to the log, at a limited rate, naming the message.

#ifndef PLATTER_EXPORTS_VHOST_USER_SESSION_H_
#define PLATTER_EXPORTS_VHOST_USER_SESSION_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "aio/timer.h"
#include "base/log.h"
#include "base/owned_descriptor.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/event_descriptors.h"
#include "devices/virtio/virtio_device.h"
#include "exports/vhost_user/backend_channel.h"
#include "exports/vhost_user/dirty_bitmap.h"
#include "exports/vhost_user/inflight_area.h"
#include "exports/vhost_user/memory_table.h"
#include "exports/vhost_user/message_stream.h"
#include "exports/vhost_user/requests.h"
#include "exports/vhost_user/rings.h"
#include "exports/vhost_user/shared_mapping.h"
#include "exports/vhost_user/state_transfer.h"
#include "exports/vhost_user/vhost_user_spec.h"

namespace platter {

// What sessions are about, one after another.
struct VhostUserTarget {
  std::string name;  // Of the export, for messages.
  VirtioDevice& device;
  DirectTransport& transport;
  AioContext& control;
  RateLimitedLog log;
  SealedMemory sealed = SealedMemory::kAsGiven;
};

class VhostUserSession final : private MessageStreamUser {
 public:
  // Between two looks at rings that have no kick descriptor.
  static constexpr Duration kPollPeriod = std::chrono::milliseconds(1);

  VhostUserSession(VhostUserTarget& target, OwnedDescriptor socket,
                   absl::AnyInvocable<void() &&> ended);
  ~VhostUserSession();

  // The device's configuration vector was raised: its configuration is another, or it needs a
  // reset.
  void OnConfigVector();
  // Ends the session from this side.
  void End(const absl::Status& why);

 private:
  using Then = absl::AnyInvocable<absl::Status() &&>;

  // MessageStreamUser.
  void OnMessage(VhostUserMessage& message) override;
  void OnStreamEnd(const absl::Status& why) override;

  void Dispatch(VhostUserMessage& message);
  void Negotiate(const VhostUserMessage& message);
  void TellRing(VhostUserMessage& message);
  void RunRing(const VhostUserMessage& message);
  void ChangeMemory(VhostUserMessage& message);
  void Configure(VhostUserMessage& message);
  void ChangeState(const VhostUserMessage& message);

  void SetFeatures(uint64_t features);
  void SetMemTable(VhostUserMessage& message);
  void AddMemory(VhostUserMessage& message);
  void SetVringAddr(const VhostUserVringAddr& addr);
  absl::Status SetDescriptor(VhostUserMessage& message);
  void GetVringBase(uint32_t index);
  void SetVringEnable(const VhostUserVringState& state);
  void GetConfig(const VhostUserMessage& message);
  void SetConfig(const VhostUserMessage& message);
  void SetBackendChannel(VhostUserMessage& message);
  void SetStatus(uint64_t status);
  uint8_t StatusNow() const;
  void ResetDevice(absl::AnyInvocable<void() &&> then);
  // What a front-end without a message for resets has: it stops the rings, and starts them anew.
  void MendWhenQuiet(absl::AnyInvocable<void() &&> then);
  void TellConfigChange();

  // --- What outlives this session: requests in flight, dirty pages, the device's state. ---

  void GetInflight(const VhostUserMessage& message);
  void SetInflight(const VhostUserMessage& message);
  void SetLogBase(const VhostUserMessage& message);
  // As messages ask for it, now: none, or log_.
  DirtyLog* WantedLog();
  // Makes it the one that is written to; `then` when nobody writes to another one any more, which
  // is `before`, perhaps.
  void ApplyLog(std::unique_ptr<DirtyBitmap> before, DeviceDone then);
  void SetDeviceState(VhostUserMessage& message);
  absl::Status StartTransfer(const VhostUserTransfer& asked, OwnedDescriptor descriptor);
  void OnTransferred(absl::Status status);
  absl::Status LoadState(const absl::StatusOr<std::string>& state);
  void CheckDeviceState();

  // --- How a message ends. ---

  // Ok: acknowledged, if that was asked for. Else refused.
  void Finish(const absl::Status& status);
  void LogRefused(const absl::Status& status);
  void Reply(std::span<const uint8_t> payload, OwnedDescriptor descriptor = {});
  void ReplyNumber(uint64_t value);
  template <typename T>
  void ReplyStruct(const T& value) {
    Reply({reinterpret_cast<const uint8_t*>(&value), sizeof(value)});
  }
  // Until Resume no message is taken.
  void Wait();
  void Resume();
  // Stops what runs, does `then`, starts what is ready; then Finish.
  void WithRingsStopped(Then then);
  void StartAndFinish();
  void EndWhenQuiet();
  void PollAsNeeded();
  // Virtio 1.3, 6.3: VIRTIO_F_ANY_LAYOUT, of the legacy interface. QEMU offers it itself for
  // transitional devices, Windows' drivers accept it beside VERSION_1, and it comes along. It asks
  // for nothing: any layout is taken.
  static constexpr uint64_t kAnyLayout = uint64_t{1} << 27;
  // Without what is no business of the device.
  static uint64_t DeviceFeatures(uint64_t features) {
    return features & ~(kVhostUserFProtocolFeatures | kVhostFLogAll | kAnyLayout);
  }

  VhostUserTarget& target_;
  absl::AnyInvocable<void() &&> ended_;
  MessageStream stream_;
  MemoryTable table_;
  VhostUserRings rings_;
  std::unique_ptr<BackendChannel> backend_;
  Timer poll_;
  std::unique_ptr<InflightArea> inflight_;
  CallDescriptor log_changed_;
  std::unique_ptr<DirtyBitmap> log_;
  std::unique_ptr<StateTransfer> transfer_;
  std::optional<absl::Status> transferred_;  // How the last one ended.
  bool check_waits_ = false;                 // For its end, to be answered.

  // The message that is worked on.
  uint32_t request_ = 0;
  bool wants_ack_ = false;

  bool ending_ = false;
  bool was_reset_ = false;      // At the end.
  uint32_t synchronising_ = 0;  // Calls of ApplyLog that come back.
  bool over_ = false;
  uint64_t features_ = 0;  // As the front-end set them.
  bool features_set_ = false;
  uint64_t protocol_features_ = 0;
  uint8_t status_ = 0;
  std::optional<uint32_t> generation_;  // Of the configuration that the front-end knows of.
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_SESSION_H_

// SPDX-License-Identifier: Apache-2.0
//
// VirtioDevice: what all virtio devices have in common, whatever transport they are on: features,
// configuration space, queues that start, stop and are kicked, and reset with I/O in flight. A
// device type (VirtioBlk) derives from it and does the work of its queues.
//
// Reset (virtio 1.3, 2.4; the driver's, or Device::Reset): queues take nothing more, what is
// outstanding is cancelled and waited for, and only then are queues and registers cleared. Until
// then resetting() is true and the driver sees a status that is not zero.
//
// Ownership: owns its queues. The transport, contexts and guest memory outlive it.
// Threading: each queue belongs to one AioContext while it is started; Kick is lock-free from any
//   thread; what is "serialised" runs under serialiser(), from any thread; the rest (Device's
//   functions, Connect) in the control context. Completion of a reset is serialised too and runs in
//   whatever context finished last.
// Units: bytes. Errors: what the driver does wrong ends in OnNeedsReset; never in an abort.

#ifndef PLATTER_DEVICES_VIRTIO_VIRTIO_DEVICE_H_
#define PLATTER_DEVICES_VIRTIO_VIRTIO_DEVICE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "devices/bus/guest_memory.h"
#include "devices/bus/serialiser.h"
#include "devices/device.h"
#include "devices/virtio/ring/queue_layout.h"
#include "devices/virtio/virtio_queue.h"
#include "devices/virtio/virtio_transport.h"

namespace platter {

namespace state {
class VirtioDevice;
}

class VirtioDevice : public Device, protected VirtioQueueUser {
 public:
  ~VirtioDevice() override;

  const std::string& id() const final { return id_; }

  // Device.
  void Reset(DeviceDone done) final;
  void Pause(DeviceDone done) final;
  void Resume() final;
  void Unplug(DeviceDone done) final;
  // UNIMPLEMENTED when the transport keeps its state elsewhere. A restored device's requests go to
  // the backend at once, which parks them while the machine is stopped. After a restore that failed
  // the device is as after a reset.
  void SaveState(StateSaved done) final;
  void RestoreState(std::string state, StateRestored done) final;

  // Where every queue stands and what it has taken, by index; a queue that does not run has a
  // layout of size 0. Control context, while paused and nothing moves in the backend: what is kept
  // there by the error policy, or parked, is what the heads name. FAILED_PRECONDITION when a reset
  // is under way or comes meanwhile: it is on its way to a state without queues.
  using SavedQueues = absl::AnyInvocable<void(absl::StatusOr<std::vector<QueueState>>) &&>;
  void SaveQueues(SavedQueues done);

  // The type's own part of a saved state, for whoever keeps rings, features and memory himself and
  // says them again to another device (vhost-user). Control context, at once.
  // FAILED_PRECONDITION while a queue is started or a reset is under way; RestoreTypeState:
  // INVALID_ARGUMENT for what is no such state of a device like this one, and nothing has changed.
  absl::StatusOr<std::string> SaveTypeState();
  absl::Status RestoreTypeState(const std::string& state);

  // Control context. `done` runs there when all that the queues' contexts were doing at the time of
  // the call is done; requests in flight may stay so.
  void Synchronise(DeviceDone done) {
    ForEachQueue([](VirtioQueue&) {}, std::move(done));
  }

  // --- For the transport. ---

  // Once, before anything else.
  void Connect(VirtioTransport& transport);
  Serialiser& serialiser() { return serialiser_; }

  // The device type's number (5 Device Types).
  virtual uint32_t virtio_id() const = 0;
  uint64_t offered_features() const { return offered_features_; }  // Serialised.
  uint32_t queue_count() const { return static_cast<uint32_t>(queues_.size()); }
  uint32_t max_queue_size() const { return max_queue_size_; }
  AioContext& queue_context(uint16_t index) { return queues_[index]->context(); }

  // Serialised, all of these.

  // Whether the driver's choice can be worked with: nothing that was not offered, and VERSION_1.
  // Only then are they the negotiated ones.
  bool AcceptFeatures(uint64_t features);
  uint64_t features() const { return features_; }
  // Configuration space (2.5): bytes beyond its end read as zero; what is not writable ignores.
  void ReadConfig(uint64_t offset, std::span<uint8_t> out);
  void WriteConfig(uint64_t offset, std::span<const uint8_t> data);
  uint32_t config_generation() const { return config_generation_; }

  // The driver is ready (DRIVER_OK): from now on the device notifies.
  void SetDriverOk();
  // Starts a stopped queue. An error names what is wrong with the layout.
  absl::Status StartQueue(uint16_t index, std::shared_ptr<const GuestMemory> memory,
                          const QueueLayout& layout);
  // As StartQueue, with what SaveQueues gave.
  absl::Status RestoreQueue(uint16_t index, std::shared_ptr<const GuestMemory> memory,
                            QueueState state);
  // Stops a started queue: takes nothing more, waits for what it has, then OnQueueStopped.
  void StopQueue(uint16_t index);
  bool queue_started(uint16_t index) const { return queues_[index]->started(); }
  // Where a queue that was stopped stood.
  const VirtioQueue& queue(uint16_t index) const { return *queues_[index]; }

  // The driver's reset. OnResetDone is called when it is done: from inside the call when nothing
  // is started and OnReset may run here.
  void BeginReset();
  bool resetting() const { return resetting_; }
  bool unplugged() const { return unplugged_; }

  // Whether the calling thread may wait for a context to finish: it runs none of them.
  bool MayBlock() const;
  // Waits until no reset is under way, or the queue is stopped. Holds the serialiser, which is
  // released meanwhile. MayBlock().
  void WaitForReset();
  void WaitForQueueStop(uint16_t index);

  // Any thread. Runs `work` in the control context, later.
  void PostToControl(DeviceDone work) { control_.Post(std::move(work)); }

  // Any thread, lock-free. Ignores queues that do not exist or are not started (R-VQ-02).
  void Kick(uint32_t index) {
    if (index < queues_.size()) queues_[index]->Kick();
  }

 protected:
  struct Setup {
    std::string id;
    AioContext& control;
    Serialiser::Mode serialise = Serialiser::Mode::kOn;
    uint32_t max_queue_size = 0;
    // Queue i runs in queue_contexts[i].
    std::vector<AioContext*> queue_contexts;
    // OnReset runs in the control context, wherever the last queue stopped.
    bool resets_in_control = false;
  };
  explicit VirtioDevice(Setup setup);

  AioContext& control() { return control_; }
  const std::vector<AioContext*>& contexts() const { return contexts_; }
  // Set once SetDriverOk was called.
  VirtioTransport& transport() { return *transport_; }
  VirtioQueue& mutable_queue(uint32_t index) { return *queues_[index]; }
  void set_offered_features(uint64_t features) { offered_features_ = features; }
  // Serialised. The configuration space is different: new generation, and the driver is told.
  void ConfigChanged();

  // --- For the device type to do. ---

  // Serialised. The configuration space as it is now.
  virtual std::span<const uint8_t> Config() = 0;
  // Serialised. The driver wrote [offset, offset + data.size()), all of it inside the space.
  virtual void OnConfigWrite(uint64_t offset, std::span<const uint8_t> data) = 0;
  // Serialised. features() are negotiated; queues start next.
  virtual void OnDriverOk() = 0;
  // Serialised. Before any queue is told to stop: from now on what is cancelled is forgotten.
  virtual void OnResetBegins() {}
  // Serialised. All queues are stopped: back to the state of a new device.
  virtual void OnReset() = 0;
  // Control context, after OnReset of a reset that the machine asked for and before its `done`.
  virtual void OnMachineReset() {}
  // Control context. All queues are stopped for good: let go of channels and backend, then `done`.
  virtual void OnUnplug(DeviceDone done) = 0;

  // Serialised, in the control context, paused: the type's own part of a saved state. Check gives
  // nullptr, or what is wrong with it; Restore comes when features are negotiated and before queues
  // are.
  virtual std::string SaveType() { return {}; }
  virtual const char* CheckType(const std::string& state) {
    return state.empty() ? nullptr : "its type of device has no state";
  }
  virtual void RestoreType(const std::string& state) { static_cast<void>(state); }

  // VirtioQueueUser.
  void OnQueueBroken(VirtioQueue& queue) final;
  void OnQueueStopped(VirtioQueue& queue) final;

 private:
  // All queues are stopped: finishes, here or in the control context.
  void AllStopped();
  void FinishReset();
  // Control context: the rest of a reset that the machine asked for.
  void ResetTransport();
  // Runs `action` on each queue, in its context; then `done` in the control context.
  void ForEachQueue(void (*action)(VirtioQueue&), DeviceDone done);
  // Runs `done` in the control context when no kick is on its way to any queue any more.
  void CloseQueues(DeviceDone done);

  // --- Saved state (virtio_device_state.cc). ---

  std::string Serialise(const std::vector<QueueState>& queues);
  // Serialised. FAILED_PRECONDITION unless nothing is started.
  absl::Status CheckSuspended() const;
  // Serialised.
  const char* CheckState(const state::VirtioDevice& from);
  absl::Status RestoreChecked(const state::VirtioDevice& from);

  const std::string id_;
  AioContext& control_;
  const uint32_t max_queue_size_;
  const bool resets_in_control_;
  VirtioTransport* transport_ = nullptr;

  Serialiser serialiser_;
  // Under the serialiser.
  uint64_t offered_features_ = 0;
  uint64_t features_ = 0;
  uint32_t config_generation_ = 0;
  uint64_t resets_ = 0;    // Begun so far.
  uint32_t stopping_ = 0;  // Queues that were told to stop and have not.
  bool driver_ok_ = false;
  bool resetting_ = false;
  bool unplugging_ = false;
  bool unplugged_ = false;
  std::vector<bool> stopping_queue_;  // Which of them.
  std::vector<DeviceDone> reset_waiters_;

  std::vector<AioContext*> contexts_;  // Each once.
  std::vector<std::unique_ptr<VirtioQueue>> queues_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_VIRTIO_DEVICE_H_

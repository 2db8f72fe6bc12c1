// SPDX-License-Identifier: Apache-2.0
//
// DirectTransport: a virtio device driven by calls in place of registers, the way vhost-user and
// vfio-user give it ring addresses and event descriptors. Also the shortest way for a test or a
// benchmark to a queue.
//
//   DirectTransport transport(device, vectors);
//   transport.SetMemory(memory);  transport.SetFeatures(features);
//   transport.SetKickDescriptor(0, kick);  transport.SetCallDescriptor(0, call);  // Or neither.
//   transport.StartQueue(0, layout);  ...  transport.Kick(0);
//
// Ownership: device and vectors outlive it. It is destroyed after the device. Of descriptors it
//   keeps duplicates: the caller's may be closed as soon as the call has returned.
// Threading: control context; Kick from any thread; ReadConfig and WriteConfig from any thread.
//   Notifications leave in whatever context they arise; neither they nor kicks take a lock.
// Units: guest physical addresses. Errors: absl::Status naming the device and the queue.

#ifndef PLATTER_DEVICES_VIRTIO_DIRECT_TRANSPORT_H_
#define PLATTER_DEVICES_VIRTIO_DIRECT_TRANSPORT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

#include "devices/bus/guest_memory.h"
#include "devices/bus/interrupt.h"
#include "devices/virtio/event_descriptors.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtio_transport.h"

namespace platter {

class DirectTransport final : public VirtioTransport {
 public:
  // Where a queue stood when it was stopped.
  struct Position {
    uint16_t next_avail = 0;
    uint16_t next_used = 0;
  };
  using StoppedDone = absl::AnyInvocable<void(Position) &&>;

  // Connects itself to `device`. Queue i interrupts vector i; configuration changes and "needs
  // reset" interrupt vector config_vector().
  DirectTransport(VirtioDevice& device, InterruptVectors& vectors);

  uint16_t config_vector() const { return static_cast<uint16_t>(device_.queue_count()); }

  // FAILED_PRECONDITION while a queue is started.
  absl::Status SetMemory(std::shared_ptr<const GuestMemory> memory);
  uint64_t offered_features();
  // The device works by them from the next StartQueue on. FAILED_PRECONDITION while a queue is
  // started; INVALID_ARGUMENT naming bits not offered.
  absl::Status SetFeatures(uint64_t features);
  // Starts a queue; the first one after SetFeatures also means DRIVER_OK. OUT_OF_RANGE,
  // FAILED_PRECONDITION when it is started already or memory or features are missing,
  // INVALID_ARGUMENT for the layout.
  absl::Status StartQueue(uint16_t index, const QueueLayout& layout) {
    return RestoreQueue(index, {.layout = layout});
  }
  // The same with requests that were taken already; INVALID_ARGUMENT also when they can't have
  // been.
  absl::Status RestoreQueue(uint16_t index, QueueState state);
  // Takes nothing more, waits for what is in flight; `done` in the control context.
  void StopQueue(uint16_t index, StoppedDone done);
  void Kick(uint16_t index) { device_.Kick(index); }

  // --- Event descriptors; event_descriptors.h says what they may be. At any time, also while
  // queues are started; they stay over stops and resets. -1: none. OUT_OF_RANGE, INVALID_ARGUMENT
  // for a descriptor of the wrong kind, or what dup said. ---

  // Watched in the queue's context while the queue is started, for kicks beside Kick(). What is
  // pending when the queue starts counts; from StopQueue on nothing is read.
  absl::Status SetKickDescriptor(uint16_t index, int fd);
  // Why the kick descriptor is not watched any more, as an errno (the peer closed its end or gave
  // what can't be read), or 0. Any thread. Kick() works all the same.
  int kick_descriptor_error(uint16_t index) const { return kicks_[index]->error(); }
  // Signalled in place of the queue's vector, or of config_vector(). A notification that is sent
  // during the change goes the old way or the new one.
  absl::Status SetCallDescriptor(uint16_t index, int fd);
  absl::Status SetConfigDescriptor(int fd);

  void ReadConfig(uint64_t offset, std::span<uint8_t> out);
  void WriteConfig(uint64_t offset, std::span<const uint8_t> data);
  uint32_t config_generation();
  // The driver broke a queue; nothing but Device::Reset helps. Any thread.
  bool needs_reset() const { return needs_reset_.load(std::memory_order_acquire); }

  // VirtioTransport.
  void InterruptQueue(uint16_t queue) override {
    if (!calls_[queue].Signal()) vectors_.Raise(queue);
  }
  void InterruptConfig() override {
    if (!calls_[config_vector()].Signal()) vectors_.Raise(config_vector());
  }
  void OnNeedsReset() override;
  void OnResetDone() override;
  void OnQueueStopped(uint16_t queue) override;
  void OnUnplugged() override;

 private:
  // Serialised. FAILED_PRECONDITION naming a queue that is started.
  absl::Status CheckQuiet(const char* what);
  std::string NameOf(uint16_t index) const;
  void FinishStop(uint16_t index);

  VirtioDevice& device_;
  InterruptVectors& vectors_;
  // By vector; sized once. Changed under the serialiser.
  std::vector<CallDescriptor> calls_;
  std::vector<std::shared_ptr<KickDescriptor>> kicks_;  // By queue.
  std::atomic<bool> needs_reset_{false};

  // Under the device's serialiser.
  std::shared_ptr<const GuestMemory> memory_;
  bool features_set_ = false;
  bool driver_ok_ = false;
  std::vector<std::vector<StoppedDone>> stop_waiters_;  // By queue.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_DIRECT_TRANSPORT_H_

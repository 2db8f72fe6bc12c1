// SPDX-License-Identifier: Apache-2.0
//
// DirectTransport: a virtio device driven by calls in place of registers, the way vhost-user and
// vfio-user give it ring addresses and event descriptors. Also the shortest way for a test or a
// benchmark to a queue.
//
//   DirectTransport transport(device, vectors);
//   transport.SetMemory(memory);  transport.SetFeatures(features);
//   transport.StartQueue(0, layout);  ...  transport.Kick(0);
//
// Ownership: device and vectors outlive it. It is destroyed after the device.
// Threading: control context; Kick from any thread; ReadConfig and WriteConfig from any thread.
// Units: guest physical addresses. Errors: absl::Status naming the device and the queue.

#ifndef PLATTER_DEVICES_VIRTIO_DIRECT_TRANSPORT_H_
#define PLATTER_DEVICES_VIRTIO_DIRECT_TRANSPORT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

#include "devices/bus/guest_memory.h"
#include "devices/bus/interrupt.h"
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
  absl::Status StartQueue(uint16_t index, const QueueLayout& layout);
  // Takes nothing more, waits for what is in flight; `done` in the control context.
  void StopQueue(uint16_t index, StoppedDone done);
  void Kick(uint16_t index) { device_.Kick(index); }

  void ReadConfig(uint64_t offset, std::span<uint8_t> out);
  void WriteConfig(uint64_t offset, std::span<const uint8_t> data);
  uint32_t config_generation();
  // The driver broke a queue; nothing but Device::Reset helps. Any thread.
  bool needs_reset() const { return needs_reset_.load(std::memory_order_acquire); }

  // VirtioTransport.
  void InterruptQueue(uint16_t queue) override { vectors_.Raise(queue); }
  void InterruptConfig() override { vectors_.Raise(config_vector()); }
  void OnNeedsReset() override;
  void OnResetDone() override;
  void OnQueueStopped(uint16_t queue) override;
  void OnUnplugged() override;

 private:
  // Serialised. FAILED_PRECONDITION naming a queue that is started.
  absl::Status CheckQuiet(const char* what);
  void FinishStop(uint16_t index);

  VirtioDevice& device_;
  InterruptVectors& vectors_;
  std::atomic<bool> needs_reset_{false};

  // Under the device's serialiser.
  std::shared_ptr<const GuestMemory> memory_;
  bool features_set_ = false;
  bool driver_ok_ = false;
  std::vector<std::vector<StoppedDone>> stop_waiters_;  // By queue.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_DIRECT_TRANSPORT_H_

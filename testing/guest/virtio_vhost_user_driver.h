// SPDX-License-Identifier: Apache-2.0
//
// VirtioVhostUserDriver: a guest's driver side of a virtio device behind a vhost-user back-end:
// what a hypervisor does between its guest's registers and the socket, on VhostUserFrontEnd.
//
//   auto front = *VhostUserFrontEnd::Connect(path, {});
//   VirtioVhostUserDriver transport(bus, *front, {.device_id = 2, .queues = 1});
//   VirtioBlkDriver disk(bus, transport, {});
//
// Ownership: bus and front-end outlive it; what it polls on goes with it, so nobody waits on the
//   bus afterwards. Threading: the bus's thread.
// Units, errors: see virtio_transport_driver.h. A back-end that hung up is gone.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_VHOST_USER_DRIVER_H_
#define PLATTER_TESTING_GUEST_VIRTIO_VHOST_USER_DRIVER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/owned_descriptor.h"
#include "testing/guest/vhost_user_bus.h"
#include "testing/guest/vhost_user_front_end.h"
#include "testing/guest/virtio_transport_driver.h"

namespace platter {

class VirtioVhostUserDriver final : public VirtioTransportDriver {
 public:
  struct Options {
    uint32_t device_id = 2;  // The protocol doesn't tell.
    uint16_t queues = 1;     // At most; GET_QUEUE_NUM may say less.
    uint32_t queue_size = 128;
    uint64_t protocol_features = UINT64_MAX;  // At most.
    // As a hypervisor's own property: only with it packed rings are accepted, where offered.
    RingFormat format = RingFormat::kSplit;
  };
  VirtioVhostUserDriver(VhostUserBus& bus, VhostUserFrontEnd& front, const Options& options);

  absl::Status Discover(uint32_t device_id) override;
  void BeginReset() override;
  bool ResetDone() override { return true; }
  uint64_t DeviceFeatures() override;
  absl::Status AcceptFeatures(uint64_t features) override;
  uint32_t MaxQueueSize(uint16_t queue) override;
  absl::Status StartQueue(uint16_t queue, const RingLayout& layout) override;
  void DriverOk() override;
  // The protocol has no message for a queue's reset; a hypervisor stops it, and starts it anew.
  void BeginQueueReset(uint16_t queue) override;
  bool QueueResetDone(uint16_t queue) override { return !queues_[queue].started; }
  void Notify(uint16_t queue) override;
  void NotifyAt(uint16_t queue, uint16_t) override { Notify(queue); }
  Causes TakeInterrupts() override;
  bool NeedsReset() override;
  bool Gone() override { return front_->closed(); }
  void ReadConfig(uint64_t offset, std::span<uint8_t> out) override;
  void WriteConfig(uint64_t offset, std::span<const uint8_t> data) override;

  // What a hypervisor does before it migrates: GET_VRING_BASE of each; and on from there.
  absl::Status StopQueues();
  absl::Status ResumeQueues();
  // The back-end was another one, or is to be: all that the old one was told is said to this one,
  // and the rings go on. Requests in flight are the business of the file that both have; without
  // it there must be none.
  absl::Status Reconnect(VhostUserFrontEnd& front);
  // What a hypervisor does while its guest's memory is migrated: writes to data and, for each ring,
  // to its used ring are logged, or no more. The log itself is the caller's to give (SET_LOG_BASE).
  absl::Status SetLogging(bool on);
  // Where requests in flight are recorded; -1: nowhere.
  int inflight_file() const { return inflight_.get(); }
  void ForgetInflight() { inflight_ = OwnedDescriptor(); }
  VhostUserFrontEnd& front() { return *front_; }
  const RingLayout& layout(uint16_t queue) const { return queues_[queue].layout; }

 private:
  struct Queue {
    OwnedDescriptor kick;
    OwnedDescriptor call;
    OwnedDescriptor err;
    RingLayout layout;
    uint32_t base = 0;
    bool started = false;
  };

  uint16_t count() const { return static_cast<uint16_t>(queues_.size()); }
  absl::Status Negotiate();
  absl::Status TellMemory();
  absl::Status TellInflight();
  absl::Status TellAddr(uint16_t index);
  absl::Status Start(uint16_t index);
  absl::Status TellDescriptor(VhostUserRequest request, uint16_t queue, int fd);

  VhostUserBus& bus_;
  VhostUserFrontEnd* front_;
  const Options options_;
  std::vector<Queue> queues_;
  uint64_t features_ = 0;  // As they were told.
  bool logging_ = false;
  VhostUserInflight inflight_size_;
  OwnedDescriptor inflight_;  // The back-ends' file, until a reset.
  OwnedDescriptor backend_requests_;
  uint32_t first_base_ = 0;  // Of a new ring.
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_VHOST_USER_DRIVER_H_

// SPDX-License-Identifier: Apache-2.0
//
// VirtioTransportDriver: how a guest's driver reaches a virtio device, whatever carries it:
// registers (virtio_mmio_driver.h) or calls as vhost-user's (virtio_direct_driver.h). The order of
// 3.1.1 is the caller's: Discover, BeginReset until ResetDone, AcceptFeatures, StartQueue ...,
// DriverOk.
//
// Ownership: bus and device outlive it. Threading: as the bus. Units: bytes.
// Errors: absl::Status naming what the device did.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_TRANSPORT_DRIVER_H_
#define PLATTER_TESTING_GUEST_VIRTIO_TRANSPORT_DRIVER_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"

#include "testing/guest/virtio_ring.h"

namespace platter {

class VirtioTransportDriver {
 public:
  virtual ~VirtioTransportDriver() = default;

  // NOT_FOUND when no virtio device of type `device_id` (5) is there.
  virtual absl::Status Discover(uint32_t device_id) = 0;

  virtual void BeginReset() = 0;
  virtual bool ResetDone() = 0;

  virtual uint64_t DeviceFeatures() = 0;
  // FAILED_PRECONDITION when the device does not agree (3.1.1 step 6).
  virtual absl::Status AcceptFeatures(uint64_t features) = 0;
  // 0 when there is no such queue.
  virtual uint32_t MaxQueueSize(uint16_t queue) = 0;
  virtual absl::Status StartQueue(uint16_t queue, const RingLayout& layout) = 0;
  virtual void DriverOk() = 0;
  // 2.6.1, with VIRTIO_F_RING_RESET: the queue alone. When it is done, StartQueue may follow.
  virtual void BeginQueueReset(uint16_t queue) = 0;
  virtual bool QueueResetDone(uint16_t queue) = 0;

  // Available buffer notification.
  virtual void Notify(uint16_t queue) = 0;
  // The same with where the driver stands (2.9; VirtioRing::next_place), for a device that was
  // promised that (VIRTIO_F_NOTIFICATION_DATA).
  virtual void NotifyAt(uint16_t queue, uint16_t place) = 0;

  // What interrupts said since the last call; acknowledges it.
  struct Causes {
    bool used = false;
    bool config = false;
  };
  virtual Causes TakeInterrupts() = 0;

  virtual bool NeedsReset() = 0;
  // The device does not answer (unplugged).
  virtual bool Gone() = 0;

  // Configuration space; reads are of one generation (2.5.1).
  virtual void ReadConfig(uint64_t offset, std::span<uint8_t> out) = 0;
  virtual void WriteConfig(uint64_t offset, std::span<const uint8_t> data) = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_TRANSPORT_DRIVER_H_

// SPDX-License-Identifier: Apache-2.0
//
// VirtioDirectDriver: a guest's driver side of the direct transport: ring addresses and
// notifications by call, as a vhost-user front-end gives them.
//
// Ownership: bus, device and transport outlive it. Threading: the bus's thread, which is the
// device's control context. Units, errors: see virtio_transport_driver.h.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_DIRECT_DRIVER_H_
#define PLATTER_TESTING_GUEST_VIRTIO_DIRECT_DRIVER_H_

#include <cstdint>
#include <vector>

#include "devices/virtio/direct_transport.h"
#include "devices/virtio/virtio_device.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_transport_driver.h"

namespace platter {

class VirtioDirectDriver final : public VirtioTransportDriver {
 public:
  // The device's vectors are the bus's from kFirstVector + `first_vector` on.
  VirtioDirectDriver(InProcessBus& bus, VirtioDevice& device, DirectTransport& transport,
                     uint32_t first_vector);

  absl::Status Discover(uint32_t device_id) override;
  void BeginReset() override;
  bool ResetDone() override { return !resetting_; }
  uint64_t DeviceFeatures() override { return transport_.offered_features(); }
  absl::Status AcceptFeatures(uint64_t features) override;
  uint32_t MaxQueueSize(uint16_t queue) override;
  absl::Status StartQueue(uint16_t queue, const RingLayout& layout) override;
  void DriverOk() override {}  // The first queue said so.
  void BeginQueueReset(uint16_t queue) override;
  bool QueueResetDone(uint16_t queue) override;
  void Notify(uint16_t queue) override { transport_.Kick(queue); }
  void NotifyAt(uint16_t queue, uint16_t) override { Notify(queue); }
  Causes TakeInterrupts() override;
  bool NeedsReset() override { return transport_.needs_reset(); }
  bool Gone() override { return device_.unplugged(); }
  void ReadConfig(uint64_t offset, std::span<uint8_t> out) override;
  void WriteConfig(uint64_t offset, std::span<const uint8_t> data) override;

 private:
  uint64_t Raised(uint32_t vector);

  InProcessBus& bus_;
  VirtioDevice& device_;
  DirectTransport& transport_;
  const uint32_t first_vector_;
  bool resetting_ = false;
  std::vector<bool> resetting_queue_;
  uint16_t first_place_ = 0;    // Of a new ring.
  std::vector<uint64_t> seen_;  // Messages by vector that TakeInterrupts has reported.
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_DIRECT_DRIVER_H_

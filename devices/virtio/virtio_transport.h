// SPDX-License-Identifier: Apache-2.0
//
// VirtioTransport: what a virtio device asks of whatever connects it to a driver: registers on a
// bus, or another process over a socket. The other direction is VirtioDevice's "for the transport".
//
// Ownership: the transport outlives the device's use of it; see VirtioDevice::Connect.
// Threading: as each function says. "Serialised": under the device's serialiser.

#ifndef PLATTER_DEVICES_VIRTIO_VIRTIO_TRANSPORT_H_
#define PLATTER_DEVICES_VIRTIO_VIRTIO_TRANSPORT_H_

#include <cstdint>

namespace platter {

class VirtioTransport {
 public:
  // A used buffer notification for `queue` (2.9). Any context; lock-free.
  virtual void InterruptQueue(uint16_t queue) = 0;
  // A configuration change notification (2.3). Any thread.
  virtual void InterruptConfig() = 0;

  // The driver did what the device cannot go on from: DEVICE_NEEDS_RESET and a configuration
  // change notification (2.1.1). Serialised.
  virtual void OnNeedsReset() = 0;
  // A reset, whoever asked for it, is finished: registers take their initial values. Serialised.
  virtual void OnResetDone() = 0;
  // The queue was stopped, by VirtioDevice::StopQueue or a reset. Serialised; in its context.
  virtual void OnQueueStopped(uint16_t queue) = 0;
  // The device is gone: registers read as all ones from now on. Serialised.
  virtual void OnUnplugged() = 0;

 protected:
  ~VirtioTransport() = default;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_VIRTIO_TRANSPORT_H_

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
#include <memory>
#include <string>

#include "devices/bus/guest_memory.h"

namespace platter {

// A transport's part of a device's saved state. Serialised, all of it.
class VirtioTransportState {
 public:
  // A serialised message of its own.
  virtual std::string Save() = 0;
  // Whether it can be restored, to a device whose driver has come as far as `driver_ok` and
  // `features_ok` say; nullptr, or what is wrong with it.
  virtual const char* Check(const std::string& state, bool features_ok, bool driver_ok) = 0;
  // Of a state that Check has passed. Interrupts that were pending are again.
  virtual void Restore(const std::string& state) = 0;
  // Where restored queues lie.
  virtual std::shared_ptr<const GuestMemory> memory() = 0;

 protected:
  ~VirtioTransportState() = default;
};

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
  // After that, of a reset that the machine asked for: what the driver's own reset leaves alone (a
  // bus's configuration space) takes its initial values too. Serialised, in the control context.
  virtual void OnMachineReset() {}
  // The queue was stopped, by VirtioDevice::StopQueue or a reset. Serialised; in its context.
  virtual void OnQueueStopped(uint16_t queue) = 0;
  // The device is gone: registers read as all ones from now on. Serialised.
  virtual void OnUnplugged() = 0;

  // nullptr: whoever drives it keeps its state himself.
  virtual VirtioTransportState* saved_state() { return nullptr; }

 protected:
  ~VirtioTransport() = default;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_VIRTIO_TRANSPORT_H_

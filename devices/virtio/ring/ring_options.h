// SPDX-License-Identifier: Apache-2.0
//
// VirtioRingOptions: which features of virtqueues a device offers, named as the field names them.
// Indirect descriptors and the event index are always among them.
//
// Threading: values. Errors: none.

#ifndef PLATTER_DEVICES_VIRTIO_RING_RING_OPTIONS_H_
#define PLATTER_DEVICES_VIRTIO_RING_RING_OPTIONS_H_

#include <cstdint>

#include "devices/virtio/virtio_spec.h"

namespace platter {

struct VirtioRingOptions {
  bool packed = false;             // Packed rings (virtio 1.3, 2.8).
  bool in_order = false;           // Chains are used in the order in which they were taken.
  bool queue_reset = true;         // Single queues can be reset (2.6.1).
  bool notification_data = false;  // A driver's notifications say where it stands (2.9).
};

constexpr uint64_t VirtioRingFeatures(const VirtioRingOptions& options) {
  uint64_t features = kVirtioFVersion1 | kVirtioFIndirectDesc | kVirtioFEventIdx;
  if (options.packed) features |= kVirtioFRingPacked;
  if (options.in_order) features |= kVirtioFInOrder;
  if (options.queue_reset) features |= kVirtioFRingReset;
  if (options.notification_data) features |= kVirtioFNotificationData;
  return features;
}

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_RING_OPTIONS_H_

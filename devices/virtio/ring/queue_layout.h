// SPDX-License-Identifier: Apache-2.0
//
// QueueLayout: where a driver put a virtqueue, and where it stands.
//
// Threading: values. Units: entries, guest physical addresses. From a driver or a saved state: not
// checked before a queue is started with it.

#ifndef PLATTER_DEVICES_VIRTIO_RING_QUEUE_LAYOUT_H_
#define PLATTER_DEVICES_VIRTIO_RING_QUEUE_LAYOUT_H_

#include <cstdint>
#include <optional>

#include "devices/virtio/ring/inflight_region.h"
#include "devices/virtio/ring/packed_spec.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

struct QueueLayout {
  uint32_t size = 0;  // 1 ... the device's maximum; of a split ring, a power of two.
  uint64_t descriptors = 0;
  uint64_t driver = 0;  // The available ring, or the driver's event suppression.
  uint64_t device = 0;  // The used ring, or the device's event suppression.
  // From where on it is used: of a split ring, indices; of a packed one, PackedPlace's bits. A new
  // one starts at FirstPlace().
  uint16_t next_avail = 0;
  uint16_t next_used = 0;
  // Where requests in flight of a split ring are recorded, if they are. Outlives the run of the
  // queue.
  InflightRegion inflight = {};
  // Where writes to `device` are logged dirty, if not where it is.
  std::optional<uint64_t> used_log = {};
};

// Where a new queue with these features starts (2.7.6, 2.8.1).
constexpr uint16_t FirstPlace(uint64_t features) {
  return (features & kVirtioFRingPacked) != 0 ? PackedPlace::kFirst : uint16_t{0};
}

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_QUEUE_LAYOUT_H_

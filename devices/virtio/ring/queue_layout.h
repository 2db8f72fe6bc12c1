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

namespace platter {

struct QueueLayout {
  uint32_t size = 0;  // A power of two, 1 ... the device's maximum.
  uint64_t descriptors = 0;
  uint64_t driver = 0;  // The available ring.
  uint64_t device = 0;  // The used ring.
  // From which indices on it is used: 0 for a new one.
  uint16_t next_avail = 0;
  uint16_t next_used = 0;
  // Where requests in flight are recorded, if they are. Outlives the run of the queue.
  InflightRegion inflight = {};
  // Where writes to the used ring are logged dirty, if not where it is.
  std::optional<uint64_t> used_log = {};
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_QUEUE_LAYOUT_H_

// SPDX-License-Identifier: Apache-2.0
//
// InflightRegion: the part of a shared area in which requests of one queue that are in flight are
// recorded; the layout of the ring says in which format (split_inflight.h).
//
// Ownership: none. Threading: a value. Units: entries.

#ifndef PLATTER_DEVICES_VIRTIO_RING_INFLIGHT_REGION_H_
#define PLATTER_DEVICES_VIRTIO_RING_INFLIGHT_REGION_H_

#include <cstdint>

namespace platter {

struct InflightRegion {
  uint8_t* host = nullptr;  // 8-byte aligned. nullptr: they are not recorded.
  uint32_t entries = 0;     // For rings of up to as many.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_INFLIGHT_REGION_H_

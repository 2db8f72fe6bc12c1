// SPDX-License-Identifier: Apache-2.0
//
// VirtioBlkRequest: one request of a driver from the ring to the used ring, and
// VirtioBlkQueueState: the requests of one queue, allocated once.
//
// What identifies a request to the driver is its head; everything else is parsed from the chain
// and can be parsed from it again (Virtqueue::Lookup).
//
// Ownership: requests belong to their queue. Threading: the queue's context. Units: bytes.

#ifndef PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_REQUEST_H_
#define PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_REQUEST_H_

#include <cstdint>
#include <memory>

#include "blockbackend/device_view.h"
#include "devices/virtio/chain_data.h"
#include "devices/virtio/virtio_blk_config.h"
#include "devices/virtio/virtio_queue.h"

namespace platter {

class VirtioBlkLane;
struct VirtioBlkQueueState;

class VirtioBlkRequest final : public BlockRequest {
 public:
  void OnBlockDone(IoResult result) override;

  // --- The lane's. ---

  VirtioBlkQueueState* queue = nullptr;
  VirtioBlkRequest* next_free = nullptr;
  uint16_t head = 0;
  uint64_t order = 0;  // In which it was taken, per queue; 0 while it is free.
  // Where the status byte goes; the pointer is nullptr when it has none.
  uint8_t* status_host = nullptr;
  uint64_t status_address = 0;
  // Bytes in the device-writable part when the request succeeds, without the status.
  uint32_t data_written = 0;

  ChainData data;  // Of reads and writes.

  // Discard and write zeroes: one segment after the other, from the pool.
  VirtioBlkSegment* segments = nullptr;
  uint32_t segment_count = 0;
  uint32_t next_segment = 0;
};

struct VirtioBlkQueueState {
  VirtioBlkQueueState(VirtioQueue& with, VirtioBlkLane& in) : queue(with), lane(in) {}

  VirtioQueue& queue;
  VirtioBlkLane& lane;
  // As many as the ring has entries; made when the queue is first worked on.
  std::unique_ptr<VirtioBlkRequest[]> requests;
  uint32_t request_count = 0;
  VirtioBlkRequest* free = nullptr;
  // In the lane's list of queues with something to publish.
  VirtioBlkQueueState* next_touched = nullptr;
  bool touched = false;
  uint64_t last_order = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_REQUEST_H_

// SPDX-License-Identifier: Apache-2.0
//
// VirtioScsiRequest: one command of a driver from the ring to the used ring, and
// VirtioScsiQueueState: the requests of one queue, allocated once.
//
// What identifies a request to the driver's transport is its head; everything else is parsed from
// the chain and can be parsed from it again (Virtqueue::Lookup).
//
// Ownership: requests belong to their queue. Threading: the queue's context. Units: bytes.

#ifndef PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_REQUEST_H_
#define PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_REQUEST_H_

#include <cstdint>
#include <memory>

#include "devices/scsi/scsi_lane.h"
#include "devices/scsi/scsi_task.h"
#include "devices/virtio/chain_data.h"
#include "devices/virtio/virtio_queue.h"
#include "devices/virtio_scsi/scsi_address.h"
#include "devices/virtio_scsi/virtio_scsi_config.h"

namespace platter {

class VirtioScsiLane;
struct VirtioScsiQueueState;

// A logical unit in one lane of the adapter.
struct VirtioScsiUnitLane {
  VirtioScsiUnitLane(ScsiUnit& unit, AioContext& context, ChannelClient& client)
      : lane(unit, context, client) {}

  ScsiLane lane;
  // In the adapter lane's list of channels that are plugged.
  VirtioScsiUnitLane* next_plugged = nullptr;
  bool plugged = false;
};

class VirtioScsiRequest final : public ScsiTask {
 public:
  void OnTaskDone() override;

  // --- The lane's. ---

  VirtioScsiQueueState* queue = nullptr;
  VirtioScsiRequest* next_free = nullptr;
  uint64_t order = 0;  // In which it was taken, per lane; 0 while it is free.
  uint64_t tag = 0;    // The driver's id of it.
  ScsiAddress address;
  VirtioScsiUnitLane* unit = nullptr;
  uint16_t head = 0;
  // What the driver is told when it is cancelled.
  VirtioScsiResponse cancelled_as = VirtioScsiResponse::kAborted;
  bool cancelled = false;

  ChainData response;  // Header and sense data.
  uint32_t sense_size = 0;
  ChainData data;  // One of the task's buffers.
  bool data_is_in = false;
  uint64_t data_bytes = 0;
};

struct VirtioScsiQueueState {
  VirtioScsiQueueState(VirtioQueue& with, VirtioScsiLane& in) : queue(with), lane(in) {}

  VirtioQueue& queue;
  VirtioScsiLane& lane;
  // As many as the ring has entries; made when the queue is first worked on.
  std::unique_ptr<VirtioScsiRequest[]> requests;
  uint32_t request_count = 0;
  VirtioScsiRequest* free = nullptr;
  // In the lane's list of queues with something to publish.
  VirtioScsiQueueState* next_touched = nullptr;
  bool touched = false;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_REQUEST_H_

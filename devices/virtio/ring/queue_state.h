// SPDX-License-Identifier: Apache-2.0
//
// QueueState: what is to be kept of a virtqueue to go on with it elsewhere: where it lies and
// stands, and what was taken from it and not used.
//
// Threading: values. Units: guest physical addresses, bytes. Errors: a saved state is not trusted;
// CheckQueueState says whether its parts fit together, and starting a queue the rest.

#ifndef PLATTER_DEVICES_VIRTIO_RING_QUEUE_STATE_H_
#define PLATTER_DEVICES_VIRTIO_RING_QUEUE_STATE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

#include "devices/virtio/ring/packed_spec.h"
#include "devices/virtio/ring/queue_layout.h"

namespace platter {

// Of a queue that is used in order: a chain that is done, behind others that are not.
struct HeldChain {
  uint32_t place = 0;  // Among all chains taken and not used, oldest first: 0, 1 ...
  uint16_t head = 0;
  uint32_t written = 0;

  bool operator==(const HeldChain&) const = default;
};

struct QueueState {
  QueueLayout layout = {};
  // In use, oldest first. A split ring's chains are read from it again.
  std::vector<uint16_t> heads = {};
  std::vector<HeldChain> held = {};  // By place.
  // Of a packed ring, where they may have been overwritten: the descriptors of the chains of
  // `heads`, then of those in `held`.
  std::vector<std::vector<PackedDesc>> chains = {};
  // The driver told it to stop (QueueReady = 0), and it waits for the heads.
  bool stopping = false;
  // Nothing happens on it until a reset, so no heads matter.
  bool broken = false;
};

// INVALID_ARGUMENT naming what can't be so for a queue with these features: heads that don't exist
// or are named twice, places that don't, chains for others, and when what was taken is not as much
// as the positions are apart.
absl::Status CheckQueueState(const QueueState& state, uint64_t features);

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_QUEUE_STATE_H_

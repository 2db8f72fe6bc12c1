// SPDX-License-Identifier: Apache-2.0
//
// VirtioScsiOptions: the properties of a virtio-scsi adapter, named as the field names them, with
// '_' for '-'.
//
// Units: none. Errors: CheckVirtioScsiOptions says which property of which device is wrong, and
// why.

#ifndef PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_OPTIONS_H_
#define PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "devices/bus/serialiser.h"
#include "devices/virtio/ring/ring_options.h"

namespace platter {

inline constexpr uint32_t kVirtioScsiMaxQueues = 1022;  // Of requests: 1024 in all.

struct VirtioScsiOptions {
  std::string id = {};
  uint32_t num_queues = 1;    // Of requests; 1 ... kVirtioScsiMaxQueues.
  uint32_t queue_size = 256;  // A power of two, 4 ... 32768: room for header, response and data.
  // Pieces of data that a request may have; 0: all that the queue has room for, queue_size - 2.
  uint32_t seg_max = 0;
  VirtioRingOptions ring = {};
  // Where the request queues run: queue i in iothreads[i % size]. Empty: all in the control
  // context, where the control and event queues are.
  std::vector<AioContext*> iothreads = {};

  // Off only when one thread does everything (a benchmark, a deterministic test).
  Serialiser::Mode serialise = Serialiser::Mode::kOn;
};

// Room for header and response: a descriptor each.
inline constexpr uint32_t kVirtioScsiOverhead = 2;

// INVALID_ARGUMENT "virtio-scsi device 'ID': PROPERTY ...".
absl::Status CheckVirtioScsiOptions(const VirtioScsiOptions& options);

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_OPTIONS_H_

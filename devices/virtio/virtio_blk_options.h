// SPDX-License-Identifier: Apache-2.0
//
// VirtioBlkOptions: the properties of a virtio-blk device, named as the field names them, with '_'
// for '-'.
//
// Units: sizes in bytes. Errors: CheckVirtioBlkOptions says which property of which device is
// wrong, and why.

#ifndef PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_OPTIONS_H_
#define PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"
#include "devices/bus/serialiser.h"
#include "devices/virtio/ring/ring_options.h"

namespace platter {

inline constexpr uint32_t kVirtioBlkMaxQueues = 1024;
// 5.2.6: the id string of GET_ID.
inline constexpr uint32_t kVirtioBlkIdBytes = 20;
// Descriptors of a request that carry no data: header and status.
inline constexpr uint32_t kVirtioBlkOverhead = 2;

struct VirtioBlkOptions {
  std::string id = {};
  std::string serial = {};  // At most kVirtioBlkIdBytes bytes.

  // 0: what the backend says of its medium, or 512.
  uint32_t logical_block_size = 0;   // A power of two, 512 ... 2 MiB.
  uint32_t physical_block_size = 0;  // A power of two, logical_block_size ... 2 MiB.
  uint32_t min_io_size = 0;          // 0: not reported; a multiple of logical_block_size.
  uint32_t opt_io_size = 0;          // 0: not reported; a multiple of logical_block_size.
  // Nothing: logical_block_size. 0: the device offers no discard.
  std::optional<uint32_t> discard_granularity = {};
  bool discard = true;
  bool write_zeroes = true;

  // Nothing: as the backend is set.
  std::optional<bool> write_cache = {};
  bool share_rw = false;
  OnError rerror = OnError::kAuto;
  OnError werror = OnError::kAuto;
  std::optional<RetryPolicy> retry = {};  // Nothing: as the backend is set.

  uint32_t num_queues = 1;    // 1 ... kVirtioBlkMaxQueues.
  uint32_t queue_size = 256;  // A power of two, 4 ... 32768: room for header, status and data.
  // Pieces of data that a driver puts into one request. 0: what fits a queue of queue_size, which
  // is also the most: queue_size - 2. Less where drivers choose smaller queues than that.
  uint32_t seg_max = 0;
  VirtioRingOptions ring = {};
  // Where the queues run: queue i in iothreads[i % size]. Empty: all in the control context.
  std::vector<AioContext*> iothreads = {};

  // Off only when one thread does everything (a benchmark, a deterministic test).
  Serialiser::Mode serialise = Serialiser::Mode::kOn;
};

// The options with what was left open filled in: block sizes from the backend's medium, discard
// granularity from the block size, the write cache from the backend.
VirtioBlkOptions ResolveVirtioBlkOptions(VirtioBlkOptions options, const BackendBlockSizes& probed,
                                         bool write_cache);

// Of resolved options. INVALID_ARGUMENT "virtio-blk device 'ID': PROPERTY ...".
absl::Status CheckVirtioBlkOptions(const VirtioBlkOptions& options);

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_OPTIONS_H_

// SPDX-License-Identifier: Apache-2.0
//
// VhostUserExport: what the exports of all kinds of devices have in common: a virtio device that is
// served on a socket until it is closed. blk_export.h and scsi_export.h make one.
//
// Ownership: owns the server, the socket and the socket's file; the device is the derived class's,
//   which goes first. Close has finished before it is destroyed (checked). Threading: the device's
//   control context. Units: bytes. Errors: those of a socket, naming the export.

#ifndef PLATTER_EXPORTS_VHOST_USER_DEVICE_EXPORT_H_
#define PLATTER_EXPORTS_VHOST_USER_DEVICE_EXPORT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "aio/task.h"
#include "base/log.h"
#include "base/owned_descriptor.h"
#include "blockbackend/device_view.h"
#include "devices/virtio/ring/ring_options.h"
#include "devices/virtio/virtio_device.h"
#include "exports/vhost_user/memory_table.h"
#include "exports/vhost_user/server.h"

namespace platter {

// The largest ring that a front-end may choose, unless options say otherwise.
inline constexpr uint32_t kVhostUserRingSize = 1024;
// What a driver may put into one request. The front-end reads it before it chooses the size of its
// rings, so it has to suit the smallest that are common: QEMU's, of 128 entries.
inline constexpr uint32_t kVhostUserMaxSegments = 126;

class VhostUserExport {
 public:
  virtual ~VhostUserExport();
  VhostUserExport(const VhostUserExport&) = delete;
  VhostUserExport& operator=(const VhostUserExport&) = delete;

  // Empty where the socket came as a descriptor.
  const std::string& path() const { return server_->path(); }
  bool serving() const { return server_->serving(); }

  // Ends the front-end's session and lets go of what the device uses.
  Task<void> Close();

 protected:
  // Where front-ends connect: one of the two.
  struct Socket {
    std::string path = {};
    OwnedDescriptor listener = {};  // Listens already.
  };
  struct QueueRange {
    uint32_t asked = 0;
    uint32_t most = 0;
  };

  VhostUserExport() = default;

  // INVALID_ARGUMENT for a socket that is given twice or not at all, or a number of queues beyond
  // 1 ... most. `title` is the export in messages.
  static absl::Status CheckCommon(const std::string& title, const Socket& socket,
                                  QueueRange num_queues);
  // Of a drive that guests are to write to. FAILED_PRECONDITION (EACCES).
  static absl::Status CheckWritable(const std::string& title, const BlockDeviceView& backend);

  // For front-ends to choose from. They reset queues by messages, and kick by descriptors.
  static constexpr VirtioRingOptions kRing = {.packed = true, .queue_reset = false};
  // For a device whose requests take `overhead` descriptors besides; 0: what its queue holds.
  static uint32_t SegMax(uint32_t queue_size, uint32_t overhead) {
    return queue_size > kVhostUserMaxSegments + overhead ? kVhostUserMaxSegments : 0;
  }

  // Takes the socket, once, and serves the device there. The last step: a path is taken only when
  // all else is right.
  absl::Status Serve(const std::string& title, Socket socket,
                     const VhostUserServer::Options& options, VirtioDevice& device,
                     AioContext& control, LogSink& log);

 private:
  VirtioDevice* device_ = nullptr;
  std::unique_ptr<VhostUserServer> server_;  // Has the device's transport: outlives it.
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_DEVICE_EXPORT_H_

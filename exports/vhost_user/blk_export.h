// SPDX-License-Identifier: Apache-2.0
//
// VhostUserBlkExport: a drive that other processes use as a vhost-user-blk device: a virtio-blk
// device on a backend, and a server on a socket. Options and defaults are those of the field's
// vhost-user-blk export.
//
//   auto made = VhostUserBlkExport::Create({.id = "e", .path = "/run/e.sock"}, backend, control,
//   log);
//   ... the control context runs ...
//   BlockOn(control, (*made)->Close());
//
// Ownership: owns device, socket and the socket's file; backend, contexts and log outlive it.
//   Close has finished before it is destroyed (checked). Threading: the control context; queues run
//   in Options::iothreads.
// Units: bytes. Errors: Create: INVALID_ARGUMENT, or what backend or socket said, naming the
//   export.

#ifndef PLATTER_EXPORTS_VHOST_USER_BLK_EXPORT_H_
#define PLATTER_EXPORTS_VHOST_USER_BLK_EXPORT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "base/log.h"
#include "base/owned_descriptor.h"
#include "blockbackend/device_view.h"
#include "devices/virtio/virtio_blk.h"
#include "exports/vhost_user/device_export.h"
#include "exports/vhost_user/memory_table.h"
#include "exports/vhost_user/read_only_view.h"

namespace platter {

struct VhostUserBlkOptions {
  // The protocol names a ring by 8 bits (SET_VRING_KICK).
  static constexpr uint32_t kMaxQueues = 256;

  std::string id = {};
  std::string path = {};          // Of the socket; or:
  OwnedDescriptor listener = {};  // A socket that listens already.
  bool writable = false;
  uint32_t num_queues = 1;                   // 1 ... kMaxQueues.
  uint32_t queue_size = kVhostUserRingSize;  // The most that a front-end may choose.
  std::string serial = "vhost_user_blk";
  uint32_t logical_block_size = 512;
  // Queue i runs in iothreads[i % size]. Empty: all in the control context.
  std::vector<AioContext*> iothreads = {};
  SealedMemory sealed = SealedMemory::kAsGiven;
};

class VhostUserBlkExport final : public VhostUserExport {
 public:
  static absl::StatusOr<std::unique_ptr<VhostUserBlkExport>> Create(VhostUserBlkOptions options,
                                                                    BlockDeviceView& backend,
                                                                    AioContext& control,
                                                                    LogSink& log);
  ~VhostUserBlkExport() override;

  VirtioBlkStats stats() const { return device_->stats(); }

 private:
  explicit VhostUserBlkExport(BlockDeviceView& backend) : read_only_(backend) {}

  ReadOnlyView read_only_;
  std::unique_ptr<VirtioBlk> device_;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_BLK_EXPORT_H_

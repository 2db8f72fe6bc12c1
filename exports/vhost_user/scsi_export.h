// SPDX-License-Identifier: Apache-2.0
//
// VhostUserScsiExport: drives that other processes use as the units of one vhost-user-scsi device:
// a virtio-scsi adapter whose target 0 has disks and CD-ROM drives on backends, and a server on a
// socket.
//
//   VhostUserScsiOptions options = {.id = "e", .path = "/run/e.sock"};
//   options.luns.push_back({.lun = 0, .backend = &disk, .unit = ScsiDiskOptions{.id = "e.0"}});
//   options.luns.push_back({.lun = 1, .backend = &disc, .unit = ScsiCdOptions{.id = "e.1"}});
//   auto made = VhostUserScsiExport::Create(std::move(options), control, log);
//   ... the control context runs ...
//   BlockOn(control, (*made)->Close());
//
// Ownership: owns adapter, units, socket and the socket's file; backends, contexts and log outlive
//   it. Close has finished before it is destroyed (checked). Threading: the control context;
//   request queues run in Options::iothreads, the control and event queues in the control context.
// Units: bytes. Errors: Create: INVALID_ARGUMENT, or what a backend or the socket said, naming the
//   export and the LUN; nothing is attached then.

#ifndef PLATTER_EXPORTS_VHOST_USER_SCSI_EXPORT_H_
#define PLATTER_EXPORTS_VHOST_USER_SCSI_EXPORT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "base/log.h"
#include "base/owned_descriptor.h"
#include "blockbackend/device_view.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "exports/vhost_user/device_export.h"
#include "exports/vhost_user/memory_table.h"
#include "exports/vhost_user/read_only_view.h"

namespace platter {

struct VhostUserScsiLun {
  uint32_t lun = 0;  // 0 ... 16383.
  BlockDeviceView* backend = nullptr;
  // A disk, or a drive whose discs come and go; the id is that of the drive.
  std::variant<ScsiDiskOptions, ScsiCdOptions> unit = {};
  bool writable = false;  // Of a disk.
};

struct VhostUserScsiOptions {
  // The protocol names a ring by 8 bits (SET_VRING_KICK); two are no request queues.
  static constexpr uint32_t kMaxQueues = 254;

  std::string id = {};
  std::string path = {};          // Of the socket; or:
  OwnedDescriptor listener = {};  // A socket that listens already.
  std::vector<VhostUserScsiLun> luns = {};
  uint32_t num_queues = 1;                   // Of requests; 1 ... kMaxQueues.
  uint32_t queue_size = kVhostUserRingSize;  // The most that a front-end may choose.
  // Request queue i runs in iothreads[i % size]. Empty: all in the control context.
  std::vector<AioContext*> iothreads = {};
  SealedMemory sealed = SealedMemory::kAsGiven;
};

class VhostUserScsiExport final : public VhostUserExport {
 public:
  static absl::StatusOr<std::unique_ptr<VhostUserScsiExport>> Create(VhostUserScsiOptions options,
                                                                     AioContext& control,
                                                                     LogSink& log);
  ~VhostUserScsiExport() override;

  VirtioScsiStats stats() const { return adapter_->stats(); }

 private:
  VhostUserScsiExport() = default;
  absl::Status AddLun(const std::string& title, VhostUserScsiLun lun, AioContext& control);

  std::vector<std::unique_ptr<ReadOnlyView>> read_only_;  // Of disks that only read.
  std::unique_ptr<VirtioScsi> adapter_;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_SCSI_EXPORT_H_

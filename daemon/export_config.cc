// SPDX-License-Identifier: Apache-2.0

#include "daemon/export_config.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/quote.h"
#include "base/status.h"
#include "config/proto/device.pb.h"
#include "config/proto/export.pb.h"
#include "exports/vhost_user/blk_export.h"
#include "exports/vhost_user/scsi_export.h"

namespace platter {
namespace {

OnError OnErrorFrom(config::ExportErrorPolicy policy) {
  switch (policy) {
    case config::EXPORT_ERROR_POLICY_IGNORE:
      return OnError::kIgnore;
    case config::EXPORT_ERROR_POLICY_STALL:
      return OnError::kStall;
    default:
      return OnError::kReport;
  }
}

// Of a disk: of the export itself, or of a LUN.
template <typename Disk>
void SetDisk(const Disk& disk, ExportDrive& drive) {
  drive.writable = disk.writable();
  drive.backend.write_error = OnErrorFrom(disk.werror());
  drive.backend.read_only = !disk.writable();
  drive.backend.write_cache = !disk.writethrough();
}

ExportDrive DriveOfBlk(const config::BlockExportOptions& options) {
  const config::VhostUserBlkExportOptions& blk = options.vhost_user_blk();
  ExportDrive drive;
  drive.title = ExportTitle(options.id());
  drive.id = options.id();
  drive.node_name = blk.node_name();
  drive.backend.read_error = OnErrorFrom(blk.rerror());
  SetDisk(blk, drive);
  return drive;
}

ExportDrive DriveOfLun(const config::BlockExportOptions& options,
                       const config::ExportLunOptions& lun, uint32_t place) {
  ExportDrive drive;
  drive.lun = lun.has_lun() ? lun.lun() : place;
  drive.title = absl::StrCat(ExportTitle(options.id()), ": LUN ", *drive.lun);
  drive.id = lun.has_id() ? lun.id() : absl::StrCat(options.id(), ".", *drive.lun);
  drive.node_name = lun.node_name();
  drive.backend.read_error = OnErrorFrom(lun.rerror());
  drive.backend.write_error = OnError::kReport;
  drive.backend.read_only = true;
  if (lun.has_disk()) SetDisk(lun.disk(), drive);
  if (lun.has_cd()) drive.kind = "cd";
  return drive;
}

VhostUserScsiLun LunFrom(const config::ExportLunOptions& lun, const ExportDrive& drive,
                         BlockDeviceView& backend) {
  VhostUserScsiLun made = {.lun = *drive.lun, .backend = &backend, .writable = drive.writable};
  if (lun.has_cd()) {
    made.unit = ScsiCdOptions{.id = drive.id,
                              .serial = lun.serial(),
                              .vendor = lun.vendor(),
                              .product = lun.product(),
                              .wwn = lun.wwn()};
  } else {
    made.unit = ScsiDiskOptions{.id = drive.id,
                                .serial = lun.serial(),
                                .vendor = lun.vendor(),
                                .product = lun.product(),
                                .wwn = lun.wwn(),
                                .logical_block_size = lun.disk().logical_block_size()};
  }
  return made;
}

absl::StatusOr<std::unique_ptr<VhostUserExport>> MakeScsi(const config::BlockExportOptions& options,
                                                          ExportParts parts, AioContext& control,
                                                          LogSink& log) {
  const config::VhostUserScsiExportOptions& scsi = options.vhost_user_scsi();
  VhostUserScsiOptions wanted;
  wanted.id = options.id();
  wanted.path = std::move(parts.path);
  wanted.listener = std::move(parts.listener);
  wanted.num_queues = scsi.num_queues();
  wanted.iothreads = std::move(parts.iothreads);
  const std::vector<ExportDrive> drives = DrivesOf(options);
  for (size_t i = 0; i < drives.size(); ++i) {
    wanted.luns.push_back(LunFrom(scsi.luns(static_cast<int>(i)), drives[i], *parts.drives[i]));
  }
  return VhostUserScsiExport::Create(std::move(wanted), control, log);
}

absl::StatusOr<std::unique_ptr<VhostUserExport>> MakeBlk(const config::BlockExportOptions& options,
                                                         ExportParts parts, AioContext& control,
                                                         LogSink& log) {
  VhostUserBlkOptions wanted;
  wanted.id = options.id();
  wanted.path = std::move(parts.path);
  wanted.listener = std::move(parts.listener);
  wanted.writable = options.vhost_user_blk().writable();
  wanted.num_queues = options.vhost_user_blk().num_queues();
  wanted.logical_block_size = options.vhost_user_blk().logical_block_size();
  wanted.iothreads = std::move(parts.iothreads);
  return VhostUserBlkExport::Create(std::move(wanted), *parts.drives[0], control, log);
}

}  // namespace

std::string ExportTitle(std::string_view id) { return absl::StrCat("export ", Quote(id)); }

std::string ExportTypeOf(const config::BlockExportOptions& options) {
  return options.has_vhost_user_scsi() ? "vhost-user-scsi" : "vhost-user-blk";
}

std::vector<ExportDrive> DrivesOf(const config::BlockExportOptions& options) {
  std::vector<ExportDrive> drives;
  if (options.has_vhost_user_blk()) drives.push_back(DriveOfBlk(options));
  for (const config::ExportLunOptions& lun : options.vhost_user_scsi().luns()) {
    drives.push_back(DriveOfLun(options, lun, static_cast<uint32_t>(drives.size())));
  }
  return drives;
}

const config::SocketAddress& AddressOf(const config::BlockExportOptions& options) {
  return options.has_vhost_user_scsi() ? options.vhost_user_scsi().addr()
                                       : options.vhost_user_blk().addr();
}

std::vector<std::string> IoThreadsOf(const config::BlockExportOptions& options) {
  std::vector<std::string> ids;
  if (!options.iothread().empty()) ids.push_back(options.iothread());
  for (const config::IoThreadVqMapping& each : options.iothread_vq_mapping()) {
    ids.push_back(each.iothread());
  }
  return ids;
}

absl::StatusOr<std::unique_ptr<VhostUserExport>> MakeExport(
    const config::BlockExportOptions& options, ExportParts parts, AioContext& control,
    LogSink& log) {
  PLATTER_CHECK(parts.drives.size() == DrivesOf(options).size());
  if (options.has_vhost_user_scsi()) return MakeScsi(options, std::move(parts), control, log);
  return MakeBlk(options, std::move(parts), control, log);
}

}  // namespace platter

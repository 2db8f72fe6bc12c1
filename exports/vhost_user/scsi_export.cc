// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/scsi_export.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "devices/virtio_scsi/scsi_address.h"
#include "devices/virtio_scsi/virtio_scsi_options.h"

namespace platter {

namespace {

absl::Status CheckLuns(const std::string& title, const VhostUserScsiOptions& options) {
  if (options.luns.empty()) return absl::InvalidArgumentError(absl::StrCat(title, " needs a LUN"));
  std::set<uint32_t> numbers;
  for (const VhostUserScsiLun& each : options.luns) {
    if (!numbers.insert(each.lun).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(title, ": two LUNs have the number ", each.lun));
    }
    if (each.lun >= kMaxLuns) {
      return absl::InvalidArgumentError(
          absl::StrCat(title, ": LUN ", each.lun, " is beyond the last one, ", kMaxLuns - 1));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ScsiUnit>> MakeUnit(
    std::variant<ScsiDiskOptions, ScsiCdOptions> options, BlockDeviceView& drive,
    AioContext& control) {
  if (auto* const cd = std::get_if<ScsiCdOptions>(&options)) {
    return ScsiCd::Create(std::move(*cd), drive, control);
  }
  return ScsiDisk::Create(std::get<ScsiDiskOptions>(std::move(options)), drive);
}

}  // namespace

absl::StatusOr<std::unique_ptr<VhostUserScsiExport>> VhostUserScsiExport::Create(
    VhostUserScsiOptions options, AioContext& control, LogSink& log) {
  const std::string title = absl::StrCat("vhost-user-scsi export '", options.id, "'");
  Socket socket = {.path = std::move(options.path), .listener = std::move(options.listener)};
  PLATTER_RETURN_IF_ERROR(CheckCommon(
      title, socket, {.asked = options.num_queues, .most = VhostUserScsiOptions::kMaxQueues}));
  PLATTER_RETURN_IF_ERROR(CheckLuns(title, options));
  // The constructor is private.
  auto made = std::unique_ptr<VhostUserScsiExport>(new VhostUserScsiExport());
  auto adapter = VirtioScsi::Create({.id = options.id,
                                     .num_queues = options.num_queues,
                                     .queue_size = options.queue_size,
                                     .seg_max = SegMax(options.queue_size, kVirtioScsiOverhead),
                                     .ring = kRing,
                                     .iothreads = options.iothreads},
                                    control);
  if (!adapter.ok()) return Annotate(adapter.status(), title);
  made->adapter_ = *std::move(adapter);
  for (VhostUserScsiLun& each : options.luns) {
    const std::string place = absl::StrCat(title, ": LUN ", each.lun);
    PLATTER_RETURN_IF_ERROR(made->AddLun(place, std::move(each), control));
  }
  PLATTER_RETURN_IF_ERROR(made->Serve(title, std::move(socket),
                                      {.name = options.id, .sealed = options.sealed},
                                      *made->adapter_, control, log));
  return made;
}

absl::Status VhostUserScsiExport::AddLun(const std::string& title, VhostUserScsiLun lun,
                                         AioContext& control) {
  BlockDeviceView* drive = lun.backend;
  if (lun.writable) PLATTER_RETURN_IF_ERROR(CheckWritable(title, *drive));
  if (!lun.writable && std::holds_alternative<ScsiDiskOptions>(lun.unit)) {
    drive = read_only_.emplace_back(std::make_unique<ReadOnlyView>(*drive)).get();
  }
  auto unit = MakeUnit(std::move(lun.unit), *drive, control);
  if (!unit.ok()) return Annotate(unit.status(), title);
  return adapter_->AddUnit({.target = 0, .lun = static_cast<uint16_t>(lun.lun)}, *std::move(unit));
}

VhostUserScsiExport::~VhostUserScsiExport() = default;

}  // namespace platter

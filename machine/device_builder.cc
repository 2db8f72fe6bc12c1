// SPDX-License-Identifier: Apache-2.0

#include "machine/device_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"
#include "devices/ide/ata_disk.h"
#include "devices/ide/atapi_cd.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "machine/device_config.h"

namespace platter {
namespace {

absl::Status Named(const config::DeviceOptions& options, const absl::Status& status) {
  return Annotate(status, absl::StrCat("device '", options.id(), "'"));
}

}  // namespace

DeviceBuilder::Kind DeviceBuilder::KindOf(const config::DeviceOptions& options) {
  switch (options.variant_case()) {
    case config::DeviceOptions::kVirtioScsi:
      return Kind::kAdapter;
    case config::DeviceOptions::kVirtioBlk:
    case config::DeviceOptions::kIdeHd:
    case config::DeviceOptions::kIdeCd:
    case config::DeviceOptions::kScsiHd:
    case config::DeviceOptions::kScsiCd:
      return Kind::kDrive;
    default:
      return Kind::kUnknown;
  }
}

std::string DeviceBuilder::DriveOf(const config::DeviceOptions& options) {
  switch (options.variant_case()) {
    case config::DeviceOptions::kVirtioBlk:
      return options.virtio_blk().drive();
    case config::DeviceOptions::kIdeHd:
      return options.ide_hd().drive();
    case config::DeviceOptions::kIdeCd:
      return options.ide_cd().drive();
    case config::DeviceOptions::kScsiHd:
      return options.scsi_hd().drive();
    case config::DeviceOptions::kScsiCd:
      return options.scsi_cd().drive();
    default:
      return "";
  }
}

std::set<std::string> DeviceBuilder::IoThreadsOf(const config::DeviceOptions& options) {
  std::set<std::string> ids;
  const auto add = [&ids](const auto& device) {
    if (!device.iothread().empty()) ids.insert(device.iothread());
    for (const config::IoThreadVqMapping& mapping : device.iothread_vq_mapping()) {
      ids.insert(mapping.iothread());
    }
  };
  if (options.has_virtio_blk()) add(options.virtio_blk());
  if (options.has_virtio_scsi()) add(options.virtio_scsi());
  return ids;
}

absl::StatusOr<PlacedDevice> DeviceBuilder::BuildDrive(const Setup& setup,
                                                       const config::DeviceOptions& options,
                                                       BlockDeviceView& backend) {
  PLATTER_CHECK(KindOf(options) == Kind::kDrive);
  if (options.has_virtio_blk()) return BuildVirtioBlk(setup, options, backend);
  if (options.has_scsi_hd() || options.has_scsi_cd()) {
    return BuildScsiUnit(setup, options, backend);
  }
  return BuildIde(setup, options, backend);
}

absl::Status DeviceBuilder::PlaceVirtio(const Setup& setup, const config::DeviceOptions& options,
                                        VirtioDevice& device, PlacedDevice& built) {
  const absl::Status placed =
      slots_.Place({.mmio = setup.mmio, .interrupts = setup.interrupts, .memory = setup.memory},
                   device, built.place);
  return placed.ok() ? placed : Named(options, placed);
}

absl::StatusOr<PlacedDevice> DeviceBuilder::BuildVirtioBlk(const Setup& setup,
                                                           const config::DeviceOptions& options,
                                                           BlockDeviceView& backend) {
  const absl::StatusOr<VirtioBlkOptions> blk_options =
      VirtioBlkOptionsFrom(options.virtio_blk(), options.id(), setup.find_context);
  if (!blk_options.ok()) return blk_options.status();
  absl::StatusOr<std::unique_ptr<VirtioBlk>> blk =
      VirtioBlk::Create(*blk_options, backend, setup.control);
  if (!blk.ok()) return blk.status();
  PlacedDevice built;
  VirtioBlk& device = **blk;
  built.device = *std::move(blk);
  PLATTER_RETURN_IF_ERROR(PlaceVirtio(setup, options, device, built));
  return built;
}

absl::StatusOr<PlacedDevice> DeviceBuilder::BuildAdapter(const Setup& setup,
                                                         const config::DeviceOptions& options) {
  PLATTER_CHECK(KindOf(options) == Kind::kAdapter);
  const absl::StatusOr<VirtioScsiOptions> scsi_options =
      VirtioScsiOptionsFrom(options.virtio_scsi(), options.id(), setup.find_context);
  if (!scsi_options.ok()) return scsi_options.status();
  absl::StatusOr<std::unique_ptr<VirtioScsi>> adapter =
      VirtioScsi::Create(*scsi_options, setup.control);
  if (!adapter.ok()) return adapter.status();
  PlacedDevice built;
  VirtioScsi& device = **adapter;
  built.device = *std::move(adapter);
  PLATTER_RETURN_IF_ERROR(PlaceVirtio(setup, options, device, built));
  built.place = scsi_.AddAdapter(device, std::move(built.place));
  return built;
}

absl::StatusOr<PlacedDevice> DeviceBuilder::BuildIde(const Setup& setup,
                                                     const config::DeviceOptions& options,
                                                     BlockDeviceView& backend) {
  absl::StatusOr<IdeController::Taken> taken = ide_.Take(
      {.ports = setup.ports, .interrupts = setup.interrupts, .memory = setup.memory},
      options.has_ide_hd() ? IdeWishFrom(options.ide_hd()) : IdeWishFrom(options.ide_cd()));
  if (!taken.ok()) return Named(options, taken.status());
  PlacedDevice built = {.place = std::move(taken->place)};
  if (options.has_ide_hd()) {
    auto disk = AtaDisk::Create(AtaDiskOptionsFrom(options.ide_hd(), options.id()), *taken->port,
                                backend, setup.control, setup.control);
    if (!disk.ok()) return disk.status();
    built.device = *std::move(disk);
  } else {
    auto drive = AtapiCd::Create(AtapiCdOptionsFrom(options.ide_cd(), options.id()), *taken->port,
                                 backend, setup.control);
    if (!drive.ok()) return drive.status();
    built.device = *std::move(drive);
  }
  return built;
}

absl::StatusOr<PlacedDevice> DeviceBuilder::BuildScsiUnit(const Setup& setup,
                                                          const config::DeviceOptions& options,
                                                          BlockDeviceView& backend) {
  const bool is_disk = options.has_scsi_hd();
  absl::StatusOr<ScsiBuses::Taken> taken =
      scsi_.Take(is_disk ? ScsiWishFrom(options.scsi_hd()) : ScsiWishFrom(options.scsi_cd()));
  if (!taken.ok()) return Named(options, taken.status());
  std::unique_ptr<ScsiUnit> unit;
  if (is_disk) {
    ScsiDiskOptions disk_options = ScsiDiskOptionsFrom(options.scsi_hd(), options.id());
    auto disk = options.scsi_hd().removable()
                    ? ScsiDisk::CreateRemovable(std::move(disk_options), backend, setup.control)
                    : ScsiDisk::Create(std::move(disk_options), backend);
    if (!disk.ok()) return disk.status();
    unit = *std::move(disk);
  } else {
    auto drive =
        ScsiCd::Create(ScsiCdOptionsFrom(options.scsi_cd(), options.id()), backend, setup.control);
    if (!drive.ok()) return drive.status();
    unit = *std::move(drive);
  }
  absl::StatusOr<std::unique_ptr<Device>> device =
      ScsiBuses::Plug(*taken, options.id(), is_disk ? "scsi-hd" : "scsi-cd", std::move(unit));
  if (!device.ok()) return Named(options, device.status());
  return PlacedDevice{.place = std::move(taken->place), .device = *std::move(device)};
}

}  // namespace platter

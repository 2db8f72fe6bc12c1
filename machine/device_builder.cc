// SPDX-License-Identifier: Apache-2.0

#include "machine/device_builder.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "devices/ide/ata_disk.h"
#include "devices/virtio/virtio_blk.h"
#include "machine/device_config.h"

namespace platter {
namespace {

absl::Status Named(const config::DeviceOptions& options, const absl::Status& status) {
  return Annotate(status, absl::StrCat("device '", options.id(), "'"));
}

}  // namespace

bool DeviceBuilder::Knows(const config::DeviceOptions& options) {
  return options.has_virtio_blk() || options.has_ide_hd();
}

std::string DeviceBuilder::DriveOf(const config::DeviceOptions& options) {
  switch (options.variant_case()) {
    case config::DeviceOptions::kVirtioBlk:
      return options.virtio_blk().drive();
    case config::DeviceOptions::kIdeHd:
      return options.ide_hd().drive();
    default:
      return "";
  }
}

absl::StatusOr<PlacedDevice> DeviceBuilder::Build(const Setup& setup,
                                                  const config::DeviceOptions& options,
                                                  BlockDeviceView& backend) {
  switch (options.variant_case()) {
    case config::DeviceOptions::kVirtioBlk:
      return BuildVirtioBlk(setup, options, backend);
    case config::DeviceOptions::kIdeHd:
      return BuildIdeHd(setup, options, backend);
    default:
      return Named(options, ErrorWithErrno(ENOTSUP, "not a device of this machine"));
  }
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
  const absl::Status placed =
      slots_.Place({.mmio = setup.mmio, .interrupts = setup.interrupts, .memory = setup.memory},
                   device, built.place);
  if (!placed.ok()) return Named(options, placed);
  return built;
}

absl::StatusOr<PlacedDevice> DeviceBuilder::BuildIdeHd(const Setup& setup,
                                                       const config::DeviceOptions& options,
                                                       BlockDeviceView& backend) {
  absl::StatusOr<IdeController::Taken> taken =
      ide_.Take({.ports = setup.ports, .interrupts = setup.interrupts, .memory = setup.memory},
                IdeWishFrom(options.ide_hd()));
  if (!taken.ok()) return Named(options, taken.status());
  absl::StatusOr<std::unique_ptr<AtaDisk>> disk =
      AtaDisk::Create(AtaDiskOptionsFrom(options.ide_hd(), options.id()), *taken->port, backend,
                      setup.control, setup.control);
  if (!disk.ok()) return disk.status();
  return PlacedDevice{.place = std::move(taken->place), .device = *std::move(disk)};
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0
//
// From the configuration's messages of devices to the options of device models.
//
// Ownership: values; contexts belong to the machine. Threading: control context.
// Errors: those of IoThreadsFrom, naming the device.

#ifndef PLATTER_MACHINE_DEVICE_CONFIG_H_
#define PLATTER_MACHINE_DEVICE_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"

#include "blockbackend/block_stats.h"
#include "devices/ide/ata_disk_options.h"
#include "devices/ide/atapi_cd_options.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/virtio/virtio_blk_options.h"
#include "devices/virtio_scsi/virtio_scsi_options.h"
#include "machine/ide_controller.h"
#include "machine/option_values.h"
#include "machine/scsi_buses.h"

namespace platter {

absl::StatusOr<VirtioBlkOptions> VirtioBlkOptionsFrom(const config::VirtioBlkOptions& message,
                                                      const std::string& id,
                                                      FindIoContextFn find_context);

AtaDiskOptions AtaDiskOptionsFrom(const config::IdeHdOptions& message, const std::string& id);

AtapiCdOptions AtapiCdOptionsFrom(const config::IdeCdOptions& message, const std::string& id);

absl::StatusOr<VirtioScsiOptions> VirtioScsiOptionsFrom(const config::VirtioScsiOptions& message,
                                                        const std::string& id,
                                                        FindIoContextFn find_context);

ScsiDiskOptions ScsiDiskOptionsFrom(const config::ScsiHdOptions& message, const std::string& id);
ScsiCdOptions ScsiCdOptionsFrom(const config::ScsiCdOptions& message, const std::string& id);

// How the drive of a device counts.
BlockStatsOptions StatsOptionsFrom(const config::DeviceOptions& message);

// Of ScsiHdOptions and ScsiCdOptions.
template <typename Message>
ScsiBuses::Wish ScsiWishFrom(const Message& message) {
  ScsiBuses::Wish wish = {.bus = message.bus(), .lun = static_cast<uint16_t>(message.lun())};
  if (message.has_scsi_id()) wish.target = static_cast<uint8_t>(message.scsi_id());
  return wish;
}

// Of IdeHdOptions and IdeCdOptions.
template <typename Message>
IdeController::Wish IdeWishFrom(const Message& message) {
  IdeController::Wish wish;
  if (message.bus() != config::IDE_BUS_ANY) {
    wish.channel = message.bus() == config::IDE_BUS_0 ? 0 : 1;
  }
  if (message.has_unit()) wish.unit = message.unit();
  return wish;
}

}  // namespace platter

#endif  // PLATTER_MACHINE_DEVICE_CONFIG_H_

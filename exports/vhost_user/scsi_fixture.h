// SPDX-License-Identifier: Apache-2.0
//
// ScsiRig: a vhost-user-scsi export with a disk as LUN 0 and a CD-ROM drive as LUN 1 over fake
// drives, and front-ends for it; see export_rig_fixture.h.
//
// Ownership: owns all of it; front-ends go before it. Threading: one thread. Errors: failed checks.

#ifndef PLATTER_EXPORTS_VHOST_USER_SCSI_FIXTURE_H_
#define PLATTER_EXPORTS_VHOST_USER_SCSI_FIXTURE_H_

#include <memory>
#include <utility>

#include "base/arith.h"
#include "base/check.h"
#include "devices/testing/fake_block_device.h"
#include "exports/vhost_user/export_rig_fixture.h"
#include "exports/vhost_user/scsi_export.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/vhost_user_bus.h"
#include "testing/guest/vhost_user_front_end.h"
#include "testing/guest/virtio_scsi_driver.h"
#include "testing/guest/virtio_scsi_spec.h"
#include "testing/guest/virtio_vhost_user_driver.h"

namespace platter {

inline constexpr uint32_t kScsiDeviceId = 8;  // Virtio 1.3, 5.

class ScsiRig : public ExportRig<VhostUserScsiExport> {
 public:
  explicit ScsiRig(VhostUserScsiOptions options = {}) {
    options.id = "exp0";
    options.path = SocketPath();
    options.luns.push_back({.lun = 0,
                            .backend = &disk,
                            .unit = ScsiDiskOptions{.id = "disk0", .serial = "S0"},
                            .writable = true});
    options.luns.push_back({.lun = 1, .backend = &cd, .unit = ScsiCdOptions{.id = "cd0"}});
    disk.record = false;
    cd.record = false;
    auto made = VhostUserScsiExport::Create(std::move(options), *control, log);
    PLATTER_CHECK(made.ok());
    exported = *std::move(made);
  }
  ~ScsiRig() { Close(); }

  FakeBlockDevice disk{kMiB};
  FakeBlockDevice cd{512 * kKiB};
};

// A guest with a driver of the adapter on the export.
struct ScsiGuest {
  static VirtioVhostUserDriver::Options TransportOptions(uint16_t queues) {
    return {
        .device_id = kScsiDeviceId, .queues = static_cast<uint16_t>(queues + 2), .queue_size = 64};
  }
  explicit ScsiGuest(ScsiRig& rig, uint16_t queues = 1)
      : ScsiGuest(rig.BusOptions(), rig.Connect(), queues) {}
  ScsiGuest(VhostUserBus::Options bus_options, std::unique_ptr<VhostUserFrontEnd> connected,
            uint16_t queues = 1)
      : bus(std::move(bus_options)),
        front(std::move(connected)),
        transport(bus, *front, TransportOptions(queues)),
        driver(bus, transport, {.queues = queues, .queue_size = 64}) {}

  VhostUserBus bus;
  std::unique_ptr<VhostUserFrontEnd> front;
  VirtioVhostUserDriver transport;
  VirtioScsiDriver driver;
  VirtioScsiUnit disk_unit{driver, guest::ScsiLunOf(0, 0)};
  VirtioScsiUnit cd_unit{driver, guest::ScsiLunOf(0, 1)};
  ScsiInitiator disk{disk_unit};
  ScsiInitiator cd{cd_unit};
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_SCSI_FIXTURE_H_

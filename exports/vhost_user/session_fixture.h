// SPDX-License-Identifier: Apache-2.0
//
// SessionRig: a vhost-user-blk export of a fake drive, and front-ends for it; see
// export_rig_fixture.h.
//
// Ownership: owns all of it; front-ends go before it. Threading: one thread. Errors: failed checks.

#ifndef PLATTER_EXPORTS_VHOST_USER_SESSION_FIXTURE_H_
#define PLATTER_EXPORTS_VHOST_USER_SESSION_FIXTURE_H_

#include <memory>
#include <utility>

#include "base/arith.h"
#include "base/check.h"
#include "base/owned_descriptor.h"
#include "devices/testing/fake_block_device.h"
#include "exports/vhost_user/blk_export.h"
#include "exports/vhost_user/export_rig_fixture.h"
#include "testing/guest/vhost_user_bus.h"
#include "testing/guest/vhost_user_front_end.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_vhost_user_driver.h"

namespace platter {

class SessionRig : public ExportRig<VhostUserBlkExport> {
 public:
  explicit SessionRig(VhostUserBlkOptions options = {}) {
    options.id = "exp0";
    options.path = SocketPath();
    options.writable = true;
    backend.record = false;
    auto made = VhostUserBlkExport::Create(std::move(options), backend, *control, log);
    PLATTER_CHECK(made.ok());
    exported = *std::move(made);
  }
  ~SessionRig() { Close(); }

  FakeBlockDevice backend{kMiB};
};

// A guest with a block driver on the export.
struct SessionGuest {
  explicit SessionGuest(SessionRig& rig, const VirtioVhostUserDriver::Options& options = {})
      : bus(rig.BusOptions()),
        front(rig.Connect()),
        transport(bus, *front, options),
        disk(bus, transport, {.queues = options.queues, .queue_size = 64}) {}

  VhostUserBus bus;
  std::unique_ptr<VhostUserFrontEnd> front;
  VirtioVhostUserDriver transport;
  VirtioBlkDriver disk;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_SESSION_FIXTURE_H_

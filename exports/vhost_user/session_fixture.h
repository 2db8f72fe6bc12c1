// SPDX-License-Identifier: Apache-2.0
//
// SessionRig: a vhost-user-blk export of a fake drive, and front-ends for it, all on one thread:
// the back-end's event loop turns while a front-end waits.
//
// Ownership: owns all of it; front-ends go before it. Threading: one thread. Errors: failed checks.

#ifndef PLATTER_EXPORTS_VHOST_USER_SESSION_FIXTURE_H_
#define PLATTER_EXPORTS_VHOST_USER_SESSION_FIXTURE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/create.h"
#include "aio/socket_folder.h"
#include "aio/task.h"
#include "base/arith.h"
#include "base/check.h"
#include "base/log.h"
#include "base/owned_descriptor.h"
#include "devices/testing/fake_block_device.h"
#include "exports/vhost_user/blk_export.h"
#include "testing/guest/vhost_user_bus.h"
#include "testing/guest/vhost_user_front_end.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_vhost_user_driver.h"

namespace platter {

class SessionRig {
 public:
  static constexpr int kMostTurns = 10'000;

  explicit SessionRig(VhostUserBlkOptions options = {}) {
    options.id = "exp0";
    options.path = folder_ / "sock";
    options.writable = true;
    backend.record = false;
    control = *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
    auto made = VhostUserBlkExport::Create(std::move(options), backend, *control, log);
    PLATTER_CHECK(made.ok());
    exported = *std::move(made);
  }
  ~SessionRig() {
    if (exported != nullptr) BlockOn(*control, exported->Close());
    exported.reset();
  }
  SessionRig(const SessionRig&) = delete;
  SessionRig& operator=(const SessionRig&) = delete;

  // Until the back-end has nothing to do.
  void Turn() {
    for (int i = 0; i < kMostTurns && control->RunReady(); ++i) {
    }
  }
  std::unique_ptr<VhostUserFrontEnd> Connect() {
    auto front = VhostUserFrontEnd::Connect(exported->path(), {.turn = [this] { Turn(); }});
    PLATTER_CHECK(front.ok());
    Turn();
    return *std::move(front);
  }
  VhostUserBus::Options BusOptions() {
    VhostUserBus::Options options;
    options.turn = [this] { Turn(); };
    return options;
  }
  // The last thing that was logged, or nothing.
  std::string LastLine() const {
    const std::vector<std::string> lines = log.Lines();
    return lines.empty() ? "" : lines.back();
  }

  // Of this process.
  static size_t OpenDescriptors() {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      static_cast<void>(entry);
      ++count;
    }
    return count;
  }

  MemoryLog log;
  FakeBlockDevice backend{kMiB};
  std::unique_ptr<AioContext> control;
  std::unique_ptr<VhostUserBlkExport> exported;

 private:
  SocketFolder folder_;
};

// A guest with a block driver on the export.
struct SessionGuest {
  explicit SessionGuest(SessionRig& rig, const VirtioVhostUserDriver::Options& options = {})
      : bus(rig.BusOptions()),
        front(rig.Connect()),
        transport(bus, *front, options),
        disk(bus, transport,
             {.queues = options.queues,
              .queue_size = 64,
              .refused_features = guest::kFeatureRingPacked}) {}

  VhostUserBus bus;
  std::unique_ptr<VhostUserFrontEnd> front;
  VirtioVhostUserDriver transport;
  VirtioBlkDriver disk;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_SESSION_FIXTURE_H_

// SPDX-License-Identifier: Apache-2.0
//
// For tests of exports: a guest in this thread whose disk is an export served by it.
//
// Ownership: as its members. Threading: one thread, top level; the export's queues may have their
// own. Units: bytes. Errors: test failures.

#ifndef PLATTER_DAEMON_DAEMON_FIXTURE_H_
#define PLATTER_DAEMON_DAEMON_FIXTURE_H_

#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "aio/aio_context.h"
#include "testing/guest/vhost_user_bus.h"
#include "testing/guest/vhost_user_front_end.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_vhost_user_driver.h"

namespace platter {

class ExportGuest {
 public:
  ExportGuest(AioContext& control, const std::string& path) : control_(control) {
    absl::StatusOr<std::unique_ptr<VhostUserFrontEnd>> front =
        VhostUserFrontEnd::Connect(path, {.turn = [this] { Turn(); }});
    EXPECT_TRUE(front.ok()) << front.status();
    if (!front.ok()) return;
    front_ = *std::move(front);
    transport_ =
        std::make_unique<VirtioVhostUserDriver>(bus_, *front_, VirtioVhostUserDriver::Options{});
    disk_ = std::make_unique<VirtioBlkDriver>(bus_, *transport_, VirtioBlkDriver::Options{});
    const absl::Status probed = disk_->Probe();
    EXPECT_TRUE(probed.ok()) << probed;
  }

  bool connected() const { return front_ != nullptr && !front_->closed(); }
  VhostUserFrontEnd& front() { return *front_; }
  VirtioBlkDriver& disk() { return *disk_; }

 private:
  void Turn() {
    for (int i = 0; i < 1000 && control_.RunReady(); ++i) {
    }
  }
  VhostUserBus::Options BusOptions() {
    VhostUserBus::Options options;
    options.turn = [this] { Turn(); };
    return options;
  }

  AioContext& control_;
  VhostUserBus bus_{BusOptions()};
  std::unique_ptr<VhostUserFrontEnd> front_;
  std::unique_ptr<VirtioVhostUserDriver> transport_;
  std::unique_ptr<VirtioBlkDriver> disk_;
};

}  // namespace platter

#endif  // PLATTER_DAEMON_DAEMON_FIXTURE_H_

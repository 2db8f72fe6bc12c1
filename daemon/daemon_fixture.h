// SPDX-License-Identifier: Apache-2.0
//
// For tests of exports: a guest in this thread whose disk, or SCSI adapter, is an export served by
// it; and a client of a monitor.
//
// Ownership: as its members. Threading: one thread, top level; the export's queues may have their
// own. Units: bytes. Errors: test failures.

#ifndef PLATTER_DAEMON_DAEMON_FIXTURE_H_
#define PLATTER_DAEMON_DAEMON_FIXTURE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/aio_context.h"
#include "monitor/test_client.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/vhost_user_bus.h"
#include "testing/guest/vhost_user_front_end.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_scsi_driver.h"
#include "testing/guest/virtio_scsi_spec.h"
#include "testing/guest/virtio_vhost_user_driver.h"

namespace platter {

// The part of it that knows no kind of device.
class ConnectedGuest {
 public:
  bool connected() const { return front_ != nullptr && !front_->closed(); }
  VhostUserFrontEnd& front() { return *front_; }

 protected:
  ConnectedGuest(AioContext& control, const std::string& path,
                 const VirtioVhostUserDriver::Options& options)
      : control_(control) {
    absl::StatusOr<std::unique_ptr<VhostUserFrontEnd>> front =
        VhostUserFrontEnd::Connect(path, {.turn = [this] { Turn(); }});
    EXPECT_TRUE(front.ok()) << front.status();
    if (!front.ok()) return;
    front_ = *std::move(front);
    transport_ = std::make_unique<VirtioVhostUserDriver>(bus_, *front_, options);
  }

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
};

class ExportGuest : public ConnectedGuest {
 public:
  ExportGuest(AioContext& control, const std::string& path) : ConnectedGuest(control, path, {}) {
    if (front_ == nullptr) return;
    disk_ = std::make_unique<VirtioBlkDriver>(bus_, *transport_, VirtioBlkDriver::Options{});
    const absl::Status probed = disk_->Probe();
    EXPECT_TRUE(probed.ok()) << probed;
  }

  VirtioBlkDriver& disk() { return *disk_; }

 private:
  std::unique_ptr<VirtioBlkDriver> disk_;
};

class ScsiExportGuest : public ConnectedGuest {
 public:
  ScsiExportGuest(AioContext& control, const std::string& path)
      : ConnectedGuest(control, path, {.device_id = 8, .queues = 3}) {
    if (front_ == nullptr) return;
    driver_ = std::make_unique<VirtioScsiDriver>(bus_, *transport_, VirtioScsiDriver::Options{});
    const absl::Status probed = driver_->Probe();
    EXPECT_TRUE(probed.ok()) << probed;
  }

  VirtioScsiDriver& driver() { return *driver_; }
  // A unit of target 0, of which the first attentions are taken away.
  ScsiInitiator& unit(uint16_t lun) {
    for (const std::unique_ptr<Unit>& each : units_) {
      if (each->lun == lun) return each->initiator;
    }
    Unit& made = *units_.emplace_back(std::make_unique<Unit>(*driver_, lun));
    EXPECT_TRUE(made.initiator.ClearAttentions().ok());
    return made.initiator;
  }
  // What comes next on the event queue.
  std::vector<guest::ScsiEvent> Events() {
    std::vector<guest::ScsiEvent> events;
    driver_->WaitUntil(
        [&] {
          events = driver_->TakeEvents();
          return !events.empty();
        },
        std::chrono::seconds(10));
    return events;
  }

 private:
  struct Unit {
    Unit(VirtioScsiDriver& driver, uint16_t number)
        : lun(number), transport(driver, guest::ScsiLunOf(0, number)) {}

    uint16_t lun;
    VirtioScsiUnit transport;
    ScsiInitiator initiator{transport};
  };

  std::unique_ptr<VirtioScsiDriver> driver_;
  std::vector<std::unique_ptr<Unit>> units_;
};

// Lines until the answer to `command`, which is the last. An empty command waits for one that was
// sent before.
inline std::vector<std::string> AskMonitor(AioContext& control, TestClient& client,
                                           const std::string& command) {
  if (!command.empty()) client.Send(command);
  std::vector<std::string> lines;
  const auto answered = [&] {
    for (std::optional<std::string> line; (line = client.TakeLine()).has_value();) {
      lines.push_back(*line);
    }
    return !lines.empty() && (lines.back().find("\"return\"") != std::string::npos ||
                              lines.back().find("\"error\"") != std::string::npos);
  };
  control.RunUntil(answered);
  return lines;
}

}  // namespace platter

#endif  // PLATTER_DAEMON_DAEMON_FIXTURE_H_

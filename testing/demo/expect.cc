// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/expect.h"

#include <optional>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {

absl::Status ExpectTrayMoved(Stage& stage, const std::string& device_id, TrayNow now) {
  const bool open = now == TrayNow::kOpen;
  std::optional<TrayMovedEvent> moved;
  PLATTER_RETURN_IF_ERROR(
      stage.WaitFor([&] { return (moved = stage.events().Take<TrayMovedEvent>()).has_value(); },
                    absl::StrCat("DEVICE_TRAY_MOVED tray-open=", open ? "true" : "false")));
  return Require(moved->device_id == device_id && moved->tray_open == open,
                 "DEVICE_TRAY_MOVED is about something else");
}

absl::Status ExpectIoError(Stage& stage, const ExpectedError& expected, ErrorAction action) {
  std::optional<BlockIoErrorEvent> error;
  PLATTER_RETURN_IF_ERROR(
      stage.WaitFor([&] { return (error = stage.events().Take<BlockIoErrorEvent>()).has_value(); },
                    "BLOCK_IO_ERROR"));
  PLATTER_RETURN_IF_ERROR(Require(error->device_id == expected.device_id &&
                                      error->nospace == expected.nospace &&
                                      error->operation == expected.operation,
                                  "BLOCK_IO_ERROR is about something else"));
  return Require(error->action == action, "BLOCK_IO_ERROR tells of another action");
}

absl::Status ExpectStopped(Stage& stage, const ExpectedError& expected) {
  PLATTER_RETURN_IF_ERROR(ExpectIoError(stage, expected, ErrorAction::kStop));
  PLATTER_RETURN_IF_ERROR(
      stage.WaitFor([&] { return stage.events().Take<StopEvent>().has_value(); }, "STOP"));
  PLATTER_RETURN_IF_ERROR(Require(stage.machine().state() == MachineState::kIoError,
                                  "the machine did not stop for an I/O error"));
  return Require(!stage.vcpus_running(), "the vCPUs run while the machine is stopped");
}

absl::Status ExpectRunning(Stage& stage) {
  return Require(stage.machine().state() == MachineState::kRunning && stage.vcpus_running(),
                 "the machine does not run on");
}

absl::Status Cont(Stage& stage) {
  stage.narrator().ToGuest("cont");
  PLATTER_RETURN_IF_ERROR(stage.Run(stage.machine().Cont()));
  return Require(stage.events().Take<ResumeEvent>().has_value(), "RESUME did not come");
}

absl::Status Unplug(Stage& stage, const std::string& device_id) {
  PLATTER_RETURN_IF_ERROR(stage.Run(stage.machine().DeviceDel(device_id)));
  const auto deleted = stage.events().Take<DeviceDeletedEvent>();
  return Require(deleted.has_value() && deleted->device_id == device_id,
                 absl::StrCat("DEVICE_DELETED of ", device_id, " did not come"));
}

}  // namespace platter

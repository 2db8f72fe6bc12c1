// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/event_log.h"

#include "absl/strings/str_cat.h"

namespace platter {
namespace {

struct Texts {
  std::string operator()(const BlockIoErrorEvent& event) const {
    return absl::StrCat("BLOCK_IO_ERROR device=", event.device_id,
                        " operation=", event.operation == IoDirection::kRead ? "read" : "write",
                        " action=", ErrorActionName(event.action),
                        " nospace=", event.nospace ? "true" : "false");
  }
  std::string operator()(const TrayMovedEvent& event) const {
    return absl::StrCat("DEVICE_TRAY_MOVED id=", event.device_id,
                        " tray-open=", event.tray_open ? "true" : "false");
  }
  std::string operator()(const StopEvent&) const { return "STOP"; }
  std::string operator()(const ResumeEvent&) const { return "RESUME"; }
  std::string operator()(const ResetEvent&) const { return "RESET"; }
  std::string operator()(const DeviceDeletedEvent& event) const {
    return absl::StrCat("DEVICE_DELETED device=", event.device_id);
  }
  std::string operator()(const WriteThresholdEvent& event) const {
    return absl::StrCat("BLOCK_WRITE_THRESHOLD node-name=", event.node_name,
                        " write-threshold=", event.write_threshold,
                        " amount-exceeded=", event.amount_exceeded);
  }
};

}  // namespace

std::string EventText(const MachineEvent& event) { return std::visit(Texts{}, event); }

void EventLog::OnMachineEvent(const MachineEvent& event) {
  if (lost_ && lost_(event)) return;
  narrator_.Event(EventText(event));
  events_.push_back(event);
}

}  // namespace platter

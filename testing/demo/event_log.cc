// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/event_log.h"

#include "absl/strings/str_cat.h"

namespace platter {
namespace {

const char* ActionName(ErrorAction action) {
  switch (action) {
    case ErrorAction::kReport:
      return "report";
    case ErrorAction::kIgnore:
      return "ignore";
    case ErrorAction::kStop:
      return "stop";
  }
  return "?";
}

struct Texts {
  std::string operator()(const BlockIoErrorEvent& event) const {
    return absl::StrCat("BLOCK_IO_ERROR device=", event.device_id,
                        " operation=", event.operation == IoDirection::kRead ? "read" : "write",
                        " action=", ActionName(event.action),
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
};

}  // namespace

std::string EventText(const MachineEvent& event) { return std::visit(Texts{}, event); }

void EventLog::OnMachineEvent(const MachineEvent& event) {
  if (lost_ && lost_(event)) return;
  narrator_.Event(EventText(event));
  events_.push_back(event);
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "capi/host_calls.h"

#include <string>
#include <variant>

#include "capi/call.h"

namespace platter::capi {
namespace {

uint32_t ActionOf(ErrorAction action) {
  switch (action) {
    case ErrorAction::kReport:
      return PLATTER_ACTION_REPORT;
    case ErrorAction::kIgnore:
      return PLATTER_ACTION_IGNORE;
    case ErrorAction::kStall:
      return PLATTER_ACTION_STALL;
    case ErrorAction::kRetry:
      return PLATTER_ACTION_RETRY;
    case ErrorAction::kStop:
      break;
  }
  return PLATTER_ACTION_STOP;
}

platter_log_level LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return PLATTER_LOG_INFO;
    case LogLevel::kWarning:
      return PLATTER_LOG_WARNING;
    case LogLevel::kError:
      break;
  }
  return PLATTER_LOG_ERROR;
}

// Points into the event that it is made of.
struct Describe {
  platter_event& to;

  void operator()(const StopEvent& event) const {
    to.type = PLATTER_EVENT_STOP;
    to.io_error = event.reason == StopReason::kIoError ? 1 : 0;
  }
  void operator()(const ResumeEvent&) const { to.type = PLATTER_EVENT_RESUME; }
  void operator()(const ResetEvent&) const { to.type = PLATTER_EVENT_RESET; }
  void operator()(const DeviceDeletedEvent& event) const {
    to.type = PLATTER_EVENT_DEVICE_DELETED;
    to.device = event.device_id.c_str();
  }
  void operator()(const WriteThresholdEvent& event) const {
    to.type = PLATTER_EVENT_WRITE_THRESHOLD;
    to.node = event.node_name.c_str();
    to.threshold = event.write_threshold;
    to.exceeded = event.amount_exceeded;
  }
  void operator()(const TrayMovedEvent& event) const {
    to.type = PLATTER_EVENT_TRAY_MOVED;
    to.device = event.device_id.c_str();
    to.drive = event.backend.c_str();
    to.tray_open = event.tray_open ? 1 : 0;
  }
  void operator()(const BlockIoErrorEvent& event) const {
    to.type = PLATTER_EVENT_IO_ERROR;
    to.device = event.device_id.c_str();
    to.drive = event.backend.c_str();
    to.node = event.node_name.c_str();
    to.reason = event.reason.c_str();
    to.is_write = event.operation == IoDirection::kWrite ? 1 : 0;
    to.action = ActionOf(event.action);
    to.no_space = event.nospace ? 1 : 0;
  }
};

}  // namespace

class HostCalls::WiredLine final : public InterruptLine {
 public:
  WiredLine(const platter_host& host, uint32_t number) : host_(host), number_(number) {}
  void Set(LineLevel level) override {
    if (host_.set_interrupt == nullptr) return;
    const CallbackScope scope;
    host_.set_interrupt(host_.opaque, number_, level == LineLevel::kHigh ? 1 : 0);
  }

 private:
  const platter_host& host_;
  const uint32_t number_;
};

HostCalls::HostCalls(const platter_host& host) : host_(host) {}
HostCalls::~HostCalls() = default;

InterruptLine& HostCalls::Line(uint32_t number) {
  std::unique_ptr<WiredLine>& line = lines_[number];
  if (line == nullptr) line = std::make_unique<WiredLine>(host_, number);
  return *line;
}

VcpuControl HostCalls::Vcpus() {
  VcpuControl vcpus;
  if (host_.pause_vcpus != nullptr) {
    vcpus.pause = [this] {
      const CallbackScope scope;
      host_.pause_vcpus(host_.opaque);
    };
  }
  if (host_.resume_vcpus != nullptr) {
    vcpus.resume = [this] {
      const CallbackScope scope;
      host_.resume_vcpus(host_.opaque);
    };
  }
  return vcpus;
}

void HostCalls::OnMachineEvent(const MachineEvent& event) {
  if (host_.event == nullptr) return;
  platter_event told = {};
  told.size = sizeof(told);
  told.device = told.drive = told.node = told.reason = "";
  std::visit(Describe{told}, event);
  const CallbackScope scope;
  host_.event(host_.opaque, &told);
}

void HostCalls::Log(LogLevel level, std::string_view text) {
  if (host_.log == nullptr) {
    stderr_.Log(level, text);
    return;
  }
  const std::string line(text);  // With an end.
  const CallbackScope scope;
  host_.log(host_.opaque, LevelOf(level), line.c_str());
}

}  // namespace platter::capi

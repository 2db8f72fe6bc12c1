// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_events.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

#include "config/json_writer.h"

namespace platter {
namespace {

constexpr char kBlockExportDeleted[] = "BLOCK_EXPORT_DELETED";
constexpr char kBlockIoError[] = "BLOCK_IO_ERROR";
constexpr char kBlockWriteThreshold[] = "BLOCK_WRITE_THRESHOLD";
constexpr char kDeviceDeleted[] = "DEVICE_DELETED";
constexpr char kDeviceTrayMoved[] = "DEVICE_TRAY_MOVED";
constexpr char kReset[] = "RESET";
constexpr char kResume[] = "RESUME";
constexpr char kShutdown[] = "SHUTDOWN";
constexpr char kStop[] = "STOP";

std::chrono::microseconds Now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

std::string DevicePath(std::string_view id) {
  return absl::StrCat("/machine/peripheral/", std::string(id));
}

QmpEvents::QmpEvents(WallClock clock) : clock_(std::move(clock)) {
  if (!clock_) clock_ = Now;
}

std::vector<QmpEventRow> QmpEventRows() {
  const QmpEventField guest{"guest", "bool"};
  return {
      {kBlockExportDeleted, {{"id", "str"}}},
      {kBlockIoError,
       {{"device", "str"},
        {"qom-path", "str", true},
        {"node-name", "str", true},
        {"operation", "enum read|write"},
        {"action", "enum ignore|report|stop|stall|retry"},
        {"nospace", "bool", true},
        {"reason", "str"}}},
      {kBlockWriteThreshold,
       {{"node-name", "str"}, {"amount-exceeded", "int"}, {"write-threshold", "int"}}},
      {kDeviceDeleted, {{"device", "str", true}, {"path", "str"}}},
      {kDeviceTrayMoved, {{"device", "str"}, {"tray-open", "bool"}, {"id", "str"}}},
      {kReset, {guest, {"reason", "enum host-qmp-system-reset|guest-reset"}}},
      {kResume, {}},
      {kShutdown, {guest, {"reason", "enum host-qmp-quit"}}},
      {kStop, {}},
  };
}

void QmpEvents::RemoveListener(QmpEventListener& listener) { std::erase(listeners_, &listener); }

void QmpEvents::Emit(std::string_view name, Value::Object data) {
  if (listeners_.empty()) return;
  const auto now = static_cast<uint64_t>(clock_().count());
  Value::Object event = {
      {"timestamp", Value::FromObject({{"seconds", Value::Uint(now / 1000000)},
                                       {"microseconds", Value::Uint(now % 1000000)}})},
      {"event", Value::String(std::string(name))}};
  if (!data.empty()) event.push_back({"data", Value::FromObject(std::move(data))});
  const std::string line = FormatJson(Value::FromObject(std::move(event)));
  const std::vector<QmpEventListener*> listeners = listeners_;
  for (QmpEventListener* const listener : listeners) listener->OnQmpEvent(line);
}

void QmpEvents::OnMachineEvent(const MachineEvent& event) {
  std::visit([this](const auto& e) { Tell(e); }, event);
  if (next_ != nullptr) next_->OnMachineEvent(event);
}

void QmpEvents::EmitShutdown() {
  Emit(kShutdown, {{"guest", Value::Bool(false)}, {"reason", Value::String("host-qmp-quit")}});
}

void QmpEvents::EmitExportDeleted(const std::string& id) {
  Emit(kBlockExportDeleted, {{"id", Value::String(id)}});
}

void QmpEvents::Tell(const BlockIoErrorEvent& event) {
  Value::Object data = {{"device", Value::String(event.backend)}};
  if (!event.device_id.empty()) {
    data.push_back({"qom-path", Value::String(DevicePath(event.device_id))});
  }
  if (!event.node_name.empty()) data.push_back({"node-name", Value::String(event.node_name)});
  data.push_back(
      {"operation", Value::String(event.operation == IoDirection::kRead ? "read" : "write")});
  data.push_back({"action", Value::String(ErrorActionName(event.action))});
  data.push_back({"nospace", Value::Bool(event.nospace)});
  data.push_back({"reason", Value::String(event.reason)});
  Emit(kBlockIoError, std::move(data));
}

void QmpEvents::Tell(const TrayMovedEvent& event) {
  Emit(kDeviceTrayMoved, {{"device", Value::String(event.backend)},
                          {"tray-open", Value::Bool(event.tray_open)},
                          {"id", Value::String(event.device_id)}});
}

void QmpEvents::Tell(const StopEvent& /*event*/) { Emit(kStop, {}); }

void QmpEvents::Tell(const ResumeEvent& /*event*/) { Emit(kResume, {}); }

void QmpEvents::Tell(const ResetEvent& /*event*/) {
  const bool by_host = host_resets_ > 0;
  Emit(kReset, {{"guest", Value::Bool(!by_host)},
                {"reason", Value::String(by_host ? "host-qmp-system-reset" : "guest-reset")}});
}

void QmpEvents::Tell(const WriteThresholdEvent& event) {
  Emit(kBlockWriteThreshold, {{"node-name", Value::String(event.node_name)},
                              {"amount-exceeded", Value::Uint(event.amount_exceeded)},
                              {"write-threshold", Value::Uint(event.write_threshold)}});
}

void QmpEvents::Tell(const DeviceDeletedEvent& event) {
  Emit(kDeviceDeleted, {{"device", Value::String(event.device_id)},
                        {"path", Value::String(DevicePath(event.device_id))}});
}

}  // namespace platter

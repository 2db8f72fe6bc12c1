// SPDX-License-Identifier: Apache-2.0
//
// QmpEvents: a machine's events as QMP's, with the time, for those who listen.
//
//   QmpEvents events;                        // Before the machine: it is the machine's sink.
//   Machine machine({..., .events = &events});
//   {"timestamp": {"seconds": 1795709167, "microseconds": 94676}, "event": "DEVICE_TRAY_MOVED",
//    "data": {"device": "", "tray-open": true, "id": "cd0"}}
//
// Ownership: outlives the machine and the listeners. Threading: control context. Units: the host's
// wall clock, or the one given. Errors: none.

#ifndef PLATTER_MONITOR_QMP_EVENTS_H_
#define PLATTER_MONITOR_QMP_EVENTS_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"

#include "config/value.h"
#include "machine/events.h"

namespace platter {

// A member of an event's data.
struct QmpEventField {
  std::string name;
  std::string type;  // "str", "bool", "int" or "enum a|b".
  bool optional = false;
};
struct QmpEventRow {
  std::string name;
  std::vector<QmpEventField> data;
};
// All that are sent, by name.
std::vector<QmpEventRow> QmpEventRows();

class QmpEventListener {
 public:
  // A line without its end. The listener may go away, others may not.
  virtual void OnQmpEvent(const std::string& line) = 0;

 protected:
  ~QmpEventListener() = default;
};

class QmpEvents final : public MachineEventSink {
 public:
  // Since 1970.
  using WallClock = absl::AnyInvocable<std::chrono::microseconds()>;

  explicit QmpEvents(WallClock clock = {});

  void AddListener(QmpEventListener& listener) { listeners_.push_back(&listener); }
  void RemoveListener(QmpEventListener& listener);
  // Somebody else may want the machine's events, too.
  void PassOnTo(MachineEventSink& next) { next_ = &next; }

  // SHUTDOWN by `quit`.
  void EmitShutdown();
  // BLOCK_EXPORT_DELETED: no machine's, but its monitor's.
  void EmitExportDeleted(const std::string& id);
  // While a scope of it lives, RESET is the monitor's doing and not the guest's.
  class HostReset {
   public:
    explicit HostReset(QmpEvents& events) : events_(events) { ++events_.host_resets_; }
    ~HostReset() { --events_.host_resets_; }
    HostReset(const HostReset&) = delete;
    HostReset& operator=(const HostReset&) = delete;

   private:
    QmpEvents& events_;
  };

  void OnMachineEvent(const MachineEvent& event) override;

 private:
  void Emit(std::string_view name, Value::Object data);

  void Tell(const BlockIoErrorEvent& event);
  void Tell(const TrayMovedEvent& event);
  void Tell(const StopEvent& event);
  void Tell(const ResumeEvent& event);
  void Tell(const ResetEvent& event);
  void Tell(const DeviceDeletedEvent& event);
  void Tell(const WriteThresholdEvent& event);

  WallClock clock_;
  MachineEventSink* next_ = nullptr;
  int host_resets_ = 0;
  std::vector<QmpEventListener*> listeners_;
};

// The path of a device's object, as clients of QMP expect one.
std::string DevicePath(std::string_view id);

}  // namespace platter

#endif  // PLATTER_MONITOR_QMP_EVENTS_H_

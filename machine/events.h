// SPDX-License-Identifier: Apache-2.0
//
// Events of a machine for its owner, in the order in which they happened: those of the block
// backends, and STOP, RESUME, RESET and DEVICE_DELETED, as the field names them.
//
// Ownership: the sink outlives the machine. Threading: OnMachineEvent runs in the control context.

#ifndef PLATTER_MACHINE_EVENTS_H_
#define PLATTER_MACHINE_EVENTS_H_

#include <string>
#include <variant>

#include "blockbackend/events.h"
#include "blockbackend/run_state.h"

namespace platter {

struct StopEvent {
  StopReason reason = StopReason::kPaused;
};
struct ResumeEvent {};
struct ResetEvent {};
struct DeviceDeletedEvent {
  std::string device_id;
};

using MachineEvent = std::variant<BlockIoErrorEvent, TrayMovedEvent, StopEvent, ResumeEvent,
                                  ResetEvent, DeviceDeletedEvent>;

class MachineEventSink {
 public:
  virtual void OnMachineEvent(const MachineEvent& event) = 0;

 protected:
  ~MachineEventSink() = default;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_EVENTS_H_

// SPDX-License-Identifier: Apache-2.0
//
// Events of a machine for its owner, in the order in which they happened: those of the block
// backends, and STOP, RESUME, RESET, DEVICE_DELETED and BLOCK_WRITE_THRESHOLD, as the field names
// them.
//
// Ownership: the sink outlives the machine. Threading: OnMachineEvent runs in the control context.

#ifndef PLATTER_MACHINE_EVENTS_H_
#define PLATTER_MACHINE_EVENTS_H_

#include <cstdint>
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

// A write to the node ended beyond the threshold, which is off now.
struct WriteThresholdEvent {
  std::string node_name;
  uint64_t write_threshold = 0;
  uint64_t amount_exceeded = 0;  // Bytes.
};

using MachineEvent = std::variant<BlockIoErrorEvent, TrayMovedEvent, StopEvent, ResumeEvent,
                                  ResetEvent, DeviceDeletedEvent, WriteThresholdEvent>;

class MachineEventSink {
 public:
  virtual void OnMachineEvent(const MachineEvent& event) = 0;

 protected:
  ~MachineEventSink() = default;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_EVENTS_H_

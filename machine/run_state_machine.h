// SPDX-License-Identifier: Apache-2.0
//
// RunStateMachine: running, paused or stopped by an I/O error, and the order in which a machine
// gets from one to the other.
//
//   stop: the vCPUs pause, the devices take nothing more from the guest, the STOP event goes out,
//         the backends wait for what is in flight and flush.
//   cont: the RESUME event goes out, the backends start again what they kept, the devices look for
//         work, the vCPUs run.
//
// Ownership: the owner (Machine) keeps the participants alive while they are registered.
// Threading: control context. Errors: stopping and going on do not fail; they wait.

#ifndef PLATTER_MACHINE_RUN_STATE_MACHINE_H_
#define PLATTER_MACHINE_RUN_STATE_MACHINE_H_

#include <cstdint>
#include <vector>

#include "absl/functional/any_invocable.h"

#include "aio/aio_context.h"
#include "aio/await.h"
#include "aio/task.h"
#include "blockbackend/run_state.h"
#include "devices/device.h"

namespace platter {

// "running", "paused", "io-error" and "inmigrate" (it waits for another one's state) of
// query-status.
enum class MachineState : uint8_t { kRunning, kPaused, kIoError, kIncoming };
const char* MachineStateName(MachineState state);

// The hypervisor's side of stop and cont; all optional.
struct VcpuControl {
  absl::AnyInvocable<void()> pause;  // Returns when no vCPU runs guest code.
  absl::AnyInvocable<void()> resume = {};
};

class RunStateMachine final : public RunState {
 public:
  // What the machine tells of itself. Control context.
  struct Hooks {
    absl::AnyInvocable<void(StopReason)> stopped = {};  // Emits STOP.
    absl::AnyInvocable<void()> resumed = {};            // Emits RESUME.
  };

  RunStateMachine(AioContext& control, VcpuControl vcpus, Hooks hooks);
  // Nothing is being stopped or requested (Settle), and no listener is left (checked).
  ~RunStateMachine();

  MachineState state() const { return state_; }
  // Being stopped: not everything is quiet yet.
  bool stopping() const { return stopping_; }
  // Stopped, and now known to be so for that reason, which is not kRunning.
  void SetStopped(MachineState why) { state_ = why; }

  // Finished when everything is quiet. Does nothing when the machine is stopped already; waits
  // when it is being stopped.
  Task<void> Stop(StopReason reason);
  // Waits for a stop under way, then goes on. Does nothing when the machine runs.
  Task<void> Cont();

  // Finished when no stop is under way.
  Task<void> WaitUntilQuiet();

  // Finished when no stop that was requested, or begun, is left: nothing of them runs after that.
  Task<void> Settle();

  // One that comes to a stopped machine stands still, too.
  void AddDevice(Device& device);
  void RemoveDevice(Device& device);

  // RunState:
  bool running() const override { return state_ == MachineState::kRunning; }
  void RequestStop(StopReason reason) override;
  void AddListener(RunStateListener& listener) override { listeners_.push_back(&listener); }
  void RemoveListener(RunStateListener& listener) override;

 private:
  Task<void> StopAsRequested(StopReason reason);
  Task<void> StopEverything(StopReason reason);
  Task<void> PauseDevices();

  AioContext& control_;
  VcpuControl vcpus_;
  Hooks hooks_;
  MachineState state_ = MachineState::kRunning;
  // A stop is under way; set from the first step until all is quiet.
  bool stopping_ = false;
  AsyncEvent quiet_;
  uint32_t requests_ = 0;  // RequestStop calls whose task has not ended.
  AsyncEvent settled_;
  std::vector<Device*> devices_;
  std::vector<RunStateListener*> listeners_;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_RUN_STATE_MACHINE_H_

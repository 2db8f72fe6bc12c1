// SPDX-License-Identifier: Apache-2.0
#include "machine/run_state_machine.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace platter {

const char* MachineStateName(MachineState state) {
  switch (state) {
    case MachineState::kRunning:
      return "running";
    case MachineState::kPaused:
      return "paused";
    case MachineState::kIoError:
      return "io-error";
    case MachineState::kIncoming:
      return "inmigrate";
  }
  return "?";
}

RunStateMachine::RunStateMachine(AioContext& control, VcpuControl vcpus, Hooks hooks)
    : control_(control), vcpus_(std::move(vcpus)), hooks_(std::move(hooks)) {}

RunStateMachine::~RunStateMachine() {
  PLATTER_CHECK(!stopping_ && requests_ == 0 && listeners_.empty());
}

void RunStateMachine::RemoveDevice(Device& device) { std::erase(devices_, &device); }

void RunStateMachine::RemoveListener(RunStateListener& listener) {
  std::erase(listeners_, &listener);
}

void RunStateMachine::AddDevice(Device& device) {
  devices_.push_back(&device);
  if (!running()) device.Pause([] {});
}

void RunStateMachine::RequestStop(StopReason reason) {
  ++requests_;
  Spawn(control_, StopAsRequested(reason));
}

Task<void> RunStateMachine::StopAsRequested(StopReason reason) {
  co_await Stop(reason);
  if (--requests_ == 0) settled_.Set();
}

Task<void> RunStateMachine::WaitUntilQuiet() {
  while (stopping_) co_await quiet_.Wait();
}

Task<void> RunStateMachine::Settle() {
  co_await WaitUntilQuiet();
  while (requests_ > 0) {
    settled_.Reset();
    co_await settled_.Wait();
  }
}

Task<void> RunStateMachine::Stop(StopReason reason) {
  if (stopping_) {
    co_await quiet_.Wait();
    co_return;
  }
  if (state_ != MachineState::kRunning) co_return;
  stopping_ = true;
  quiet_.Reset();
  state_ = reason == StopReason::kIoError ? MachineState::kIoError : MachineState::kPaused;
  co_await StopEverything(reason);
  stopping_ = false;
  quiet_.Set();
}

Task<void> RunStateMachine::StopEverything(StopReason reason) {
  if (vcpus_.pause) vcpus_.pause();
  co_await PauseDevices();
  if (hooks_.stopped) hooks_.stopped(reason);
  // A listener may go while others are waited for: walk a copy, and ask again who is left.
  const std::vector<RunStateListener*> listeners = listeners_;
  for (RunStateListener* listener : listeners) {
    if (std::find(listeners_.begin(), listeners_.end(), listener) == listeners_.end()) continue;
    co_await listener->OnVmStop();
  }
}

Task<void> RunStateMachine::PauseDevices() {
  const std::vector<Device*> devices = devices_;
  for (Device* device : devices) {
    if (std::find(devices_.begin(), devices_.end(), device) == devices_.end()) continue;
    AsyncEvent paused;
    device->Pause([&paused] { paused.Set(); });
    co_await paused.Wait();
  }
}

Task<void> RunStateMachine::Cont() {
  co_await WaitUntilQuiet();
  const bool stood = state_ != MachineState::kRunning;
  state_ = MachineState::kRunning;
  if (stood && hooks_.resumed) hooks_.resumed();
  // Of a machine that runs, too: a drive that stalls goes on.
  const std::vector<RunStateListener*> listeners = listeners_;
  for (RunStateListener* listener : listeners) listener->OnVmRun();
  if (!stood) co_return;
  const std::vector<Device*> devices = devices_;
  for (Device* device : devices) device->Resume();
  if (vcpus_.resume) vcpus_.resume();
}

}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/test_run_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "aio/await.h"
#include "base/check.h"

namespace platter {

void EventLog::OnBlockEvent(const BlockEvent& event) {
  if (const auto* moved = std::get_if<TrayMovedEvent>(&event)) {
    Add(absl::StrCat("DEVICE_TRAY_MOVED ", moved->tray_open ? "open" : "closed"));
    return;
  }
  const auto& error = std::get<BlockIoErrorEvent>(event);
  Add(absl::StrCat("BLOCK_IO_ERROR ", error.operation == IoDirection::kRead ? "read " : "write ",
                   ErrorActionName(error.action), error.nospace ? " nospace" : ""));
}

uint64_t EventLog::Count(std::string_view beginning) const {
  return static_cast<uint64_t>(
      std::count_if(lines_.begin(), lines_.end(),
                    [&](const std::string& line) { return line.starts_with(beginning); }));
}

void TestRunState::RequestStop(StopReason reason) {
  control_.Post([this, reason] { Stop(reason); });
}

void TestRunState::Stop(StopReason reason) {
  if (phase_ != Phase::kRunning) return;
  phase_ = Phase::kStopping;
  Spawn(control_, DoStop(*this, reason));
}

// In the order of a real machine: vCPUs and devices take no more, management is told, backends
// become quiet.
Task<void> TestRunState::DoStop(TestRunState& self, StopReason reason) {
  const std::vector<Device*> devices = self.devices_;
  for (Device* device : devices) {
    Completion<bool> paused;
    device->Pause([&paused] { paused.Complete(true); });
    co_await paused;
  }
  self.events_.Add(reason == StopReason::kIoError ? "STOP io-error" : "STOP paused");
  const std::vector<RunStateListener*> listeners = self.listeners_;
  for (RunStateListener* listener : listeners) co_await listener->OnVmStop();
  self.phase_ = Phase::kStopped;
}

void TestRunState::Cont() {
  PLATTER_CHECK(stopped());
  phase_ = Phase::kRunning;
  events_.Add("RESUME");
  for (RunStateListener* listener : listeners_) listener->OnVmRun();
  for (Device* device : devices_) device->Resume();
}

}  // namespace platter

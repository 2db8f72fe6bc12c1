// SPDX-License-Identifier: Apache-2.0
//
// TestRunState: the run state of a machine of tests: stop and cont as a monitor gives them, the
// stop that an error asks for, and the order in which devices, backends and events see it.
//
// Ownership: context and event log outlive it, it outlives its devices and listeners.
// Threading: control context; Stop and Cont from its top level too. Errors: none.

#ifndef PLATTER_TESTING_CONTRACT_TEST_RUN_STATE_H_
#define PLATTER_TESTING_CONTRACT_TEST_RUN_STATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "aio/aio_context.h"
#include "aio/task.h"
#include "blockbackend/events.h"
#include "blockbackend/run_state.h"
#include "devices/device.h"

namespace platter {

// What a management program sees, one line an event: "BLOCK_IO_ERROR write stop nospace",
// "DEVICE_TRAY_MOVED open", "STOP io-error", "RESUME".
class EventLog final : public BlockEventSink {
 public:
  void OnBlockEvent(const BlockEvent& event) override;
  void Add(std::string line) { lines_.push_back(std::move(line)); }
  const std::vector<std::string>& lines() const { return lines_; }
  // How many lines begin so.
  uint64_t Count(std::string_view beginning) const;
  void Clear() { lines_.clear(); }

 private:
  std::vector<std::string> lines_;
};

class TestRunState final : public RunState {
 public:
  TestRunState(AioContext& control, EventLog& events) : control_(control), events_(events) {}

  void AddDevice(Device& device) { devices_.push_back(&device); }
  void RemoveDevice(Device& device) { std::erase(devices_, &device); }

  // Stops the machine, unless it is stopped or stopping.
  void Stop(StopReason reason);
  // The machine runs again; it has stopped.
  void Cont();
  // Devices are paused and backends quiet.
  bool stopped() const { return phase_ == Phase::kStopped; }

  bool running() const override { return phase_ == Phase::kRunning; }
  void RequestStop(StopReason reason) override;
  void AddListener(RunStateListener& listener) override { listeners_.push_back(&listener); }
  void RemoveListener(RunStateListener& listener) override { std::erase(listeners_, &listener); }

 private:
  enum class Phase : uint8_t { kRunning, kStopping, kStopped };

  static Task<void> DoStop(TestRunState& self, StopReason reason);

  AioContext& control_;
  EventLog& events_;
  Phase phase_ = Phase::kRunning;
  std::vector<Device*> devices_;
  std::vector<RunStateListener*> listeners_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_CONTRACT_TEST_RUN_STATE_H_

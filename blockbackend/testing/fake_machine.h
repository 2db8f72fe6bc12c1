// SPDX-License-Identifier: Apache-2.0
//
// FakeMachine: a RunState and an event sink that note in one list, as text, what happened in which
// order: "BLOCK_IO_ERROR write stop", "TRAY open", "REQUEST_STOP", "STOP", "RESUME".
//
// Threading: the control context. Errors: none.

#ifndef PLATTER_BLOCKBACKEND_TESTING_FAKE_MACHINE_H_
#define PLATTER_BLOCKBACKEND_TESTING_FAKE_MACHINE_H_

#include <string>
#include <vector>

#include "aio/task.h"
#include "blockbackend/events.h"
#include "blockbackend/run_state.h"

namespace platter {

class FakeMachine final : public RunState, public BlockEventSink {
 public:
  bool running() const override { return running_; }
  void RequestStop(StopReason) override {
    log.push_back("REQUEST_STOP");
    ++stop_requests;
  }
  void AddListener(RunStateListener& listener) override { listeners_.push_back(&listener); }
  void RemoveListener(RunStateListener& listener) override { std::erase(listeners_, &listener); }

  void OnBlockEvent(const BlockEvent& event) override {
    if (const auto* const error = std::get_if<BlockIoErrorEvent>(&event)) {
      last_error = *error;
      log.push_back(std::string("BLOCK_IO_ERROR ") +
                    (error->operation == IoDirection::kRead ? "read " : "write ") +
                    ErrorActionName(error->action));
    } else {
      const auto& tray = std::get<TrayMovedEvent>(event);
      log.push_back(tray.tray_open ? "TRAY open" : "TRAY closed");
    }
  }

  Task<void> Stop() {
    running_ = false;
    for (RunStateListener* const listener : listeners_) co_await listener->OnVmStop();
    log.push_back("STOP");
  }
  void Run() {
    running_ = true;
    log.push_back("RESUME");
    for (RunStateListener* const listener : listeners_) listener->OnVmRun();
  }
  // Before any backend exists.
  void StartStopped() { running_ = false; }
  size_t listeners() const { return listeners_.size(); }

  std::vector<std::string> log;
  int stop_requests = 0;
  BlockIoErrorEvent last_error;

 private:
  bool running_ = true;
  std::vector<RunStateListener*> listeners_;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_TESTING_FAKE_MACHINE_H_

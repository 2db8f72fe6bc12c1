// SPDX-License-Identifier: Apache-2.0
//
// RunState: how backends stop the machine (error action "stop") and learn that it stops or goes on.
// Machine implements it; an embedder with a run state of its own implements it instead.
//
// Ownership: the RunState outlives its listeners' registration. Threading: control context.

#ifndef PLATTER_BLOCKBACKEND_RUN_STATE_H_
#define PLATTER_BLOCKBACKEND_RUN_STATE_H_

#include <cstdint>

#include "aio/task.h"

namespace platter {

enum class StopReason : uint8_t { kPaused, kIoError };

// A backend, to the run state.
class RunStateListener {
 public:
  // vCPUs are paused. Starts nothing more, waits for what is in flight, flushes.
  virtual Task<void> OnVmStop() = 0;
  // The machine is told to run, also when it does already (a drive may stall): kept requests start
  // again, then parked ones; iostatus is ok.
  virtual void OnVmRun() = 0;

 protected:
  ~RunStateListener() = default;
};

class RunState {
 public:
  virtual bool running() const = 0;
  // Stops the machine soon (not from inside the call); a request that failed is kept meanwhile.
  virtual void RequestStop(StopReason reason) = 0;
  virtual void AddListener(RunStateListener& listener) = 0;
  virtual void RemoveListener(RunStateListener& listener) = 0;

 protected:
  ~RunState() = default;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_RUN_STATE_H_

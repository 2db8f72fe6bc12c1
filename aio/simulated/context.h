// SPDX-License-Identifier: Apache-2.0
//
// SimulatedContext: the AioContext of a SimulatedWorld: virtual time, simulated files, and real
// descriptors if a test watches any. Made by SimulatedWorld::NewContext.
//
// Ownership: the world's. Threading: the world's thread; Post from any.
// Driving: RunReady is a turn of this context if it has something to do, at the present virtual
// time. RunOnce is the world's next turn, which may be another context's; RunUntil goes on until
// its predicate holds, whoever made it true.

#ifndef PLATTER_AIO_SIMULATED_CONTEXT_H_
#define PLATTER_AIO_SIMULATED_CONTEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "aio/aio_context.h"
#include "aio/poll_window.h"
#include "aio/simulated/file_io.h"
#include "aio/timer_queue.h"

namespace platter {

class SimulatedWorld;

class SimulatedContext final : public AioContext {
 public:
  SimulatedContext(SimulatedWorld& world, std::string name);
  ~SimulatedContext() override;

  bool InContext() const override;
  void BindToThisThread() override;
  Instant Now() const override;
  void Watch(FdWatch& watch, int fd, uint32_t events) override;
  void Unwatch(FdWatch& watch) override;
  void AddPoller(Poller& poller) override;
  void RemovePoller(Poller& poller) override;
  void SetPollOptions(PollOptions options) override;
  FileIo& file_io() override { return file_io_; }
  bool RunReady() override;
  void RunOnce() override;
  int PollFd() override { return -1; }
  std::optional<Instant> NextDeadline() override;

 private:
  friend class SimulatedWorld;

  struct WatchEntry {
    FdWatch* watch;
    uint32_t events;
    uint32_t ready;  // True now, not delivered yet.
  };
  // What the context does while it has nothing to do.
  enum class Idle : uint8_t { kNo, kPolling, kAsleep };

  void ArmTimer(Timer& timer) override { timers_.Arm(timer); }
  void DisarmTimer(Timer& timer) override { timers_.Disarm(timer); }
  void WakeUp() override;

  // --- For the world. ---

  bool Ready() const;
  bool Turn();
  // Nothing is ready anywhere: starts a polling window or goes to sleep. True when OnPollEnd
  // found work.
  bool BecomeIdle();
  // Asks the pollers while a window is open; true when one found work.
  bool PollInWindow();
  // When something will happen by itself: a timer, a file operation, the end of the window.
  std::optional<Instant> NextEvent() const;

  bool RunWatches();
  bool AskPollers();
  bool EndPolling();

  SimulatedWorld& world_;
  TimerQueue timers_;
  SimulatedFileIo file_io_;
  std::vector<WatchEntry> watches_;
  std::vector<Poller*> pollers_;
  PollWindow window_;
  Idle idle_ = Idle::kNo;
  bool notifications_off_ = false;  // Between OnPollStart and OnPollEnd.
  bool poll_found_work_ = false;
  Instant idle_since_{};
  Instant window_end_{};
};

}  // namespace platter

#endif  // PLATTER_AIO_SIMULATED_CONTEXT_H_

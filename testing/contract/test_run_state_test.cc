// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/test_run_state.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"

namespace platter {
namespace {

// Notes in which order the run state calls.
class Noting final : public Device, public RunStateListener {
 public:
  Noting(AioContext& context, EventLog& log) : context_(context), log_(log) {}

  const std::string& id() const override { return id_; }
  const char* model() const override { return "noting"; }
  void Reset(DeviceDone done) override { std::move(done)(); }
  void Pause(DeviceDone done) override {
    log_.Add("pause");
    context_.Post(std::move(done));
  }
  void Resume() override { log_.Add("resume"); }
  void Unplug(DeviceDone done) override { std::move(done)(); }
  Task<void> OnVmStop() override {
    log_.Add("backend stops");
    co_return;
  }
  void OnVmRun() override { log_.Add("backend runs"); }

 private:
  AioContext& context_;
  EventLog& log_;
  const std::string id_ = "noting";
};

TEST(TestRunStateTest, StopsAndRunsInOrder) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("control");
  EventLog log;
  TestRunState state(context, log);
  Noting noting(context, log);
  state.AddDevice(noting);
  state.AddListener(noting);

  state.RequestStop(StopReason::kIoError);
  EXPECT_TRUE(state.running()) << "not from inside the call";
  state.RequestStop(StopReason::kPaused);  // Once is enough.
  world.RunUntilIdle();
  EXPECT_TRUE(state.stopped());
  EXPECT_FALSE(state.running());
  state.Cont();
  EXPECT_TRUE(state.running());
  EXPECT_EQ(log.lines(), (std::vector<std::string>{"pause", "STOP io-error", "backend stops",
                                                   "RESUME", "backend runs", "resume"}));
  state.RemoveDevice(noting);
  state.RemoveListener(noting);
  state.Stop(StopReason::kPaused);
  world.RunUntilIdle();
  EXPECT_EQ(log.lines().back(), "STOP paused");
}

TEST(EventLogTest, LinesSayWhatHappened) {
  EventLog log;
  BlockIoErrorEvent error;
  error.operation = IoDirection::kWrite;
  error.action = ErrorAction::kStop;
  error.nospace = true;
  log.OnBlockEvent(error);
  TrayMovedEvent moved;
  moved.tray_open = true;
  log.OnBlockEvent(moved);
  EXPECT_EQ(log.lines(), (std::vector<std::string>{"BLOCK_IO_ERROR write stop nospace",
                                                   "DEVICE_TRAY_MOVED open"}));
  EXPECT_EQ(log.Count("BLOCK_IO_ERROR"), 1u);
}

}  // namespace
}  // namespace platter

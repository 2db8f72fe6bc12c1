// SPDX-License-Identifier: Apache-2.0

#include "machine/run_state_machine.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/await.h"
#include "aio/simulated/world.h"
#include "aio/task.h"

namespace platter {
namespace {

using ::testing::ElementsAre;

using Journal = std::vector<std::string>;

class JournalDevice final : public Device {
 public:
  JournalDevice(AioContext& context, Journal& journal) : context_(context), journal_(journal) {}

  const std::string& id() const override { return id_; }
  const char* model() const override { return "journal"; }
  void Reset(DeviceDone done) override { context_.Post(std::move(done)); }
  void Pause(DeviceDone done) override {
    journal_.emplace_back("device pauses");
    context_.Post(std::move(done));
  }
  void Resume() override { journal_.emplace_back("device resumes"); }
  void Unplug(DeviceDone done) override { context_.Post(std::move(done)); }

 private:
  const std::string id_ = "d0";
  AioContext& context_;
  Journal& journal_;
};

class JournalListener final : public RunStateListener {
 public:
  explicit JournalListener(Journal& journal) : journal_(journal) {}
  Task<void> OnVmStop() override {
    journal_.emplace_back("backend stops");
    co_await SleepFor(Duration(1'000'000));
    journal_.emplace_back("backend is quiet");
  }
  void OnVmRun() override { journal_.emplace_back("backend runs"); }

 private:
  Journal& journal_;
};

class RunStateMachineTest : public testing::Test {
 protected:
  RunStateMachineTest()
      : control_(world_.NewContext("control")),
        device_(control_, journal_),
        listener_(journal_),
        machine_(
            control_,
            {.pause = [this] { journal_.emplace_back("vcpus pause"); },
             .resume = [this] { journal_.emplace_back("vcpus run"); }},
            {.stopped =
                 [this](StopReason reason) {
                   journal_.emplace_back(reason == StopReason::kIoError ? "STOP io-error" : "STOP");
                 },
             .resumed = [this] { journal_.emplace_back("RESUME"); }}) {
    machine_.AddDevice(device_);
    machine_.AddListener(listener_);
  }
  ~RunStateMachineTest() override {
    BlockOn(control_, machine_.Settle());
    machine_.RemoveListener(listener_);
    machine_.RemoveDevice(device_);
  }

  SimulatedWorld world_{1};
  Journal journal_;
  AioContext& control_;
  JournalDevice device_;
  JournalListener listener_;
  RunStateMachine machine_;
};

TEST_F(RunStateMachineTest, StopsAndGoesOnInOrder) {
  EXPECT_TRUE(machine_.running());
  BlockOn(control_, machine_.Stop(StopReason::kPaused));
  EXPECT_EQ(machine_.state(), MachineState::kPaused);
  EXPECT_THAT(journal_, ElementsAre("vcpus pause", "device pauses", "STOP", "backend stops",
                                    "backend is quiet"));
  journal_.clear();
  BlockOn(control_, machine_.Cont());
  EXPECT_EQ(machine_.state(), MachineState::kRunning);
  EXPECT_THAT(journal_, ElementsAre("RESUME", "backend runs", "device resumes", "vcpus run"));
}

TEST_F(RunStateMachineTest, SettledIsWhenEveryRequestedStopIsOver) {
  machine_.RequestStop(StopReason::kIoError);
  machine_.RequestStop(StopReason::kIoError);
  BlockOn(control_, machine_.Settle());
  ASSERT_FALSE(journal_.empty());
  EXPECT_EQ(journal_.back(), "backend is quiet");
  // Nothing is left to run; the destructor checks that too.
  journal_.clear();
  BlockOn(control_, machine_.Settle());
  EXPECT_TRUE(journal_.empty());
}

TEST_F(RunStateMachineTest, ARequestedStopHappensLaterAndOnce) {
  machine_.RequestStop(StopReason::kIoError);
  machine_.RequestStop(StopReason::kIoError);
  EXPECT_TRUE(journal_.empty());
  world_.RunUntil([&] { return machine_.state() == MachineState::kIoError; });
  BlockOn(control_, machine_.Stop(StopReason::kPaused));  // Waits for the one under way.
  EXPECT_EQ(machine_.state(), MachineState::kIoError);
  EXPECT_THAT(journal_, ElementsAre("vcpus pause", "device pauses", "STOP io-error",
                                    "backend stops", "backend is quiet"));
}

TEST_F(RunStateMachineTest, ContDuringAStopWaitsForItsEnd) {
  machine_.RequestStop(StopReason::kPaused);
  world_.RunUntil([&] { return !journal_.empty(); });
  BlockOn(control_, machine_.Cont());
  EXPECT_TRUE(machine_.running());
  EXPECT_THAT(journal_, ElementsAre("vcpus pause", "device pauses", "STOP", "backend stops",
                                    "backend is quiet", "RESUME", "backend runs", "device resumes",
                                    "vcpus run"));
}

TEST_F(RunStateMachineTest, ContWhenRunningTellsBackendsOnlyAndStopWhenStoppedNobody) {
  BlockOn(control_, machine_.Cont());
  EXPECT_THAT(journal_, ElementsAre("backend runs"));
  BlockOn(control_, machine_.Stop(StopReason::kPaused));
  const size_t steps = journal_.size();
  BlockOn(control_, machine_.Stop(StopReason::kIoError));
  EXPECT_EQ(journal_.size(), steps);
  EXPECT_EQ(machine_.state(), MachineState::kPaused);
}

TEST(MachineStateTest, NamesAreTheFields) {
  EXPECT_STREQ(MachineStateName(MachineState::kRunning), "running");
  EXPECT_STREQ(MachineStateName(MachineState::kPaused), "paused");
  EXPECT_STREQ(MachineStateName(MachineState::kIoError), "io-error");
  EXPECT_STREQ(MachineStateName(MachineState::kIncoming), "inmigrate");
}

}  // namespace
}  // namespace platter

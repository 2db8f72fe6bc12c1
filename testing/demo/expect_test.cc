// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/expect.h"

#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "testing/demo/stage_fixture.h"

namespace platter {
namespace {

const ExpectedError kError = {.device_id = "d", .operation = IoDirection::kRead};

class ExpectTest : public StageFixture {
 protected:
  void SetUp() override {
    StageFixture::SetUp();
    Open();
  }
  // As if the machine had told its owner.
  void Tell(const MachineEvent& event) { stage_->events().OnMachineEvent(event); }
  void TellError(ErrorAction action) {
    BlockIoErrorEvent event;
    event.device_id = "d";
    event.action = action;
    Tell(event);
  }
  void TellTray(const std::string& id, bool open) {
    TrayMovedEvent event;
    event.device_id = id;
    event.tray_open = open;
    Tell(event);
  }
};

TEST_F(ExpectTest, TheTrayHasToMoveAsExpected) {
  TellTray("cd0", true);
  EXPECT_TRUE(ExpectTrayMoved(*stage_, "cd0", TrayNow::kOpen).ok());
  EXPECT_EQ(MessageOf(ExpectTrayMoved(*stage_, "cd0", TrayNow::kClosed)),
            "DEVICE_TRAY_MOVED tray-open=false did not happen within 200 ms");
  TellTray("cd0", true);
  EXPECT_FALSE(ExpectTrayMoved(*stage_, "cd0", TrayNow::kClosed).ok());
  TellTray("cd1", true);
  EXPECT_FALSE(ExpectTrayMoved(*stage_, "cd0", TrayNow::kOpen).ok());
}

TEST_F(ExpectTest, AnErrorIsAboutARequestAndAnAction) {
  TellError(ErrorAction::kReport);
  EXPECT_TRUE(ExpectIoError(*stage_, kError, ErrorAction::kReport).ok());
  TellError(ErrorAction::kReport);
  EXPECT_EQ(MessageOf(ExpectIoError(*stage_, kError, ErrorAction::kIgnore)),
            "BLOCK_IO_ERROR tells of another action");
  TellError(ErrorAction::kReport);
  EXPECT_EQ(MessageOf(ExpectIoError(*stage_, {.device_id = "d"}, ErrorAction::kReport)),
            "BLOCK_IO_ERROR is about something else");
}

TEST_F(ExpectTest, AMachineThatRunsHasNotStopped) {
  TellError(ErrorAction::kStop);
  Tell(StopEvent{});
  EXPECT_EQ(MessageOf(ExpectStopped(*stage_, kError)), "the machine did not stop for an I/O error");
  EXPECT_TRUE(ExpectRunning(*stage_).ok());
}

TEST_F(ExpectTest, AMachineThatStandsStillDoesNotRun) {
  stage_->Run(stage_->machine().Stop());
  ASSERT_TRUE(stage_->events().Take<StopEvent>().has_value());
  EXPECT_EQ(MessageOf(ExpectRunning(*stage_)), "the machine does not run on");
  EXPECT_TRUE(Cont(*stage_).ok());
  EXPECT_TRUE(ExpectRunning(*stage_).ok());
}

TEST_F(ExpectTest, AnUnpluggedDeviceHasGone) {
  EXPECT_EQ(MessageOf(Unplug(*stage_, "sd0")), "");
  EXPECT_EQ(stage_->machine().FindDevice("sd0"), nullptr);
  EXPECT_NE(MessageOf(Unplug(*stage_, "sd0")), "");
  stage_->events().Lose([](const MachineEvent&) { return true; });
  EXPECT_EQ(MessageOf(Unplug(*stage_, "scsi0")), "DEVICE_DELETED of scsi0 did not come");
}

}  // namespace
}  // namespace platter

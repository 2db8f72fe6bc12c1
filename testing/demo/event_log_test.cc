// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/event_log.h"

#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace platter {
namespace {

class EventLogTest : public testing::Test {
 protected:
  std::ostringstream out_;
  Narrator narrator_{out_, {}};
  EventLog log_{narrator_};
};

TEST_F(EventLogTest, EventsAreToldByTheirNames) {
  EXPECT_EQ(EventText(BlockIoErrorEvent{.backend = {},
                                        .device_id = "vdb",
                                        .node_name = {},
                                        .operation = IoDirection::kWrite,
                                        .action = ErrorAction::kStop,
                                        .nospace = true,
                                        .reason = {}}),
            "BLOCK_IO_ERROR device=vdb operation=write action=stop nospace=true");
  EXPECT_EQ(EventText(TrayMovedEvent{.backend = {}, .device_id = "cd0", .tray_open = true}),
            "DEVICE_TRAY_MOVED id=cd0 tray-open=true");
  EXPECT_EQ(EventText(StopEvent{}), "STOP");
  EXPECT_EQ(EventText(ResumeEvent{}), "RESUME");
  EXPECT_EQ(EventText(ResetEvent{}), "RESET");
  EXPECT_EQ(EventText(DeviceDeletedEvent{"vdb"}), "DEVICE_DELETED device=vdb");
  EXPECT_EQ(
      EventText(WriteThresholdEvent{.node_name = "n", .write_threshold = 8, .amount_exceeded = 1}),
      "BLOCK_WRITE_THRESHOLD node-name=n write-threshold=8 amount-exceeded=1");
  log_.OnMachineEvent(StopEvent{});
  EXPECT_NE(out_.str().find("STOP"), std::string::npos);
}

TEST_F(EventLogTest, EventsAreTakenInTheirOrder) {
  log_.OnMachineEvent(BlockIoErrorEvent{});
  log_.OnMachineEvent(StopEvent{});
  EXPECT_FALSE(log_.Take<StopEvent>().has_value());
  EXPECT_TRUE(log_.Take<BlockIoErrorEvent>().has_value());
  EXPECT_TRUE(log_.Take<StopEvent>().has_value());
  EXPECT_EQ(log_.size(), 0u);
}

TEST_F(EventLogTest, LostEventsDoNotArrive) {
  log_.Lose([](const MachineEvent& event) { return std::holds_alternative<StopEvent>(event); });
  log_.OnMachineEvent(StopEvent{});
  log_.OnMachineEvent(ResumeEvent{});
  EXPECT_EQ(log_.size(), 1u);
  EXPECT_EQ(log_.FirstText(), "RESUME");
}

}  // namespace
}  // namespace platter

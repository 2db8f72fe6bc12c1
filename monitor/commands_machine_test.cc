// SPDX-License-Identifier: Apache-2.0

#include <string>

#include "gtest/gtest.h"

#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

constexpr const char* kDone = MonitorRig::kDone;

std::string Event(const std::string& name, const std::string& data = "") {
  return R"({"timestamp": {"seconds": 0, "microseconds": 0}, "event": ")" + name + "\"" +
         (data.empty() ? "" : ", \"data\": " + data) + "}";
}
std::string Status(const std::string& status, bool running) {
  return R"({"return": {"status": ")" + status + R"(", "singlestep": false, "running": )" +
         (running ? "true" : "false") + "}}";
}

TEST(CommandsMachineTest, StopAndContTellTheirEventsFirst) {
  MonitorRig rig;
  EXPECT_EQ(rig.Run("query-status"), Lines{Status("running", true)});
  EXPECT_EQ(rig.Run("stop"), (Lines{Event("STOP"), kDone}));
  EXPECT_EQ(rig.Run("stop"), Lines{kDone});
  EXPECT_EQ(rig.Run("query-status"), Lines{Status("paused", false)});
  EXPECT_EQ(rig.Run("cont"), (Lines{Event("RESUME"), kDone}));
  EXPECT_EQ(rig.Run("cont"), Lines{kDone});
}

TEST(CommandsMachineTest, AResetIsDoneWhenItIsAnswered) {
  MonitorRig rig;
  rig.Run("blockdev-open-tray", R"({"id": "cd0"})");
  const Lines lines = rig.Run("system_reset");
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(lines.front(), MonitorRig::TrayEvent(false)) << "a machine reset closes the tray";
  EXPECT_EQ(lines[lines.size() - 2],
            Event("RESET", R"({"guest": false, "reason": "host-qmp-system-reset"})"));
  EXPECT_EQ(lines.back(), kDone);
}

TEST(CommandsMachineTest, QuitSaysSoAndAsksTheProgramToEnd) {
  MonitorRig rig;
  EXPECT_EQ(rig.quits(), 0);
  EXPECT_EQ(rig.Run("quit"),
            (Lines{Event("SHUTDOWN", R"({"guest": false, "reason": "host-qmp-quit"})"), kDone}));
  EXPECT_EQ(rig.quits(), 1);
}

TEST(CommandsMachineTest, TheMachineHasNoName) {
  MonitorRig rig;
  EXPECT_EQ(rig.Run("query-name"), Lines{kDone});
  EXPECT_NE(rig.Refusal("stop", R"({"now": true})").find("stop.now: unknown option"),
            std::string::npos);
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include <string>

#include "gtest/gtest.h"

#include "monitor/all_commands.h"
#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

size_t Count(const std::string& line) {
  const absl::StatusOr<Value> reply = ParseJson(line, "reply");
  EXPECT_TRUE(reply.ok()) << line;
  return reply->Find("return")->as_list().size();
}

TEST(CommandsMonitorTest, TheListsAreThoseOfTheTables) {
  MonitorRig rig;
  const std::string commands = rig.Run("query-commands").at(0);
  EXPECT_EQ(Count(commands), AllCommands().rows().size());
  EXPECT_NE(commands.find(R"({"name": "query-commands"})"), std::string::npos);
  EXPECT_NE(commands.find(R"({"name": "qmp_capabilities"})"), std::string::npos);
  const std::string events = rig.Run("query-events").at(0);
  EXPECT_EQ(Count(events), QmpEventRows().size());
  EXPECT_NE(events.find(R"({"name": "DEVICE_TRAY_MOVED"})"), std::string::npos);
  EXPECT_NE(rig.Run("query-version").at(0).find(R"("package": "Platter)"), std::string::npos);
  EXPECT_GT(Count(rig.Run("query-qmp-schema").at(0)), AllCommands().rows().size());
}

}  // namespace
}  // namespace platter

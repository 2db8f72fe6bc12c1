// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_events.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "config/json.h"

namespace platter {
namespace {

struct Lines final : QmpEventListener {
  void OnQmpEvent(const std::string& line) override { lines.push_back(line); }
  std::vector<std::string> lines;
};

struct Counter final : MachineEventSink {
  void OnMachineEvent(const MachineEvent&) override { ++count; }
  int count = 0;
};

constexpr char kTime[] = R"({"timestamp": {"seconds": 17, "microseconds": 5}, "event": )";

class QmpEventsTest : public testing::Test {
 protected:
  QmpEventsTest() { events_.AddListener(lines_); }
  std::string Tell(const MachineEvent& event) {
    events_.OnMachineEvent(event);
    return Last();
  }
  std::string Last() {
    const std::string line = lines_.lines.back();
    EXPECT_TRUE(line.starts_with(kTime)) << line;
    return line.substr(sizeof(kTime) - 1);
  }

  QmpEvents events_{[] { return std::chrono::microseconds(17000005); }};
  Lines lines_;
};

TEST_F(QmpEventsTest, EveryEventOfAMachineHasItsName) {
  EXPECT_EQ(Tell(StopEvent{}), R"("STOP"})");
  EXPECT_EQ(Tell(ResumeEvent{}), R"("RESUME"})");
  EXPECT_EQ(Tell(TrayMovedEvent{.backend = "", .device_id = "cd0", .tray_open = true}),
            R"("DEVICE_TRAY_MOVED", "data": {"device": "", "tray-open": true, "id": "cd0"}})");
  events_.EmitExportDeleted("e");
  EXPECT_EQ(Last(), R"("BLOCK_EXPORT_DELETED", "data": {"id": "e"}})");
  EXPECT_EQ(Tell(DeviceDeletedEvent{"vd0"}),
            R"("DEVICE_DELETED", "data": {"device": "vd0", "path": "/machine/peripheral/vd0"}})");
  EXPECT_EQ(
      Tell(WriteThresholdEvent{.node_name = "n0", .write_threshold = 4096, .amount_exceeded = 512}),
      R"("BLOCK_WRITE_THRESHOLD", "data": {"node-name": "n0", "amount-exceeded": 512, )"
      R"("write-threshold": 4096}})");
  EXPECT_EQ(Tell(BlockIoErrorEvent{.backend = "b",
                                   .device_id = "vd0",
                                   .node_name = "n0",
                                   .operation = IoDirection::kWrite,
                                   .action = ErrorAction::kStop,
                                   .nospace = true,
                                   .reason = "No space left on device"}),
            R"("BLOCK_IO_ERROR", "data": {"device": "b", "qom-path": "/machine/peripheral/vd0", )"
            R"("node-name": "n0", "operation": "write", "action": "stop", "nospace": true, )"
            R"("reason": "No space left on device"}})");
  events_.EmitShutdown();
  EXPECT_EQ(Last(), R"("SHUTDOWN", "data": {"guest": false, "reason": "host-qmp-quit"}})");
}

TEST_F(QmpEventsTest, AResetSaysWhoWantedIt) {
  EXPECT_EQ(Tell(ResetEvent{}), R"("RESET", "data": {"guest": true, "reason": "guest-reset"}})");
  const QmpEvents::HostReset scope(events_);
  EXPECT_EQ(Tell(ResetEvent{}),
            R"("RESET", "data": {"guest": false, "reason": "host-qmp-system-reset"}})");
}

TEST_F(QmpEventsTest, TheRowsSayWhatIsSent) {
  events_.EmitExportDeleted("e");
  BlockIoErrorEvent error;
  error.device_id = "d";
  error.node_name = "n";
  Tell(error);
  Tell(WriteThresholdEvent{});
  Tell(DeviceDeletedEvent{});
  Tell(TrayMovedEvent{});
  Tell(ResetEvent{});
  Tell(ResumeEvent{});
  events_.EmitShutdown();
  Tell(StopEvent{});
  const std::vector<QmpEventRow> rows = QmpEventRows();
  ASSERT_EQ(rows.size(), lines_.lines.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const absl::StatusOr<Value> event = ParseJson(lines_.lines[i], "event");
    ASSERT_TRUE(event.ok()) << event.status();
    EXPECT_EQ(event->Find("event")->as_string(), rows[i].name);
    const Value* const data = event->Find("data");
    ASSERT_EQ(data == nullptr, rows[i].data.empty()) << rows[i].name;
    if (data == nullptr) continue;
    ASSERT_EQ(data->as_object().size(), rows[i].data.size()) << rows[i].name;
    for (size_t j = 0; j < rows[i].data.size(); ++j) {
      const QmpEventField& field = rows[i].data[j];
      const Value::Member& member = data->as_object()[j];
      EXPECT_EQ(member.name, field.name);
      EXPECT_EQ(member.value.is_bool(), field.type == "bool") << field.name;
      if (!field.type.starts_with("enum ")) continue;
      EXPECT_NE(field.type.find(member.value.as_string()), std::string::npos) << field.name;
    }
  }
}

TEST_F(QmpEventsTest, WhoStopsListeningHearsNoMore) {
  Counter counter;
  events_.PassOnTo(counter);
  events_.RemoveListener(lines_);
  events_.OnMachineEvent(StopEvent{});
  EXPECT_TRUE(lines_.lines.empty());
  EXPECT_EQ(counter.count, 1);
}

}  // namespace
}  // namespace platter

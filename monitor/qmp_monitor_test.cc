// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_monitor.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "monitor/monitor_fixture.h"
#include "monitor/proto/machine.pb.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

// A command that ends when the test says so, and notes what runs at the same time.
struct Held {
  AsyncEvent go;
  int begun = 0;
  int running = 0;
  int most = 0;
};
Held* held = nullptr;

Task<QmpResult> Hold(CommandContext /*context*/, qmp::NoArguments /*arguments*/) {
  ++held->begun;
  held->most = std::max(held->most, ++held->running);
  co_await held->go.Wait();
  --held->running;
  co_return NothingToReturn();
}

class QmpMonitorTest : public testing::Test {
 protected:
  QmpMonitorTest() { held = &state_; }

  static CommandTable Table() {
    CommandTable table;
    table.Add({CommandFor<&Hold>("hold", CommandReturns::kNothing)});
    return table;
  }
  static Task<void> Run(QmpMonitor* monitor, std::string command, int* ended) {
    // Named: g++ 12 destroys an aggregate that is a part of the awaited expression twice.
    QmpRequest request{.command = std::move(command), .arguments = Value::FromObject({})};
    co_await monitor->Execute(std::move(request), [ended](QmpResult) { ++*ended; });
  }

  MonitorRig rig_;
  Held state_;
  QmpMonitor monitor_{{.machine = &rig_.machine(), .events = &rig_.events(), .quit = {}}, Table()};
};

TEST_F(QmpMonitorTest, CommandsRunOneAtATime) {
  int ended = 0;
  for (int i = 0; i < 3; ++i) Spawn(rig_.control(), Run(&monitor_, "hold", &ended));
  rig_.world().RunUntilIdle();
  EXPECT_EQ(state_.running, 1);
  EXPECT_EQ(ended, 0);
  state_.go.Set();
  rig_.world().RunUntilIdle();
  EXPECT_EQ(ended, 3);
  EXPECT_EQ(state_.most, 1);
}

TEST_F(QmpMonitorTest, AnUnknownCommandWaitsForNobody) {
  int ended = 0;
  Spawn(rig_.control(), Run(&monitor_, "hold", &ended));
  absl::Status said;
  BlockOn(rig_.control(),
          monitor_.Execute({.command = "nosuch", .arguments = Value::FromObject({})},
                           [&said](QmpResult result) { said = result.status(); }));
  EXPECT_EQ(ErrorClassOf(said), QmpErrorClass::kCommandNotFound);
  EXPECT_EQ(MessageOf(said), "The command nosuch has not been found");
  state_.go.Set();
  rig_.world().RunUntilIdle();
  EXPECT_EQ(ended, 1);
}

TEST_F(QmpMonitorTest, SettlingWaitsForTheCommandOfAClientThatWent) {
  CollectedLines output;
  auto session = std::make_shared<QmpSession>(monitor_, output);
  session->Start();
  session->Receive(R"({"execute": "qmp_capabilities"}{"execute": "hold"}{"execute": "hold"})");
  rig_.world().RunUntilIdle();
  session->Close();
  session.reset();
  bool settled = false;
  const auto wait = [](QmpMonitor* monitor, bool* done) -> Task<void> {
    co_await monitor->Settle();
    *done = true;
  };
  Spawn(rig_.control(), wait(&monitor_, &settled));
  rig_.world().RunUntilIdle();
  EXPECT_FALSE(settled);
  state_.go.Set();
  rig_.world().RunUntilIdle();
  EXPECT_TRUE(settled);
  EXPECT_EQ(state_.running, 0);
  EXPECT_EQ(state_.begun, 1) << "what had not begun was not done";
}

}  // namespace
}  // namespace platter

// SPDX-License-Identifier: Apache-2.0

#include "testing/qmp/served_machine.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "gtest/gtest.h"

#include "aio/socket_folder.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/machine.pb.h"
#include "monitor/test_client.h"

namespace platter {
namespace {

constexpr char kDrive[] = R"(
    blockdevs { node_name: "disc" read_only: true memory { size: 204800 } }
    devices { id: "cd0" ide_cd { drive: "disc" } })";

class ServedMachineTest : public testing::Test {
 protected:
  void Make(const std::string& config, ServedMachineOptions options) {
    options.socket = folder_.path() + "/qmp";
    served_.reset();
    auto made = ServedMachine::Create(*ParseMachineText(config), options, log_);
    ASSERT_TRUE(made.ok()) << made.status();
    served_ = *std::move(made);
    client_.emplace(options.socket);
    ASSERT_TRUE(Line().starts_with("{\"QMP\""));
    ASSERT_EQ(Say(R"({"execute": "qmp_capabilities"})"), R"({"return": {}})");
  }
  std::string Line() {
    std::optional<std::string> line;
    const auto come = [&] {
      if (!line.has_value()) line = client_->TakeLine();
      return line.has_value();
    };
    Run(come);
    return line.value_or("it ended");
  }
  void Run(absl::FunctionRef<bool()> stop) {
    served_->Run(stop, [&](std::string_view what) { did_.emplace_back(what); });
  }
  std::string Say(const std::string& text) {
    client_->Send(text);
    return Line();
  }

  StderrLog log_;
  SocketFolder folder_;
  std::unique_ptr<ServedMachine> served_;
  std::optional<TestClient> client_;
  std::vector<std::string> did_;
};

TEST_F(ServedMachineTest, AGuestHoldsItsDiscUntilItIsAsked) {
  Make(kDrive, {.guest = ServedMachineOptions::Guest::kUsesDiscs});
  EXPECT_NE(Say(R"({"execute": "eject", "arguments": {"id": "cd0"}})").find("'cd0' is locked"),
            std::string::npos);
  EXPECT_NE(Line().find(R"("tray-open": true)"), std::string::npos);
  EXPECT_EQ(Say(R"({"execute": "eject", "arguments": {"id": "cd0"}})"), R"({"return": {}})");
  Run([this] { return !did_.empty(); });
  EXPECT_EQ(did_, std::vector<std::string>{"cd0: unlocked and opened"});
}

TEST_F(ServedMachineTest, ItStopsAndQuitsWhateverItsGuestIsDoing) {
  Make(kDrive, {.guest = ServedMachineOptions::Guest::kUsesDiscs});
  for (int turns = 0; turns < 20; ++turns) {
    EXPECT_NE(Say(R"({"execute": "stop"})").find("STOP"), std::string::npos);
    EXPECT_EQ(Line(), R"({"return": {}})");
    EXPECT_NE(Say(R"({"execute": "query-status"})").find("paused"), std::string::npos);
    EXPECT_NE(Say(R"({"execute": "cont"})").find("RESUME"), std::string::npos);
    EXPECT_EQ(Line(), R"({"return": {}})");
    // The guest looks ten times a second, and is a few milliseconds at it.
    const Instant until = served_->control().Now() + std::chrono::milliseconds(7 * turns);
    Run([&] { return served_->control().Now() >= until; });
  }
  EXPECT_NE(Say(R"({"execute": "stop"})").find("STOP"), std::string::npos);
  EXPECT_EQ(Line(), R"({"return": {}})");
  client_->Send(R"({"execute": "quit"})");
  Run([] { return false; });
  served_.reset();
}

TEST_F(ServedMachineTest, AGuestBeginsWhenItsMachineFirstRuns) {
  for (const auto start :
       {ServedMachineOptions::Start::kStopped, ServedMachineOptions::Start::kIncoming}) {
    Make(kDrive, {.guest = ServedMachineOptions::Guest::kUsesDiscs, .start = start});
    const BlockBackendRef drive = served_->machine().BackendOfDevice("cd0");
    const Instant until = served_->control().Now() + std::chrono::milliseconds(150);
    Run([&] { return served_->control().Now() >= until; });
    EXPECT_FALSE(drive->medium_locked());
    client_->Send(R"({"execute": "cont"})");
    Run([&] { return drive->medium_locked(); });
    client_.reset();
  }
}

TEST_F(ServedMachineTest, QuitEndsIt) {
  Make(kDrive, {.start = ServedMachineOptions::Start::kStopped});
  EXPECT_NE(Say(R"({"execute": "query-status"})").find("paused"), std::string::npos);
  client_->Send(R"({"execute": "quit"})");
  served_->Run([] { return false; }, [](std::string_view) {});
  EXPECT_NE(client_->TakeLine()->find("SHUTDOWN"), std::string::npos);
}

TEST_F(ServedMachineTest, AConfigurationThatCannotBeIsNamed) {
  config::MachineConfig config = *ParseMachineText(kDrive);
  config.mutable_devices(0)->mutable_ide_cd()->set_drive("nosuch");
  const auto made = ServedMachine::Create(config, {}, log_);
  EXPECT_NE(MessageOf(made.status()).find("'nosuch'"), std::string::npos);
}

}  // namespace
}  // namespace platter
